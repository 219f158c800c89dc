import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { extract } from 'tar-fs';
import { badInput } from '../core/errors.ts';
import { packageRoot } from '../harness/entry.ts';
import type { WantedDesign } from './design-rounds.ts';

/** A side of a gate, as typed. */
interface TypedSide {
  readonly name: 'base' | 'head';
  /** A scenario, a pipeline's folder, the name of a shipped pipeline, or one of the first two at a git ref: `main:pipelines/mine`. */
  readonly what: string;
  /** Overrides of this side only. */
  readonly set: readonly string[];
}

/** What both sides have in common. */
interface Common {
  /** The scenario of a side that is a pipeline. */
  readonly scenario: string;
  /** Overrides of both sides. */
  readonly set: readonly string[];
  /** Folder for what is taken out of git; it stays, so that a trial can be repeated. */
  readonly dir: string;
}

const MANIFEST = 'pipeline.yaml';
/** Largest archive of a pipeline or a scenario, bytes. */
const MAX_ARCHIVE_BYTES = 64 * 2 ** 20;

/** The design that a side means. Throws DoorbusterError (exit 2) for one that is none. */
export async function sideOf(
  { name, what, set }: TypedSide,
  common: Common,
): Promise<WantedDesign> {
  const label = `${name} ${[what, ...set].join(' ')}`;
  const path = await pathOf({ name, what }, common);
  const own = { label, set: [...common.set, ...set] };
  if (path === null || (existsSync(path) && statSync(path).isDirectory())) {
    // Without a slash in front it would be the name of a shipped pipeline.
    const use =
      path === null ? what : isAbsolute(path) || path.startsWith('.') ? path : `./${path}`;
    if (path !== null && !existsSync(join(path, MANIFEST))) {
      throw badInput(
        `--${name} ${what} is a folder without ${MANIFEST}, and not a pipeline`,
        `--${name} pipelines/mine`,
      );
    }
    return { ...own, scenario: common.scenario, set: [`pipeline.use=${use}`, ...own.set] };
  }
  return { ...own, scenario: path };
}

/** The path of a side; null: it is the name of a shipped pipeline. */
async function pathOf(
  { name, what }: Pick<TypedSide, 'name' | 'what'>,
  { dir }: Common,
): Promise<string | null> {
  if (existsSync(what) || existsSync(join(packageRoot, what))) return what;
  if (existsSync(join(packageRoot, 'pipelines', what, MANIFEST))) return null;
  const colon = what.indexOf(':');
  if (colon > 0) return atRef(what.slice(0, colon), what.slice(colon + 1), join(dir, name));
  throw badInput(
    `--${name} ${what} is no scenario, no pipeline and no git ref with a path`,
    `--${name} scenarios/quick.yaml, pipelines/mine or main:pipelines/mine`,
  );
}

/** Extracts a path at a git ref into a folder; returns where it is there. */
async function atRef(ref: string, path: string, into: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    'git',
    // Neither is an option, whatever it begins with.
    ['archive', '--format=tar', '--end-of-options', ref, path],
    { encoding: 'buffer', maxBuffer: MAX_ARCHIVE_BYTES },
  ).catch((error: Error & { readonly stderr?: Buffer }) => {
    const said = error.stderr?.toString('utf8').trim().split('\n').at(-1) || error.message;
    throw badInput(`cannot read ${path} at ${ref} from git: ${said}`, `git ls-tree ${ref} ${path}`);
  });
  mkdirSync(into, { recursive: true });
  await pipeline(Readable.from([stdout]), extract(into));
  return join(into, path);
}
