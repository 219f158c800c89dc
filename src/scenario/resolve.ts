import { ratePer } from '../core/units.ts';
import { drawFaults } from './random-faults.ts';
import type { TapeUse } from './recording.ts';
import type {
  Check,
  DuplicateKind,
  ExternalUse,
  Faults,
  Maintenance,
  MalformedKind,
  Phase,
  PipelineUse,
  Profile,
  Scenario,
  Traffic,
} from './scenario.ts';
import { MAINTENANCE_ACTIONS } from './scenario.ts';
import type { Draft } from './schema.ts';
import { external } from './schema-external.ts';

/** Defaults of each kind of retailer. */
export const PROFILE_DEFAULTS: Readonly<
  Record<
    Profile,
    { assortmentOfSkus: number; returns: number; shrink: number; loyaltyShare: number }
  >
> = {
  grocery: { assortmentOfSkus: 0.4, returns: 0.01, shrink: 0.0115, loyaltyShare: 0.8 },
  specialty: { assortmentOfSkus: 1 / 3, returns: 0.1, shrink: 0.016, loyaltyShare: 0.6 },
};

/** Default members of a chain per store. */
export const MEMBERS_PER_STORE = 6_300;
const PICKUP_SHARE = 0.2;

/** Default shares of duplicates by kind. */
export const DUPLICATE_SHARES: Readonly<Record<DuplicateKind, number>> = {
  identical: 0.9,
  new_id: 0.05,
  changed_payload: 0.03,
  constant_id: 0.02,
};

/** Default shares of malformed records by kind. */
const MALFORMED_SHARES: Readonly<Record<MalformedKind, number>> = {
  truncated: 0.4,
  wrong_type: 0.3,
  missing_key: 0.2,
  bad_utf8: 0.1,
};

function stackUse(draft: Draft['stack']): Scenario['stack'] {
  const { kafka_client: kafkaClient, ...stack } = draft;
  return { ...stack, kafkaClient, external: externalUse(draft) };
}

/** The section may be absent: then everything comes from the environment. */
function externalUse({ runtime, external: given }: Draft['stack']): ExternalUse | null {
  if (runtime !== 'external') return null;
  const {
    kafka,
    kafka_security: security,
    flink,
    gateway,
    catalog,
    s3,
    inside,
    prefix,
  } = given ?? external.parse({});
  return {
    kafka: kafka ?? null,
    kafkaSecurity: {
      tls: security.tls,
      ca: security.ca ?? null,
      sasl: security.sasl,
      flinkConnector: security.flink_connector,
    },
    flink: flink ?? null,
    gateway: gateway ?? null,
    catalog: {
      uri: catalog.uri ?? null,
      warehouse: catalog.warehouse ?? null,
      auth: catalog.auth,
      tokenUri: catalog.token_uri ?? null,
      scope: catalog.scope ?? null,
    },
    s3: {
      endpoint: s3.endpoint ?? null,
      bucket: s3.bucket ?? null,
      region: s3.region ?? null,
    },
    inside: {
      kafka: inside.kafka ?? null,
      catalog: inside.catalog ?? null,
      s3: inside.s3 ?? null,
    },
    prefix,
  };
}

/** Converts a valid draft to a scenario: with the code's names, and every default filled in. */
export function resolve(draft: Draft, checks: readonly Check[]): Scenario {
  const { retail } = draft;
  const implied = PROFILE_DEFAULTS[retail.profile];
  return {
    name: draft.name,
    about: draft.about,
    seed: draft.seed,
    startsAt: draft.starts_at,
    retail: {
      stores: retail.stores,
      skus: retail.skus,
      profile: retail.profile,
      assortment:
        retail.assortment ?? Math.max(1, Math.round(retail.skus * implied.assortmentOfSkus)),
      assortmentBy: retail.assortment_by,
      storeSizeSigma: retail.store_size_sigma,
      timeZones: retail.time_zones,
      hours: retail.hours,
      clocks: retail.clocks,
    },
    traffic: traffic(draft),
    pipeline: pipeline(draft.pipeline),
    stack: stackUse(draft.stack),
    queries: {
      ...enginesOf(draft.queries.engine),
      everyMs: draft.queries.every,
      timeoutMs: draft.queries.timeout,
      roundSamples: draft.queries.round_samples,
      roundBudgetMs: draft.queries.round_budget,
      coldSamples: draft.queries.cold,
    },
    // Canaries are messages of the stock stream: without it there is no key to poll for and no topic.
    canaries: { perSecond: draft.traffic.inventory ? ratePer('s', draft.canaries.rate) : 0 },
    drainWithinMs: draft.drain_within,
    phases: draft.phases.map(phase),
    faults: [
      ...draft.faults.map(({ do: act, server, during, at, for: forMs }) => ({
        ...{ act, server, during, atMs: at, forMs },
      })),
      ...drawFaults(draft),
    ],
    stalenessTargetMs: draft.staleness_target ?? null,
    checks,
  };
}

function traffic({ traffic: written, retail }: Draft): Traffic {
  const { pos, wms, cart, loyalty, inventory, faults } = written;
  const implied = PROFILE_DEFAULTS[retail.profile];
  return {
    pos: pos
      ? {
          receiptsPerStoreHour: ratePer('h', pos.receipts),
          returns: pos.tape === undefined ? (pos.returns ?? implied.returns) : 0,
          tape: tape(pos),
          training: pos.training,
          sequenceTo: pos.sequence_to ?? null,
        }
      : null,
    wms: wms ? { shrink: wms.shrink ?? implied.shrink, delist: wms.delist } : null,
    cart: cart
      ? {
          sessionsPerSecond: ratePer('s', cart.sessions),
          bots: cart.bots,
          pickup: cart.pickup ?? PICKUP_SHARE,
        }
      : null,
    loyalty: loyalty
      ? {
          members: loyalty.members ?? MEMBERS_PER_STORE * retail.stores,
          share: loyalty.share ?? implied.loyaltyShare,
        }
      : null,
    inventory: inventory ?? null,
    faults: resolveFaults(faults),
  };
}

function tape({ tape: file, map }: NonNullable<Draft['traffic']['pos']>): TapeUse | null {
  if (file === undefined || map === undefined) return null;
  const { at_format, at_day_one, at_zone, units_up_to, no_member, decimal, encoding, ...columns } =
    map;
  return {
    file,
    map: {
      columns,
      atFormat: at_format ?? null,
      atDayOne: at_day_one ?? null,
      atZone: at_zone ?? null,
      unitsUpTo: units_up_to,
      noMember: no_member ?? [],
      decimal,
      encoding: encoding ?? null,
    },
    recording: null,
  };
}

function resolveFaults(faults: Draft['traffic']['faults']): Faults {
  const { duplicates, malformed, transport } = faults;
  return {
    duplicates: duplicates
      ? {
          rate: duplicates.rate,
          kinds: duplicates.kinds ?? DUPLICATE_SHARES,
          delayMs: duplicates.delay,
          delayMaxMs: duplicates.delay_max,
        }
      : null,
    malformed: malformed
      ? {
          rate: malformed.rate,
          kinds: malformed.kinds ?? MALFORMED_SHARES,
          replace: malformed.replace,
        }
      : null,
    transport: transport
      ? {
          delayMs: transport.delay,
          sigma: transport.sigma,
          slow: transport.slow,
          slowDelayMs: transport.slow_delay,
          slowSigma: transport.slow_sigma,
        }
      : null,
    ...resolveOccasions(faults),
  };
}

/** Faults with a time of their own, or of a whole store or device. */
function resolveOccasions({
  offline,
  clocks,
  schema_drift: drift,
  redelivery,
}: Draft['traffic']['faults']): Pick<Faults, 'offline' | 'clocks' | 'schemaDrift' | 'redelivery'> {
  return {
    offline: offline
      ? {
          stores: offline.stores,
          atMs: offline.at,
          forMs: offline.for,
          replayPerSecond: ratePer('s', offline.replay),
        }
      : null,
    clocks: clocks
      ? {
          sigmaMs: clocks.sigma,
          hourOff: clocks.hour_off,
          wrongDate: clocks.wrong_date,
          shoppers: clocks.shoppers,
        }
      : null,
    schemaDrift: drift
      ? { atMs: drift.at, overMs: drift.over, added: drift.added, widened: drift.widened }
      : null,
    redelivery: redelivery ? { everyMs: redelivery.every, last: redelivery.last } : null,
  };
}

function pipeline(written: Draft['pipeline']): PipelineUse {
  const { compaction } = written;
  return {
    use: written.use,
    commitEveryMs: written.commit_every,
    format: written.format,
    parallelism: written.parallelism,
    ...(Object.keys(written.stages).length > 0 ? { stages: written.stages } : {}),
    compaction: compactionOf(compaction),
  };
}

function compactionOf(written: Draft['pipeline']['compaction']): PipelineUse['compaction'] {
  if (written.by === 'none') return { by: 'none' };
  if (written.by === 'flink') return { by: 'flink', everyMs: written.every };
  const { by, trigger, not_during = [], queries, actions = ['rewrite'], scope } = written;
  if (trigger === undefined) return { by };
  return {
    by,
    maintain: {
      trigger: {
        everyMs: trigger.every ?? null,
        dataFiles: trigger.data_files ?? null,
        deleteFiles: trigger.delete_files ?? null,
        ...amoroAndAutoComp(trigger),
      },
      notDuring: not_during,
      waitsForQueries: queries === 'wait',
      actions,
      ...(scope === undefined ? {} : { scope }),
    },
  };
}

type TriggerDraft = NonNullable<
  Extract<Draft['pipeline']['compaction'], { by: 'spark' }>['trigger']
>;

const MIB = 2 ** 20;

function amoroAndAutoComp({
  amoro,
  autocomp,
}: TriggerDraft): Pick<Maintenance['trigger'], 'amoro' | 'autocomp'> {
  return {
    amoro: amoro
      ? {
          targetBytes: amoro.target_mib * MIB,
          minorFiles: amoro.minor_files,
          minorIntervalMs: amoro.minor_interval,
        }
      : null,
    autocomp: autocomp ? { targetBytes: autocomp.target_mib * MIB, score: autocomp.score } : null,
  };
}

function phase(written: Draft['phases'][number]): Phase {
  if ('do' in written) {
    const { name, scope } = written;
    if (written.do !== 'maintain') return { kind: written.do, name };
    const actions = written.actions ?? MAINTENANCE_ACTIONS;
    return { kind: 'compact', name, actions, ...(scope === undefined ? {} : { scope }) };
  }
  return {
    kind: 'load',
    name: written.name,
    forMs: written.for,
    load: written.load,
    shape: written.shape,
    measured: written.measured,
  };
}

function enginesOf(written: Draft['queries']['engine']): Pick<Scenario['queries'], 'engines'> {
  if (written === undefined) return {};
  return { engines: typeof written === 'string' ? [written] : written };
}
