import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import { readTextFile, WRITTEN_BY_HAND } from '../core/text-file.ts';
import type { RunFolder } from '../record/folder.ts';
import type { Journal } from '../record/journal.ts';
import { writeAtomically } from '../record/write.ts';
import type { ExternalUse } from '../scenario/scenario.ts';
import type { Pipeline } from './pipelines/load.ts';
import { removeAll } from './pipelines/remove.ts';
import { identify, isAlive, processSchema } from './process-identity.ts';
import { isolatedNamespace, ownNamespace, type RunNamespace, runIdOf } from './run-namespace.ts';
import type { Shard } from './sharding/shard-coordinator.ts';
import { connectExternal } from './stack/external.ts';
import { defaultRegistryDir } from './stack/registry.ts';
import type { RuntimeKind, Stack } from './stack/stack.ts';

/** A stack that other runs may use before, after and at the same time: each run has its own namespace there. */
export interface SharedStack {
  readonly stack: Stack;
  /** The name that the user and the record use; a valid file name. */
  readonly name: string;
  /** Prefix of the names of everything that the run creates there. */
  readonly prefix: string;
}

/** Runtime of a run's own stack; `in-process`: its pipeline needs no server. */
export type OwnRuntime = RuntimeKind | 'in-process';

/** A stack that the run starts and stops, or one that exists before it and stays up. */
export type ChosenStack =
  | { readonly kind: 'own'; readonly runtime: OwnRuntime }
  | { readonly kind: 'shared'; readonly on: SharedStack };

/** Connects to an external cluster; see `connectExternal`. */
export async function externalStack(
  use: ExternalUse,
  options: Parameters<typeof connectExternal>[1],
): Promise<SharedStack> {
  const stack = await connectExternal(use, options);
  // Runs on the same servers share one list of tenants, whichever scenario they belong to.
  const at = JSON.stringify([stack.endpoints.kafka.brokers, stack.endpoints.catalog.uri]);
  const digest = createHash('sha256').update(at).digest('hex').slice(0, 8);
  return { stack, name: `external-${digest}`, prefix: use.prefix };
}

/** Names of a run: plain ones on its own stack, prefixed ones on a shared stack. */
export function namespaceOf(
  chosen: ChosenStack,
  { manifest }: Pick<Pipeline, 'manifest'>,
  { id }: Pick<RunFolder, 'id'>,
  shard?: Shard,
): RunNamespace {
  if (chosen.kind === 'own') return ownNamespace(manifest);
  const { prefix } = chosen.on;
  // All shards of a load share one namespace.
  if (shard !== undefined) return isolatedNamespace(manifest, { prefix, runId: shard.load });
  return isolatedNamespace(manifest, { prefix, runId: runIdOf(id) });
}

interface TenantOptions {
  readonly place: RunNamespace;
  /** Whether to keep what the run has created. */
  readonly keep: boolean;
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'note'>;
  readonly onEvent: (event: { readonly kind: 'step' | 'warning'; readonly text: string }) => void;
}

/** Longest time to clean up after one run, ms. */
const REMOVE_WITHIN_MS = 60_000;

/**
 * Acquires a namespace on a shared stack. Disposing it removes everything of the run, unless it is to be
 * kept. A killed run leaves its tenant file behind, by which the next run cleans up after it, jobs first,
 * because they would hold task slots forever. What cannot be removed gives a warning, and stays.
 */
export async function acquireNamespace(
  { stack, name }: SharedStack,
  { place, keep, clock, journal, onEvent }: TenantOptions,
): Promise<AsyncDisposable> {
  const removed = async (of: RunNamespace): Promise<boolean> => {
    try {
      // Not the run's own signal: an interrupted run is cleaned up as well.
      const signal = AbortSignal.timeout(REMOVE_WITHIN_MS);
      const { endpoints, servers } = stack;
      const found = await removeAll(of, { endpoints, servers, clock, signal });
      journal.note('removed', { ...of, ...found });
      return true;
    } catch (error) {
      const text = `${describeNamespace(of)} could not be removed from ${name}: ${(error as Error).message}`;
      journal.note('not-removed', { ...of, text });
      onEvent({ kind: 'warning', text });
      return false;
    }
  };
  const notes = tenantFiles(name);
  for (const [path, tenant] of notes.others()) {
    if (isAlive(tenant.owner)) {
      const text = `another run is on ${name}, by process ${tenant.owner.pid}: both runs will be slower`;
      onEvent({ kind: 'warning', text });
      continue;
    }
    onEvent({
      kind: 'warning',
      text: `a killed run left ${describeNamespace(tenant.place)}: removing them`,
    });
    if (await removed(tenant.place)) rmSync(path, { force: true });
  }
  const note = notes.leave(place);
  return {
    async [Symbol.asyncDispose]() {
      onEvent({
        kind: 'step',
        text: `${keep ? 'keeping' : 'removing'} ${describeNamespace(place)}`,
      });
      if (keep || (await removed(place))) rmSync(note, { force: true });
    },
  };
}

function describeNamespace({ topicPrefix, namespace }: RunNamespace): string {
  return `the topics ${topicPrefix}* and the tables of ${namespace}`;
}

const tenantSchema = z.strictObject({
  owner: processSchema,
  place: z.strictObject({
    apart: z.literal(true),
    topicPrefix: z.string().min(1),
    namespace: z.string().min(1),
  }),
});

/** A run of this machine on a stack: what its names begin with, and its process if that still lives. */
export interface Tenant {
  readonly mark: string;
  readonly pid: number | null;
  /** To be called when everything of a killed run was removed. */
  forget(): void;
}

/** The runs of this machine on a stack that live, or were killed before they had removed their names. */
export function tenantsOf(name: string): readonly Tenant[] {
  return tenantFiles(name)
    .others()
    .map(([path, { owner, place }]) => ({
      mark: place.topicPrefix,
      pid: isAlive(owner) ? owner.pid : null,
      forget: () => rmSync(path, { force: true }),
    }));
}

/** Removes the tenant files of a stack that no longer exists. */
export function forgetTenants(name: string): void {
  rmSync(tenantsDir(name), { recursive: true, force: true });
}

function tenantsDir(name: string): string {
  return join(dirname(defaultRegistryDir()), 'guests', name);
}

/** The tenants of a stack, one file each, next to the registry of stacks. */
function tenantFiles(name: string) {
  const dir = tenantsDir(name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    others: () =>
      readdirSync(dir)
        .filter((file) => file.endsWith('.json'))
        .flatMap((file) => {
          const path = join(dir, file);
          const tenant = read(path);
          return tenant === undefined ? [] : [[path, tenant] as const];
        }),
    leave(place: RunNamespace): string {
      const path = join(dir, `${place.namespace}.json`);
      const owner = identify(process.pid);
      if (owner !== null) writeAtomically(path, JSON.stringify({ owner, place }), { mode: 0o600 });
      return path;
    },
  };
}

function read(path: string): z.infer<typeof tenantSchema> | undefined {
  try {
    return tenantSchema.safeParse(JSON.parse(readTextFile(path, { limitBytes: WRITTEN_BY_HAND })))
      .data;
  } catch {
    // Just removed by its owner, or never written completely.
    return undefined;
  }
}
