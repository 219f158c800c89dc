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
import { type Place, placeApart, placeOfItsOwn } from './place.ts';
import { identify, isAlive, processSchema } from './process-identity.ts';
import type { Shard } from './sharding/shard-coordinator.ts';
import { connectExternal } from './stack/external.ts';
import { defaultRegistryDir } from './stack/registry.ts';
import type { RuntimeKind, Stack } from './stack/stack.ts';

/** A stack that others may use before, after and beside this run: it has a place of its own there. */
export interface SharedStack {
  readonly stack: Stack;
  /** As the user knows it, and as the record names it; a file name. */
  readonly name: string;
  /** What the names of everything that the run makes there begin with. */
  readonly prefix: string;
}

/** Where a stack of its own runs; `in-process`: its pipeline needs no server. */
export type OwnRuntime = RuntimeKind | 'in-process';

/** The stack that a run starts and stops, or one that was there before it and stays. */
export type ChosenStack =
  | { readonly kind: 'own'; readonly runtime: OwnRuntime }
  | { readonly kind: 'shared'; readonly on: SharedStack };

/** Servers that nobody here has started; see `connectExternal`. */
export async function externalStack(
  use: ExternalUse,
  options: Parameters<typeof connectExternal>[1],
): Promise<SharedStack> {
  const stack = await connectExternal(use, options);
  // The same servers are the same guests' book, whatever the scenario is called.
  const at = JSON.stringify([stack.endpoints.kafka.brokers, stack.endpoints.catalog.uri]);
  const digest = createHash('sha256').update(at).digest('hex').slice(0, 8);
  return { stack, name: `external-${digest}`, prefix: use.prefix };
}

/** Plain names on a stack of its own, names of its own on any other. */
export function placeOf(
  chosen: ChosenStack,
  { manifest }: Pick<Pipeline, 'manifest'>,
  { id }: Pick<RunFolder, 'id'>,
  shard?: Shard,
): Place {
  if (chosen.kind === 'own') return placeOfItsOwn(manifest);
  const { prefix } = chosen.on;
  // All shards of a load are at one place.
  if (shard !== undefined) return placeApart(manifest, { prefix, runId: shard.load });
  const parts = id.toLowerCase().split('-');
  return placeApart(manifest, { prefix, runId: `${parts[0]}_${parts.at(-1)}` });
}

interface GuestOptions {
  readonly place: Place;
  /** What the run has made is not removed. */
  readonly keep: boolean;
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'note'>;
  readonly onEvent: (event: { readonly kind: 'step' | 'warning'; readonly text: string }) => void;
}

/** Longest time to clear up after one run, ms. */
const REMOVE_WITHIN_MS = 60_000;

/**
 * Takes a place on a shared stack, and leaves it when disposed: by then nothing of the run is there,
 * unless it is to be kept. A run that is killed leaves a note behind, by which the next one clears up
 * after it, its jobs first of all: they would hold slots for ever. What cannot be removed is said, and stays.
 */
export async function takePlace(
  { stack, name }: SharedStack,
  { place, keep, clock, journal, onEvent }: GuestOptions,
): Promise<AsyncDisposable> {
  const removed = async (of: Place): Promise<boolean> => {
    try {
      // Not the run's own signal: what was interrupted is cleared up as well.
      const signal = AbortSignal.timeout(REMOVE_WITHIN_MS);
      const found = await removeAll(of, { endpoints: stack.endpoints, clock, signal });
      journal.note('removed', { ...of, ...found });
      return true;
    } catch (error) {
      const text = `${named(of)} could not be removed from ${name}: ${(error as Error).message}`;
      journal.note('not-removed', { ...of, text });
      onEvent({ kind: 'warning', text });
      return false;
    }
  };
  const notes = guestNotes(name);
  for (const [path, guest] of notes.others()) {
    if (isAlive(guest.owner)) {
      const text = `another run is on ${name}, by process ${guest.owner.pid}: both runs will be slower`;
      onEvent({ kind: 'warning', text });
      continue;
    }
    onEvent({
      kind: 'warning',
      text: `a killed run left ${named(guest.place)}: removing them`,
    });
    if (await removed(guest.place)) rmSync(path, { force: true });
  }
  const note = notes.leave(place);
  return {
    async [Symbol.asyncDispose]() {
      onEvent({ kind: 'step', text: `${keep ? 'keeping' : 'removing'} ${named(place)}` });
      if (keep || (await removed(place))) rmSync(note, { force: true });
    },
  };
}

function named({ topicPrefix, namespace }: Place): string {
  return `the topics ${topicPrefix}* and the tables of ${namespace}`;
}

const guestSchema = z.strictObject({
  owner: processSchema,
  place: z.strictObject({
    apart: z.literal(true),
    topicPrefix: z.string().min(1),
    namespace: z.string().min(1),
  }),
});

/** Removes what is noted of the tenants of a stack that is gone. */
export function forgetTenants(name: string): void {
  rmSync(tenantsDir(name), { recursive: true, force: true });
}

function tenantsDir(name: string): string {
  return join(dirname(defaultRegistryDir()), 'guests', name);
}

/** Who is on a stack, a file each, beside the registry of stacks. */
function guestNotes(name: string) {
  const dir = tenantsDir(name);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    others: () =>
      readdirSync(dir)
        .filter((file) => file.endsWith('.json'))
        .flatMap((file) => {
          const path = join(dir, file);
          const guest = read(path);
          return guest === undefined ? [] : [[path, guest] as const];
        }),
    leave(place: Place): string {
      const path = join(dir, `${place.namespace}.json`);
      const owner = identify(process.pid);
      if (owner !== null) writeAtomically(path, JSON.stringify({ owner, place }), { mode: 0o600 });
      return path;
    },
  };
}

function read(path: string): z.infer<typeof guestSchema> | undefined {
  try {
    return guestSchema.safeParse(JSON.parse(readTextFile(path, { limitBytes: WRITTEN_BY_HAND })))
      .data;
  } catch {
    // Removed by its owner in this moment, or never written whole.
    return undefined;
  }
}
