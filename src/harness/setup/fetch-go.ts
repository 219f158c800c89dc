import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { badInput } from '../../core/errors.ts';
import { runClient } from './client.ts';
import type { FetchContext, Fetched } from './fetch-context.ts';
import { type LockedGoBuild, thisPlatform } from './lock.ts';
import { mismatch } from './verify.ts';
import { atLeast, parseVersion } from './versions.ts';

const downloaded = z.object({ Dir: z.string(), Sum: z.string() });

/**
 * Builds a Go program from its module, whose hash is checked against the lock. It is built in its own folder,
 * where go.sum pins every dependency. A Go that is too old downloads the locked compiler, which module proxies
 * provide as a module.
 */
export async function fetchGoBuild(
  artifact: LockedGoBuild,
  context: FetchContext,
): Promise<Fetched> {
  const { partial, signal, onStep } = context;
  const purpose = `building ${artifact.name} ${artifact.version}`;
  onStep('fetching its sources');
  const go = await compiler(artifact, context, purpose);
  const env = goEnv(context, go.root);
  const module = await goModule(go, artifact.go, artifact.sum, context, purpose);
  const call = { command: go.command, cwd: module, env, signal, purpose };
  const packages = await runClient({ ...call, args: ['list', '-deps', '.'] });
  const total = packages.split('\n').length;
  let compiled = 0;
  onStep('compiling', 0);
  await runClient({
    ...call,
    args: ['build', '-v', '-trimpath', '-o', join(partial.files, artifact.binary), '.'],
    onLine: (line) => {
      if (line.startsWith('go: ')) return;
      compiled = Math.min(total, compiled + 1);
      onStep('compiling', compiled / total);
    },
  });
  return { builtWith: go.version };
}

interface Compiler {
  readonly command: string;
  readonly version: string;
  /** GOROOT of a downloaded compiler, which must not find the files of the installed Go. */
  readonly root?: string;
}

/** The Go on PATH if it is new enough, otherwise the locked one. */
async function compiler(
  artifact: LockedGoBuild,
  context: FetchContext,
  purpose: string,
): Promise<Compiler> {
  const said = await runClient({
    command: 'go',
    args: ['version'],
    cwd: context.partial.work,
    env: goEnv(context),
    signal: context.signal,
    purpose,
  });
  const version = /\bgo(\d+\.\d+(\.\d+)?)/.exec(said)?.[1] ?? '0';
  if (atLeast(parseVersion(version), parseVersion(artifact.minimumGo))) {
    return { command: 'go', version: `go${version}` };
  }
  const toolchain = artifact.toolchains[thisPlatform];
  if (!toolchain) {
    throw badInput(
      `${artifact.name} needs Go ${artifact.minimumGo} or newer, this is ${version}, and no ` +
        `compiler is pinned for ${thisPlatform}`,
      `install Go ${artifact.minimumGo}, or put a minio on PATH`,
    );
  }
  context.onStep('fetching its compiler');
  const old = { command: 'go', version };
  const root = await goModule(old, toolchain.go, toolchain.sum, context, purpose);
  await makeExecutable(root);
  return {
    command: join(root, 'bin', 'go'),
    version: toolchain.go.replace(/^.*-(go[\d.]+)\..*$/, '$1'),
    root,
  };
}

/** Downloads a module into Go's own cache, checks its hash against the lock, and returns its folder. */
async function goModule(
  go: Compiler,
  module: string,
  sum: string,
  context: FetchContext,
  purpose: string,
): Promise<string> {
  const json = await runClient({
    command: go.command,
    args: ['mod', 'download', '-json', module],
    cwd: context.partial.work,
    env: goEnv(context, go.root),
    signal: context.signal,
    purpose,
  });
  const { Dir, Sum } = downloaded.parse(JSON.parse(json.slice(json.indexOf('{'))));
  if (Sum !== sum) throw mismatch(module, sum, Sum, 'go clean -modcache, then: doorbuster setup');
  return Dir;
}

/** Go before 1.21 does not mark the programs of a downloaded toolchain as executable. */
async function makeExecutable(root: string): Promise<void> {
  const folders = [join(root, 'bin')];
  const tools = join(root, 'pkg', 'tool');
  for (const name of await readdir(tools)) folders.push(join(tools, name));
  for (const folder of folders) {
    for (const name of await readdir(folder)) await chmod(join(folder, name), 0o755);
  }
}

/** No cgo, so that no C compiler is needed; none of the user's flags, which may not fit. */
function goEnv(context: FetchContext, root?: string): Record<string, string | undefined> {
  return {
    ...context.env,
    ...(root === undefined ? {} : { GOROOT: root }),
    CGO_ENABLED: '0',
    GOFLAGS: '-buildvcs=false',
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    GO111MODULE: 'on',
    GOTMPDIR: context.partial.work,
  };
}
