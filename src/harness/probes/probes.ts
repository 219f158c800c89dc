import { type Canaries, canaryProbe } from './canary.ts';
import { type Census, censusProbe } from './census.ts';
import { eventLoopProbe } from './event-loop.ts';
import { type LayoutProbe, layoutProbe } from './layout.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';
import { type QueryProbe, queryProbe } from './queries.ts';
import { type ResourceProbe, resourceProbe } from './resources.ts';

/** The interface of each kind of running probe. */
export interface RunningProbes {
  readonly census: Census;
  readonly canary: Canaries;
  readonly layout: LayoutProbe;
  readonly queries: QueryProbe;
  readonly resources: ResourceProbe;
  readonly eventLoop: RunningProbe;
}
export type ProbeKind = keyof RunningProbes;

export const PROBES: {
  readonly [K in ProbeKind]: Probe<RunningProbes[K]> & { readonly kind: K };
} = {
  census: censusProbe,
  canary: canaryProbe,
  layout: layoutProbe,
  queries: queryProbe,
  resources: resourceProbe,
  eventLoop: eventLoopProbe,
};

/**
 * Starts every probe and adds each to `running` as soon as it runs. If one cannot start, the running ones are
 * stopped.
 */
export async function startAll(
  context: ProbeContext,
  running: Partial<RunningProbes>,
): Promise<RunningProbes> {
  const start = async (kind: ProbeKind) => {
    Object.assign(running, { [kind]: await PROBES[kind].start(context) });
  };
  try {
    // The readers start first, so that the CPU of their start is not counted as the pipeline's.
    await start('census');
    const ends = await Promise.allSettled([start('canary'), start('layout'), start('queries')]);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    await start('resources');
    await start('eventLoop');
    return running as RunningProbes;
  } catch (error) {
    await stopAll(running).catch(() => undefined);
    throw error;
  }
}

/** Stops every probe even if others fail; then rejects with the first failure. */
export async function stopAll(running: Partial<RunningProbes>): Promise<void> {
  const failures: unknown[] = [];
  for (const probe of Object.values(running)) {
    await probe.stop().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
