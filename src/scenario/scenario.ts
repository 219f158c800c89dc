import type { SERVERS } from '../core/metrics.ts';
import type { TapeUse } from './recording.ts';

/** A checked scenario with resolved units: the code never sees `10s` or `50/store/h`. */
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
  /** Server faults, in the order of the file, or as the seed draws them; delivery faults are in `traffic.faults`. */
  readonly faults: readonly ServerFault[];
  /** Target age, against which recovery from a fault is measured, ms; null: there are no faults. */
  readonly stalenessTargetMs: number | null;
  readonly checks: readonly Check[];
}

/** Kinds of retailer. */
export const PROFILES = ['grocery', 'specialty'] as const;
export type Profile = (typeof PROFILES)[number];

/** How the SKUs that a store carries are chosen. */
export const ASSORTMENTS_BY = ['popularity', 'core'] as const;
export type AssortmentBy = (typeof ASSORTMENTS_BY)[number];

interface Retail {
  readonly stores: number;
  readonly skus: number;
  readonly profile: Profile;
  /** SKUs each store carries. */
  readonly assortment: number;
  /** `popularity`: at random, popular ones more likely. `core`: half are the best sellers, the others at random. */
  readonly assortmentBy: AssortmentBy;
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
/** Streams by their business meaning: that of receipts, and that of stock. */
export const RECEIPTS = 'pos' satisfies Stream;
export const STOCK = 'inventory' satisfies Stream;

/** Traffic per stream; null: the stream is off. */
export interface Traffic {
  readonly pos: {
    readonly receiptsPerStoreHour: number;
    /** Share of receipts that are returns; of a tape, as it was recorded. */
    readonly returns: number;
    /** Recording that replaces generated receipts. */
    readonly tape: TapeUse | null;
    /** Share of receipts in training mode: they are sent, but move no stock. */
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
    /** How the opening stock gets into the tables: as messages to the target, or inserted without the pipeline. */
    readonly via: 'stream' | 'bulk';
  } | null;
  readonly faults: Faults;
}

export const DUPLICATE_KINDS = ['identical', 'new_id', 'changed_payload', 'constant_id'] as const;
export type DuplicateKind = (typeof DUPLICATE_KINDS)[number];
export const MALFORMED_KINDS = ['truncated', 'wrong_type', 'missing_key', 'bad_utf8'] as const;
export type MalformedKind = (typeof MALFORMED_KINDS)[number];

/**
 * Labels of a message in the truth, in addition to its fault. All but `late` and `offline` concern the event, so a copy
 * has the labels of its original.
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

/** Delivery faults; null: it does not happen. */
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
    /** Share of messages with the slow delay. */
    readonly slow: number;
    readonly slowDelayMs: number;
    readonly slowSigma: number;
  } | null;
  readonly offline: {
    /** Share of stores, at least one, without an uplink during [atMs, atMs + forMs) from t0. */
    readonly stores: number;
    readonly atMs: number;
    readonly forMs: number;
    /** Rate at which each of them sends its backlog, events per second. */
    readonly replayPerSecond: number;
  } | null;
  readonly clocks: {
    /** Spread of the clocks of tills and handhelds: sigma of a normal distribution, ms. */
    readonly sigmaMs: number;
    /** Shares of tills and handhelds that are off by exactly an hour, or by years. */
    readonly hourOff: number;
    readonly wrongDate: number;
    /** Share of web sessions on a device whose clock is off by an hour or more. */
    readonly shoppers: number;
  } | null;
  readonly schemaDrift: {
    /** Each store changes to the new version at its own time in [atMs, atMs + overMs]. */
    readonly atMs: number;
    readonly overMs: number;
    /** Shares of stores whose new version adds a field, or sends some integers as text. */
    readonly added: number;
    readonly widened: number;
  } | null;
  readonly redelivery: {
    /** Time between two crashes of a store's inventory connector, ms; stores have different offsets. */
    readonly everyMs: number;
    /** Row images that it then sends again. */
    readonly last: number;
  } | null;
}

/** No faults: every message arrives once, complete, without delay and in order. */
export const NO_FAULTS: Faults = {
  duplicates: null,
  malformed: null,
  transport: null,
  offline: null,
  clocks: null,
  schemaDrift: null,
  redelivery: null,
};

/** The pipeline under test. */
export interface PipelineUse {
  /** A folder of `pipelines/`, or a path to another folder. */
  readonly use: string;
  readonly commitEveryMs: number;
  readonly format: 2 | 3;
  readonly parallelism: number;
  /** Settings in place of those of its stages, by their kind and key; absent: none. */
  readonly stages?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly compaction:
    | { readonly by: 'none' }
    | { readonly by: 'flink'; readonly everyMs: number }
    | { readonly by: OnDemand; readonly maintain?: Maintenance };
}

/** Limits of Amoro's self-optimizing. */
export interface AmoroRule {
  /** Size of a finished file. */
  readonly targetBytes: number;
  /** Fragments and equality-delete files together. */
  readonly minorFiles: number;
  /** When it has passed since the last time, two are enough. */
  readonly minorIntervalMs: number;
}

/** A limit on AutoComp's score. */
export interface AutoCompRule {
  /** Size of a finished file. */
  readonly targetBytes: number;
  /** Files fewer per GB·h of compute. */
  readonly score: number;
}

/** When the tables are maintained while the load runs, and by what. */
export interface Maintenance {
  /** What makes it due, whichever comes first; null: not that. */
  readonly trigger: {
    /** Time since the beginning of the load, or since it last began, ms. */
    readonly everyMs: number | null;
    /** Live data files of a table that is compacted. */
    readonly dataFiles: number | null;
    /** Live delete files and deletion vectors of a table that is compacted. */
    readonly deleteFiles: number | null;
    /** The rules of Amoro and AutoComp, of a table that is compacted. */
    readonly amoro: AmoroRule | null;
    readonly autocomp: AutoCompRule | null;
  };
  /** Names of phases in which it does not begin. */
  readonly notDuring: readonly string[];
  /** Whether it waits for a moment in which no query runs. */
  readonly waitsForQueries: boolean;
  /** In this order. */
  readonly actions: readonly MaintenanceAction[];
  /** Tables that the actions are about, the rewrite aside; absent: all of the pipeline. */
  readonly scope?: readonly string[];
}

/**
 * What maintenance does: the pipeline's rewrite of files, a rewrite of manifests, the removal of files that no metadata
 * names, and the expiry of snapshots.
 */
export const MAINTENANCE_ACTIONS = ['rewrite', 'manifests', 'orphans', 'expire'] as const;
export type MaintenanceAction = (typeof MAINTENANCE_ACTIONS)[number];

/** Kinds of compaction that a `compact` phase runs. */
export const ON_DEMAND = ['spark', 'in-process'] as const;
export type OnDemand = (typeof ON_DEMAND)[number];

/** SASL mechanisms of an external Kafka. */
export const KAFKA_SASL = ['none', 'plain', 'scram-sha-256', 'scram-sha-512'] as const;
export type KafkaSasl = (typeof KAFKA_SASL)[number];

/** Jars of Flink's Kafka connector. */
export const FLINK_CONNECTORS = ['sql', 'plain'] as const;

/** External servers. What is null comes from the environment; so do all secrets. */
export interface ExternalUse {
  readonly kafka: string | null;
  readonly kafkaSecurity: {
    readonly tls: boolean;
    /** PEM file; null: from the environment, or the public CAs. */
    readonly ca: string | null;
    readonly sasl: KafkaSasl;
    readonly flinkConnector: (typeof FLINK_CONNECTORS)[number];
  };
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

/** Libraries that can produce the load. */
export const KAFKA_CLIENTS = ['platformatic', 'kafkajs'] as const;
export type KafkaClient = (typeof KAFKA_CLIENTS)[number];

interface StackUse {
  /** Where the servers run; `auto` takes containers when an engine answers, `external` starts none. */
  readonly runtime: 'auto' | 'processes' | 'containers' | 'external';
  /** Addresses of `external` servers, unless they come from the environment. */
  readonly external: ExternalUse | null;
  /** Partitions per topic. */
  readonly partitions: number;
  /**
   * JIT compilation of broker and TaskManager: `c1` compiles quickly and only once, which takes half their CPU time in a
   * run of minutes and has less throughput under a heavy load; `full` is Java's default.
   */
  readonly jit: 'c1' | 'full';
  /** Library of the Kafka producers. */
  readonly kafkaClient: KafkaClient;
}

/** Query engines that a scenario can name. */
export const QUERY_ENGINES = ['duckdb', 'spark', 'trino'] as const;
export type QueryEngineName = (typeof QUERY_ENGINES)[number];

interface QueryUse {
  /** The engines that are measured, the one that checks address first; absent: the pipeline's first. */
  readonly engines?: readonly QueryEngineName[];
  /** Interval of the open-loop background queries, which take turns, ms. */
  readonly everyMs: number;
  readonly timeoutMs: number;
  /** Hot samples of one query in a round. */
  readonly roundSamples: number;
  /** Time budget of a query in a round, ms: no sample is started after it. */
  readonly roundBudgetMs: number;
  /** Cold samples of each query in a round: each starts a process. */
  readonly coldSamples: number;
}

/** `flat`: load as stated. The others: a burst at the phase's start that decays; the load is their mean. */
export const SHAPES = ['flat', 'doorbuster', 'flash'] as const;
export type Shape = (typeof SHAPES)[number];

/** Timed phases come first; `query` and `compact` follow, while the load continues at 1x. */
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
  | {
      readonly kind: 'compact';
      readonly name: string;
      /** What maintenance does in it; absent: a rewrite alone. */
      readonly actions?: readonly MaintenanceAction[];
      /** See Maintenance. */
      readonly scope?: readonly string[];
    };

/**
 * `pause`: paused, and then resumed. `kill`: ended at once (SIGKILL). `restart`: ended gracefully (SIGTERM).
 * An ended server is started again, on the same ports and with the same data.
 */
export const FAULT_ACTS = ['pause', 'kill', 'restart'] as const;
export type FaultAct = (typeof FAULT_ACTS)[number];

/** A fault of a server: an outage for some time. */
export interface ServerFault {
  readonly act: FaultAct;
  readonly server: (typeof SERVERS)[number];
  /** The timed phase in which it begins, and when, ms from the start of that phase. */
  readonly during: string;
  readonly atMs: number;
  /** Duration until it is resumed or started again, ms. */
  readonly forMs: number;
  /** Drawn by the seed, and not listed in the file. */
  readonly drawn?: true;
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
