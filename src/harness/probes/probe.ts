import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Dataset } from '../../topology/dataset.ts';
import type { EngineUsage, Reader, ReaderOptions } from '../engines/engine.ts';
import type { Facts } from '../facts.ts';
import type { SentMark } from '../load/marked-sender.ts';
import type { PipelineQuery } from '../pipelines/load.ts';
import type { Place } from '../pipelines/place.ts';
import type { Endpoints } from '../stack/stack.ts';
import type { Visibility } from '../visibility/sources.ts';

/** Something that makes the run's numbers untrustworthy: it becomes a line of the record's `invalid`. */
export interface Incident {
  readonly atMs: number;
  /** Kind of the probe that met it. */
  readonly probe: string;
  readonly rule: string;
  readonly fact: string;
  readonly limit: string;
}

/** Everything a probe may use. Probes know nothing of each other. */
export interface ProbeContext {
  /** The object store, which is asked for its counters; null: there is none. */
  readonly store: Endpoints['s3'] | null;
  readonly place: Place;
  /** Opens the query engine that the pipeline names. */
  openReader(options: Omit<ReaderOptions, 'clock'>): Promise<Reader>;
  /** Where it is observed when rows become visible. */
  readonly visibility: Visibility;
  readonly facts: Facts;
  readonly clock: Clock;
  /** Aborts when the run ends early; a probe then stops by itself. */
  readonly signal: AbortSignal;
  readonly scenario: Pick<Scenario, 'seed' | 'retail' | 'pipeline' | 'queries' | 'canaries'>;
  /** The tables under observation. */
  readonly datasets: readonly Dataset[];
  /** The pipeline's queries, in the order of the trickle. */
  readonly queries: readonly PipelineQuery[];
  /** Name of the phase under way. */
  phase(): string;
  /** Epoch ms of the tape's origin; null before the load starts. Older rows are preload. */
  t0Ms(): number | null;
  /** Server processes by name; the harness itself is added by the probe. */
  processes(): readonly { readonly server: string; readonly pid: number }[];
  /** What the engine that the pipeline's queries are put to has used. */
  queryEngine(): EngineUsage;
  /** Produces one canary, meant to be sent at `dueMs`; resolves when the broker has it. */
  sendCanary(dueMs: number): Promise<SentMark>;
  /** A row that somebody might look up, drawn from the stores and SKUs the scenario has. */
  lookupKey(draw: Random): { readonly store: number; readonly sku: number };
  /**
   * Whether a fault that the scenario declares may be why something did not answer: then it is asked again
   * until it does, and nothing is distrusted for it.
   */
  excused(): boolean;
  incident(incident: Incident): void;
  /** Ends the run: the probe cannot go on, because nothing it sees can be written down, say. */
  fail(cause: unknown): void;
}

/** A probe at work. Whoever started it stops it; what it saw is in the facts. */
export interface RunningProbe {
  /** Ends it cleanly: what is under way is finished or recorded as unfinished. */
  stop(): Promise<void>;
}

/** The seam: one file per kind, and one line in probes.ts. `R` is what it gives besides `stop`. */
export interface Probe<R extends RunningProbe = RunningProbe> {
  readonly kind: string;
  /** Resolves once it observes. */
  start(context: ProbeContext): Promise<R>;
}
