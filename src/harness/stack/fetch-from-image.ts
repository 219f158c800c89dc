import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stackBroke } from '../../core/errors.ts';
import type { ContainerEngine } from '../clients/container-engine.ts';
import { defaultCacheDir, parseStamp, STAMP } from '../setup/cache.ts';
import type { Fetch } from '../setup/fetch-context.ts';
import { entryDigest } from '../setup/lock.ts';
import { listFiles } from '../setup/verify.ts';
import { buildTarget } from './images.ts';

/**
 * Fetches an artifact that this machine itself loads without its package clients: doorbuster fetches it in a build
 * stage, verified against the lock, and its files are extracted from the image.
 */
export function fromImage(engine: ContainerEngine, cacheDir = defaultCacheDir()): Fetch {
  return async (artifact, { partial, signal, onStep }) => {
    const { name } = artifact;
    const tag = `doorbuster/files:${name}-${entryDigest(artifact).slice(0, 12)}`;
    onStep('in a build stage');
    const target = { target: 'files', tag, artifacts: [], args: { ARTIFACT: name }, onStep };
    await buildTarget(target, { engine, cacheDir, signal });
    onStep('copying it from its image');
    await engine.extractFiles({ image: tag, path: '/files', into: partial.files });
    onStep('verifying');
    const stamp = parseStamp(await readFile(join(partial.files, STAMP), 'utf8'));
    const found = await listFiles(partial.files, signal);
    if (stamp?.digest === entryDigest(artifact) && isDeepStrictEqual(stamp.files, found)) return {};
    throw stackBroke(
      `the image ${tag} contains another ${name} than was built`,
      `docker rmi ${tag}`,
    );
  };
}
