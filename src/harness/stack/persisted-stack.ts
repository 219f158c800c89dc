import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { badInput } from '../../core/errors.ts';
import { SERVERS } from '../../core/metrics.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../../core/text-file.ts';
import { writeAtomically } from '../../record/write.ts';
import { identify, processSchema } from '../process-identity.ts';
import type { Plan } from './plan.ts';
import { defaultRegistryDir } from './registry.ts';

/** A stack that was left running, by its name: everything that somebody needs to take it up again. */
const persistedSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  runtime: z.enum(['processes', 'containers']),
  /** ISO 8601, UTC. */
  keptAt: z.string(),
  /** The folder with its data and its logs: goes with it. */
  home: z.string(),
  /** Versions of every server. */
  versions: z.record(z.string(), z.string()),
  plan: z.custom<Plan>(
    (value) => typeof value === 'object' && value !== null && 'servers' in value,
  ),
  /** What preparing a server has printed. */
  prepared: z.partialRecord(z.enum(SERVERS), z.string()),
  /** The label of its containers; left out where its servers are processes. */
  session: z.string().optional(),
  /** What its images are called: whoever takes it up may have another base, or other certificates. */
  images: z.record(z.string(), z.string()).optional(),
  servers: z.array(processSchema.extend({ server: z.enum(SERVERS) })),
});

export type PersistedStack = Readonly<z.infer<typeof persistedSchema>>;

/** What a stack is called when nobody says. */
export const DEFAULT_STACK = 'default';

/** What a stack may be called: it is a file name, and part of names in Kafka and Flink. */
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Throws DoorbusterError (exit 2) for a name that no stack can have. */
export function stackName(name: string): string {
  if (NAME.test(name)) return name;
  throw badInput(
    `"${name}" cannot be the name of a stack: lower-case letters, digits and hyphens, 32 at most, a letter first`,
    'doorbuster up nightly',
  );
}

function folder(): string {
  return join(dirname(defaultRegistryDir()), 'kept');
}

/** The file that says all of it, secrets included: nobody but its user may read it. */
export function persistedPath(name: string): string {
  return join(folder(), `${stackName(name)}.json`);
}

export function writePersisted(kept: PersistedStack): void {
  mkdirSync(folder(), { recursive: true, mode: 0o700 });
  writeAtomically(persistedPath(kept.name), JSON.stringify(kept), { mode: 0o600 });
}

/** Every stack that was left running, whether or not it still runs. */
export function persistedStacks(): readonly PersistedStack[] {
  if (!existsSync(folder())) return [];
  return readdirSync(folder())
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const kept = read(join(folder(), name));
      return kept === undefined ? [] : [kept];
    });
}

/** Throws DoorbusterError (exit 2) when there is none of this name. */
export function persistedStack(name: string): PersistedStack {
  const found = read(persistedPath(name));
  if (found !== undefined) return found;
  const others = persistedStacks().map((kept) => kept.name);
  throw badInput(
    `no stack called ${name} is up${others.length > 0 ? `: ${others.join(', ')} is` : ''}`,
    `doorbuster up ${name}`,
  );
}

function read(path: string): PersistedStack | undefined {
  try {
    return persistedSchema.safeParse(
      JSON.parse(readTextFile(path, { limitBytes: WRITTEN_BY_HAND })),
    ).data;
  } catch {
    return undefined;
  }
}

/** The processes of a persistent stack, on record: stands in for the lease of a stack that ends with its run. */
export class PersistedServers {
  #kept: PersistedStack;

  constructor(kept: PersistedStack) {
    this.#kept = kept;
  }

  guard(server: string, pid: number): void {
    const identity = identify(pid);
    const named = SERVERS.find((one) => one === server);
    if (identity === null || named === undefined) return;
    this.#write([...this.#kept.servers, { server: named, ...identity }]);
  }

  release(pid: number): void {
    this.#write(this.#kept.servers.filter((one) => one.pid !== pid));
  }

  /** After the last of it has ended. */
  async remove(): Promise<void> {
    await rm(this.#kept.home, { recursive: true, force: true, maxRetries: 5 });
    rmSync(persistedPath(this.#kept.name), { force: true });
  }

  #write(servers: PersistedStack['servers']): void {
    this.#kept = { ...this.#kept, servers };
    // Once it is gone, what ends after it is not written down any more.
    if (existsSync(persistedPath(this.#kept.name))) writePersisted(this.#kept);
  }
}
