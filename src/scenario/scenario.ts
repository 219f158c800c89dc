/** What is replayed, checked and with its units resolved: the code never sees `10s` or `50/store/h`. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  /** Business time at t0, local to the retailer, as `YYYY-MM-DDTHH:MM[:SS]`: curves, opening hours and business day follow from it. */
  readonly startsAt: string;
  readonly retail: Retail;
  readonly traffic: Traffic;
  readonly pipeline: PipelineUse;
  readonly stack: StackUse;
  readonly queries: QueryUse;
  readonly canaries: { readonly perSecond: number };
  /** Longest time to wait for a drain marker, ms. */
  readonly drainWithinMs: number;
  readonly phases: readonly Phase[];
  readonly checks: readonly Check[];
}

export const PROFILES = ['grocery', 'specialty'] as const;
export type Profile = (typeof PROFILES)[number];

export interface Retail {
  readonly stores: number;
  readonly skus: number;
  readonly profile: Profile;
  /** SKUs each store carries. */
  readonly assortment: number;
  /** sigma of ln(store size). */
  readonly storeSizeSigma: number;
  /** `one`: a single zone. `us`: stores spread over ET/CT/MT/PT. */
  readonly timeZones: 'one' | 'us';
  /** `curve`: the hour-of-day curve modulates the load. `flat`: the stated rate holds as it is. */
  readonly hours: 'curve' | 'flat';
}

export const STREAMS = ['pos', 'wms', 'cart', 'loyalty', 'inventory'] as const;
export type Stream = (typeof STREAMS)[number];

export interface Traffic {
  readonly pos: { readonly receiptsPerStoreHour: number; readonly returns: number } | null;
  readonly wms: { readonly shrink: number } | null;
  readonly cart: {
    readonly sessionsPerSecond: number;
    /** Share of raw sessions that are bots. */
    readonly bots: number;
    /** Share of purchases picked up in a store. */
    readonly pickup: number;
  } | null;
  readonly loyalty: { readonly members: number; readonly share: number } | null;
  readonly inventory: {
    /** `assortment`: opening stock of every store x SKU carried; `none`: the tables start empty. */
    readonly preload: 'assortment' | 'none';
  } | null;
  readonly faults: Faults;
}

export const DUPLICATE_KINDS = ['identical', 'new_id', 'changed_payload', 'constant_id'] as const;
export type DuplicateKind = (typeof DUPLICATE_KINDS)[number];
export const MALFORMED_KINDS = ['truncated', 'wrong_type', 'missing_key', 'bad_utf8'] as const;
export type MalformedKind = (typeof MALFORMED_KINDS)[number];

/**
 * What the truth says of a message beside its fault. All but `late` and `offline` are about the event, so a
 * copy has its original's.
 */
export const LABELS = [
  'late',
  'offline',
  'clock_off',
  'wrong_date',
  'clock_change',
  'field_added',
  'type_widened',
  'training',
  'return',
  'sequence_wrap',
  'deleted',
] as const;
export type Label = (typeof LABELS)[number];

export interface Faults {
  readonly duplicates: {
    /** Share of events that are sent again, 0..1. */
    readonly rate: number;
    /** Shares per kind, summing to 1. */
    readonly kinds: Readonly<Record<DuplicateKind, number>>;
    /** First retry delay, ms; doubles per retry up to `delayMaxMs`, times U(0.5, 1.5). */
    readonly delayMs: number;
    readonly delayMaxMs: number;
  } | null;
  readonly malformed: {
    readonly rate: number;
    readonly kinds: Readonly<Record<MalformedKind, number>>;
    /** false: an extra, damaged copy is sent; true: the event itself is damaged. */
    readonly replace: boolean;
  } | null;
  /** Fixed transport delay between happening and intended send, ms. */
  readonly transportDelayMs: number;
}

export interface PipelineUse {
  /** A folder of `pipelines/`, or a path to the user's own. */
  readonly use: string;
  readonly commitEveryMs: number;
  readonly format: 2 | 3;
  readonly parallelism: number;
  readonly compaction:
    | { readonly by: 'none' }
    | { readonly by: 'flink'; readonly everyMs: number }
    | { readonly by: 'spark' };
}

export interface StackUse {
  readonly runtime: 'auto' | 'processes';
  /** Partitions per topic. */
  readonly partitions: number;
  /**
   * How broker and TaskManager are compiled: `c1` quickly and not again, which takes half their CPU time
   * in a run of minutes and has less throughput under a heavy load; `full` as Java does by itself.
   */
  readonly jit: 'c1' | 'full';
}

export interface QueryUse {
  /** The open-loop trickle: one query, in turn, is intended every so many ms. */
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Time budget of one query in a tinybench round, ms. */
  readonly roundBudgetMs: number;
  /** Cold samples of each query in a round: each costs a process of its own. */
  readonly coldSamples: number;
}

/** `flat`: load as stated. The others: a burst at the phase's start that decays; the load is their mean. */
export const SHAPES = ['flat', 'doorbuster', 'flash'] as const;
export type Shape = (typeof SHAPES)[number];

/** Timed phases come first; `query` and `compact` follow, with load 1x going on beneath them. */
export type Phase =
  | {
      readonly kind: 'load';
      readonly name: string;
      readonly forMs: number;
      readonly load: number;
      readonly shape: Shape;
      readonly measured: boolean;
    }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'compact'; readonly name: string };

export type Comparator = '<' | '<=' | '==' | '>=' | '>';

/** `metric(of).stat during phase < 15s`, or `metric(of).stat after / before < 0.5`. */
export interface Check {
  readonly text: string;
  /** Line of the scenario file; 0 when it came from `--set`. */
  readonly line: number;
  readonly metric: string;
  readonly of: string | null;
  readonly stat: string | null;
  readonly during: string | null;
  readonly ratio: { readonly numerator: string; readonly denominator: string } | null;
  readonly comparator: Comparator;
  /** In the metric's own unit (ms for times), or a bare ratio. */
  readonly limit: number;
}
