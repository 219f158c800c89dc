import { type Canaries, canaryProbe } from './canary.ts';
import { type Census, censusProbe } from './census.ts';
import { type LayoutProbe, layoutProbe } from './layout.ts';
import type { Probe } from './probe.ts';
import { type QueryProbe, queryProbe } from './queries.ts';
import { type ResourceProbe, resourceProbe } from './resources.ts';

/** Every kind of probe, and what it is once it runs. */
export interface RunningProbes {
  readonly census: Census;
  readonly canary: Canaries;
  readonly layout: LayoutProbe;
  readonly queries: QueryProbe;
  readonly resources: ResourceProbe;
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
};
