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

/** A persistent stack: everything that is needed to attach to it. */
const persistedSchema = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  runtime: z.enum(['processes', 'containers']),
  /** ISO 8601, UTC. */
  keptAt: z.string(),
  /** The folder with its data and logs, which is removed with the stack. */
  home: z.string(),
  /** Versions of every server. */
  versions: z.record(z.string(), z.string()),
  plan: z.custom<Plan>(
    (value) => typeof value === 'object' && value !== null && 'servers' in value,
  ),
  /** Output of each server's preparation. */
  prepared: z.partialRecord(z.enum(SERVERS), z.string()),
  /** The label of its containers; absent if its servers are processes. */
  session: z.string().optional(),
  /** Tags of its images: a process that attaches may have another base image or other certificates. */
  images: z.record(z.string(), z.string()).optional(),
  servers: z.array(processSchema.extend({ server: z.enum(SERVERS) })),
});

export type PersistedStack = Readonly<z.infer<typeof persistedSchema>>;

/** Default name of a persistent stack. */
export const DEFAULT_STACK = 'default';

/** Pattern of a stack's name, which is a file name and a part of names in Kafka and Flink. */
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Checks a stack's name. Throws DoorbusterError (exit 2) if it is invalid. */
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

/** The file of a persistent stack. It contains secrets, so only its user may read it. */
export function persistedPath(name: string): string {
  return join(folder(), `${stackName(name)}.json`);
}

export function writePersisted(kept: PersistedStack): void {
  mkdirSync(folder(), { recursive: true, mode: 0o700 });
  writeAtomically(persistedPath(kept.name), JSON.stringify(kept), { mode: 0o600 });
}

/** Every persistent stack, whether or not it still runs. */
export function persistedStacks(): readonly PersistedStack[] {
  if (!existsSync(folder())) return [];
  return readdirSync(folder())
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const kept = read(join(folder(), name));
      return kept === undefined ? [] : [kept];
    });
}

/** The persistent stack of this name. Throws DoorbusterError (exit 2) if there is none. */
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

/** Registered processes of a persistent stack, in place of the lease of a stack that ends with its run. */
export class PersistedServers {
  #kept: PersistedStack;

  constructor(kept: PersistedStack) {
    this.#kept = kept;
  }

  register(server: string, pid: number): void {
    const identity = identify(pid);
    const named = SERVERS.find((one) => one === server);
    if (identity === null || named === undefined) return;
    this.#write([...this.#kept.servers, { server: named, ...identity }]);
  }

  unregister(pid: number): void {
    this.#write(this.#kept.servers.filter((one) => one.pid !== pid));
  }

  /** To be called after the last process has ended. */
  async remove(): Promise<void> {
    await rm(this.#kept.home, { recursive: true, force: true, maxRetries: 5 });
    rmSync(persistedPath(this.#kept.name), { force: true });
  }

  #write(servers: PersistedStack['servers']): void {
    this.#kept = { ...this.#kept, servers };
    // After its removal, later ends of processes are not recorded any more.
    if (existsSync(persistedPath(this.#kept.name))) writePersisted(this.#kept);
  }
}
