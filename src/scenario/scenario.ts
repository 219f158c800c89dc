import type { SERVERS } from '../core/metrics.ts';
import type { TapeUse } from './recording.ts';

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
  /** What happens to servers, in the order of the file; what happens to data is in `traffic.faults`. */
  readonly faults: readonly ServerFault[];
  /** The age that recovery from a fault is measured against, ms; null: there are no faults. */
  readonly stalenessTargetMs: number | null;
  readonly checks: readonly Check[];
}

/** Kinds of retailer. */
export const PROFILES = ['grocery', 'specialty'] as const;
export type Profile = (typeof PROFILES)[number];

interface Retail {
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
  /** `us`: local clocks follow the daylight-saving rules of the US. `standard`: they never change. */
  readonly clocks: 'standard' | 'us';
}

/** The streams, each a topic of its name. */
export const STREAMS = ['pos', 'wms', 'cart', 'loyalty', 'inventory'] as const;
export type Stream = (typeof STREAMS)[number];
/** By what they mean to the business: the stream of receipts, and that of stock. */
export const RECEIPTS = 'pos' satisfies Stream;
export const STOCK = 'inventory' satisfies Stream;

/** What is sent: null is a stream that is off. */
export interface Traffic {
  readonly pos: {
    readonly receiptsPerStoreHour: number;
    /** Share of receipts that are returns; of a tape, as it was recorded. */
    readonly returns: number;
    /** What is replayed in place of generated receipts. */
    readonly tape: TapeUse | null;
    /** Share of receipts rung up in training mode: they are on the wire and move nothing. */
    readonly training: number;
    /** A till's last sequence number before it begins again at 1; null: it begins at 1 and never ends. */
    readonly sequenceTo: number | null;
  } | null;
  readonly wms: {
    readonly shrink: number;
    /** Share of stock movements after which the store delists the SKU. */
    readonly delist: number;
  } | null;
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
 * What the truth records of a message in addition to its fault. All but `late` and `offline` are about the event, so a
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

/** What goes wrong on the way to Kafka: null does not happen. */
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
  /** Delay between happening and intended send: one of two log-normal laws, by their medians. */
  readonly transport: {
    readonly delayMs: number;
    /** sigma of ln(delay); 0: fixed. */
    readonly sigma: number;
    /** Share of messages that go the slow way. */
    readonly slow: number;
    readonly slowDelayMs: number;
    readonly slowSigma: number;
  } | null;
  readonly offline: {
    /** Share of stores, one at least, that have no uplink in [atMs, atMs + forMs) from t0. */
    readonly stores: number;
    readonly atMs: number;
    readonly forMs: number;
    /** Events per second that each of them sends of its backlog. */
    readonly replayPerSecond: number;
  } | null;
  readonly clocks: {
    /** Spread of the clocks of tills and handhelds: the sigma of a normal law, ms. */
    readonly sigmaMs: number;
    /** Shares of tills and handhelds that are exactly an hour off, or years. */
    readonly hourOff: number;
    readonly wrongDate: number;
    /** Share of web sessions on a device that is an hour or more off. */
    readonly shoppers: number;
  } | null;
  readonly schemaDrift: {
    /** A store has the new version from a point of its own in [atMs, atMs + overMs] on. */
    readonly atMs: number;
    readonly overMs: number;
    /** Shares of stores whose new version sends one more field, or some integers as text. */
    readonly added: number;
    readonly widened: number;
  } | null;
  readonly redelivery: {
    /** Time between two crashes of a store's inventory connector, ms; each store has a phase of its own. */
    readonly everyMs: number;
    /** Row images that it then sends again. */
    readonly last: number;
  } | null;
}

/** Everything arrives once, whole, at once and as it happened. */
export const NO_FAULTS: Faults = {
  duplicates: null,
  malformed: null,
  transport: null,
  offline: null,
  clocks: null,
  schemaDrift: null,
  redelivery: null,
};

/** What is under test. */
export interface PipelineUse {
  /** A folder of `pipelines/`, or a path to the user's own. */
  readonly use: string;
  readonly commitEveryMs: number;
  readonly format: 2 | 3;
  readonly parallelism: number;
  readonly compaction:
    | { readonly by: 'none' }
    | { readonly by: 'flink'; readonly everyMs: number }
    | { readonly by: OnDemand };
}

/** Kinds of compaction that a `compact` phase runs. */
export const ON_DEMAND = ['spark', 'in-process'] as const;
export type OnDemand = (typeof ON_DEMAND)[number];

/** Servers that run already. What is null is the environment's to say; so are all secrets. */
export interface ExternalUse {
  readonly kafka: string | null;
  readonly flink: string | null;
  readonly gateway: string | null;
  readonly catalog: {
    readonly uri: string | null;
    readonly warehouse: string | null;
    readonly auth: 'none' | 'bearer' | 'oauth2';
    readonly tokenUri: string | null;
    readonly scope: string | null;
  };
  readonly s3: {
    readonly endpoint: string | null;
    readonly bucket: string | null;
    readonly region: string | null;
  };
  readonly inside: {
    readonly kafka: string | null;
    readonly catalog: string | null;
    readonly s3: string | null;
  };
  readonly prefix: string;
}

interface StackUse {
  /** Where the servers run; `auto` takes containers when an engine answers, `external` starts none. */
  readonly runtime: 'auto' | 'processes' | 'containers' | 'external';
  /** Of `external`: where the servers are, as far as the environment is not to say it. */
  readonly external: ExternalUse | null;
  /** Partitions per topic. */
  readonly partitions: number;
  /**
   * How broker and TaskManager are compiled: `c1` quickly and not again, which takes half their CPU time
   * in a run of minutes and has less throughput under a heavy load; `full` as Java does by itself.
   */
  readonly jit: 'c1' | 'full';
}

interface QueryUse {
  /** The open-loop trickle: one query, in turn, is intended every so many ms. */
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Hot samples of one query in a round. */
  readonly roundSamples: number;
  /** After this time no other sample of a query is begun in a round, ms. */
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

/**
 * `pause`: frozen, and then let go on. `kill`: ended at once (SIGKILL). `restart`: asked to end (SIGTERM).
 * What has ended is started again, on the same ports and with the same data.
 */
export const FAULT_ACTS = ['pause', 'kill', 'restart'] as const;
export type FaultAct = (typeof FAULT_ACTS)[number];

/** A server that goes away for a while. */
export interface ServerFault {
  readonly act: FaultAct;
  readonly server: (typeof SERVERS)[number];
  /** The timed phase it happens in, and when, ms from that phase's beginning. */
  readonly during: string;
  readonly atMs: number;
  /** Until it goes on, or is started again, ms. */
  readonly forMs: number;
}

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
