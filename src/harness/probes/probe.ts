import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import type { Dataset } from '../../topology/dataset.ts';
import type { EngineKind } from '../../topology/manifest.ts';
import type { Endpoints } from '../clients/endpoints.ts';
import type { EngineUsage, Reader, ReaderOptions } from '../engines/engine.ts';
import type { Facts } from '../facts.ts';
import type { SentMark } from '../load/marked-sender.ts';
import type { PipelineQuery } from '../pipelines/load.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { Visibility } from '../visibility/sources.ts';

/** An event that makes the run's numbers untrustworthy; it becomes an entry of the record's `invalid`. */
export interface Incident {
  readonly atMs: number;
  /** Kind of the probe that reports it. */
  readonly probe: string;
  readonly rule: string;
  readonly fact: string;
  readonly limit: string;
}

/** Everything that a probe may use. Probes do not depend on each other. */
export interface ProbeContext {
  /** The object store whose counters are sampled; null: there is none. */
  readonly store: Endpoints['s3'] | null;
  readonly place: RunNamespace;
  /** Opens a query engine; without a kind the one of canaries and oracles. */
  openReader(options: Omit<ReaderOptions, 'clock'>, kind?: EngineKind): Promise<Reader>;
  /** Source that observes when rows become visible. */
  readonly visibility: Visibility;
  readonly facts: Facts;
  readonly clock: Clock;
  /** Aborts when the run ends early; a probe then stops by itself. */
  readonly signal: AbortSignal;
  readonly scenario: Pick<Scenario, 'seed' | 'retail' | 'pipeline' | 'queries' | 'canaries'>;
  /** The tables under observation. */
  readonly datasets: readonly Dataset[];
  /** The pipeline's queries by engine, in the order in which background queries run. */
  readonly queries: readonly PipelineQuery[];
  /** Name of the current phase. */
  phase(): string;
  /** Epoch ms of the tape's origin (t0); null before the load starts. Older rows are preload. */
  t0Ms(): number | null;
  /** Server processes by name; the harness itself is added by the probe. */
  processes(): readonly { readonly server: string; readonly pid: number }[];
  /** CPU and memory that the query engine has used. */
  queryEngine(): EngineUsage;
  /** Sends one canary with the intended send time `dueMs`; resolves when the broker acknowledges it. */
  sendCanary(dueMs: number): Promise<SentMark>;
  /** A row for a lookup query, drawn from the stores and SKUs of the scenario. */
  lookupKey(draw: Random): { readonly store: number; readonly sku: number };
  /**
   * Whether a declared fault may be the reason for a missing answer. Then the probe retries until it gets one, and
   * the failure does not make the run invalid.
   */
  underDeclaredFault(): boolean;
  incident(incident: Incident): void;
  /** Ends the run because the probe cannot continue, for example after a failed write to the facts. */
  fail(cause: unknown): void;
}

/** A running probe. Its owner stops it; its observations are in the facts. */
export interface RunningProbe {
  /** Stops it cleanly: work in progress is finished, or recorded as unfinished. */
  stop(): Promise<void>;
}

/** Extension point: one file per kind, and one line in probes.ts. `R` is the running probe's interface. */
export interface Probe<R extends RunningProbe = RunningProbe> {
  readonly kind: string;
  /** Resolves when the probe is observing. */
  start(context: ProbeContext): Promise<R>;
}
