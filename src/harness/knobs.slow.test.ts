import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import type { z } from 'zod';
import { storesOf } from '../../test/support/retail.ts';
import { PLAIN_NAMESPACE } from '../../test/support/run-namespace.ts';
import { SERVERS } from '../core/metrics.ts';
import { encode } from '../generators/encode.ts';
import { preloadOf, tapeOf } from '../generators/tape.ts';
import { parseScenario } from '../scenario/parse.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { SECTIONS } from '../scenario/schema.ts';
import { packageRoot } from './entry.ts';
import { loadPipeline } from './pipelines/load.ts';
import { fillPlaceholders, placeholderValues } from './pipelines/placeholders.ts';
import { withRecording } from './recording/open.ts';

vi.setConfig({ testTimeout: 120_000 });

/**
 * No knob is dead: every leaf of the schema, found by walking it, changes the bytes of the tape, the SQL
 * that is deployed, or a value that a named file of the source reads. A new knob without an entry here fails.
 */

const BASE = `
name: knobs
seed: 3
starts_at: 2026-11-25T09:00
retail: { stores: 4, skus: 120, assortment: 60, hours: flat }
traffic:
  pos: { receipts: 600/store/h }
  wms: {}
  cart: { sessions: 8/s }
  loyalty: {}
  inventory: {}
phases:
  - { name: only, for: 12s }
`;
const UNTIL_MS = 15_000;
const T0 = 1_795_770_000_000;

type Set = readonly string[];

/** What is changed, and what has to be there for it to be a change. */
type Change = readonly [change: string | Set, given?: string | Set];

const faults = 'traffic.faults';
const twice = (kinds: string) => `${faults}.duplicates={rate: 50%, delay: 1s, kinds: {${kinds}}}`;
const broken = (kinds: string) => `${faults}.malformed={rate: 50%, kinds: {${kinds}}}`;
const phases = (rest: string) => `phases=[{name: only, for: 12s, ${rest}}]`;
const transport = (rest: string) => `${faults}.transport={${rest}}`;
const CLOCKS = `${faults}.clocks={sigma: 0s, hour_off: 0%, wrong_date: 0%, shoppers: 1%}`;
const OUT = `${faults}.offline={stores: 25%, at: 2s, for: 5s, replay: 50/s}`;
const DRIFT = `${faults}.schema_drift={at: 2s, over: 4s, added: 25%, widened: 25%}`;
const AWAY = 'staleness_target=10s';
const away = (fault: string) => `faults=[{${fault}}]`;
const PAUSE = away('do: pause, server: kafka, during: only, at: 1s, for: 2s');
/** Faults that the seed draws, about six of them. */
const DRAWN = [
  AWAY,
  'random_faults={servers: {kafka: [pause], minio: [kill]}, every: 2s, for: 1s, recovery: 500ms}',
];
/** What `random_faults` says, key by key. */
const OF_THE_DRAW: Readonly<Record<string, string>> = {
  every: '3s',
  for: '1500ms',
  for_max: '1400ms',
  recovery: '700ms',
  overlap: 'true',
  ...Object.fromEntries(
    SERVERS.filter((server) => server !== 'kafka').map((server) => [
      `servers.${server}[]`,
      server === 'minio' ? '[restart]' : '[pause]',
    ]),
  ),
  'servers.kafka[]': '[kill]',
};
const ELSEWHERE = [
  'stack.runtime=external',
  'stack.external={kafka: "a:1", flink: "http://a:1", gateway: "http://a:1", catalog: {uri: "http://a:1", warehouse: w, auth: oauth2, token_uri: "http://a:1", scope: s}, s3: {endpoint: "http://a:1", bucket: b, region: r}, inside: {kafka: "a:1", catalog: "http://a:1", s3: "http://a:1"}}',
];
/** What `stack.external` says, key by key; all of it is read in one file. */
const OF_OTHERS: Readonly<Record<string, string>> = {
  kafka: 'b:1',
  'kafka_security.tls': 'true',
  'kafka_security.sasl': 'plain',
  'kafka_security.flink_connector': 'plain',
  flink: '"http://b:1"',
  gateway: '"http://b:1"',
  'catalog.uri': '"http://b:1"',
  'catalog.warehouse': 'v',
  'catalog.token_uri': '"http://b:1"',
  'catalog.scope': 't',
  's3.endpoint': '"http://b:1"',
  's3.bucket': 'c',
  's3.region': 'q',
  'inside.kafka': 'b:1',
  'inside.catalog': '"http://b:1"',
  'inside.s3': '"http://b:1"',
};
const AGAIN = `${faults}.redelivery={every: 4s, last: 5}`;

/** Knobs that change what is sent. */
const ON_THE_TAPE: Readonly<Record<string, Change>> = {
  seed: ['seed=4'],
  starts_at: ['starts_at=2026-11-25T10:00'],
  'retail.stores': ['retail.stores=5'],
  'retail.skus': ['retail.skus=121'],
  'retail.profile': ['retail.profile=specialty'],
  'retail.assortment': ['retail.assortment=61'],
  'retail.assortment_by': ['retail.assortment_by=core'],
  'retail.store_size_sigma': ['retail.store_size_sigma=0.6'],
  'retail.time_zones': ['retail.time_zones=us'],
  'retail.hours': ['retail.hours=curve'],
  'retail.clocks': ['retail.clocks=us', 'starts_at=2026-11-01T01:59:55'],
  'traffic.pos.receipts': ['traffic.pos.receipts=601/store/h'],
  'traffic.pos.returns': ['traffic.pos.returns=20%'],
  'traffic.pos.training': ['traffic.pos.training=20%'],
  'traffic.pos.sequence_to': ['traffic.pos.sequence_to=9999'],
  'traffic.wms.shrink': ['traffic.wms.shrink=30%', phases('load: 30x')],
  'traffic.wms.delist': ['traffic.wms.delist=10%'],
  'traffic.cart.sessions': ['traffic.cart.sessions=9/s'],
  'traffic.cart.bots': ['traffic.cart.bots=50%'],
  'traffic.cart.pickup': ['traffic.cart.pickup=100%', 'traffic.cart.sessions=30/s'],
  'traffic.loyalty.members': ['traffic.loyalty.members=50'],
  'traffic.loyalty.share': ['traffic.loyalty.share=20%'],
  'traffic.inventory.preload': ['traffic.inventory.preload=none'],
  'traffic.faults.duplicates.rate': [`${faults}.duplicates.rate=20%`, `${faults}.duplicates={}`],
  'traffic.faults.duplicates.kinds.identical': [
    twice('identical: 50%, new_id: 50%'),
    twice('new_id: 100%'),
  ],
  'traffic.faults.duplicates.kinds.new_id': [twice('new_id: 100%'), twice('identical: 100%')],
  'traffic.faults.duplicates.kinds.changed_payload': [
    twice('changed_payload: 100%'),
    twice('identical: 100%'),
  ],
  'traffic.faults.duplicates.kinds.constant_id': [
    twice('constant_id: 100%'),
    twice('identical: 100%'),
  ],
  'traffic.faults.duplicates.delay': [
    `${faults}.duplicates.delay=2s`,
    `${faults}.duplicates={rate: 50%}`,
  ],
  'traffic.faults.duplicates.delay_max': [
    `${faults}.duplicates.delay_max=1s`,
    `${faults}.duplicates={rate: 50%}`,
  ],
  'traffic.faults.malformed.rate': [`${faults}.malformed.rate=20%`, `${faults}.malformed={}`],
  'traffic.faults.malformed.kinds.truncated': [
    broken('truncated: 100%'),
    broken('wrong_type: 100%'),
  ],
  'traffic.faults.malformed.kinds.wrong_type': [
    broken('wrong_type: 100%'),
    broken('truncated: 100%'),
  ],
  'traffic.faults.malformed.kinds.missing_key': [
    broken('missing_key: 100%'),
    broken('truncated: 100%'),
  ],
  'traffic.faults.malformed.kinds.bad_utf8': [broken('bad_utf8: 100%'), broken('truncated: 100%')],
  'traffic.faults.malformed.replace': [
    `${faults}.malformed.replace=true`,
    `${faults}.malformed={rate: 20%}`,
  ],
  'traffic.faults.transport.delay': [transport('delay: 2s'), transport('')],
  'traffic.faults.transport.sigma': [transport('sigma: 0.5'), transport('')],
  'traffic.faults.transport.slow': [transport('slow: 50%'), transport('')],
  'traffic.faults.transport.slow_delay': [transport('slow_delay: 1s'), transport('')],
  'traffic.faults.transport.slow_sigma': [transport('slow_sigma: 0.2'), transport('')],
  'traffic.faults.offline.stores': [`${faults}.offline.stores=50%`, OUT],
  'traffic.faults.offline.at': [`${faults}.offline.at=3s`, OUT],
  'traffic.faults.offline.for': [`${faults}.offline.for=6s`, OUT],
  'traffic.faults.offline.replay': [`${faults}.offline.replay=5/s`, OUT],
  'traffic.faults.clocks.sigma': [`${faults}.clocks.sigma=1s`, CLOCKS],
  'traffic.faults.clocks.hour_off': [`${faults}.clocks.hour_off=50%`, CLOCKS],
  'traffic.faults.clocks.wrong_date': [`${faults}.clocks.wrong_date=50%`, CLOCKS],
  'traffic.faults.clocks.shoppers': [`${faults}.clocks.shoppers=50%`, CLOCKS],
  'traffic.faults.schema_drift.at': [`${faults}.schema_drift.at=5s`, DRIFT],
  'traffic.faults.schema_drift.over': [`${faults}.schema_drift.over=9s`, DRIFT],
  'traffic.faults.schema_drift.added': [`${faults}.schema_drift.added=100%`, DRIFT],
  'traffic.faults.schema_drift.widened': [`${faults}.schema_drift.widened=100%`, DRIFT],
  'traffic.faults.redelivery.every': [`${faults}.redelivery.every=5s`, AGAIN],
  'traffic.faults.redelivery.last': [`${faults}.redelivery.last=6`, AGAIN],
  'phases[].for': ['phases=[{name: only, for: 13s, load: 9x}]', phases('load: 9x')],
  'phases[].load': [phases('load: 2x')],
  'phases[].shape': [phases('shape: flash')],
};

/** Knobs that change the SQL that is deployed. */
const IN_THE_SQL: Readonly<Record<string, Change>> = {
  'pipeline.use': ['pipeline.use=append-ledger'],
  'pipeline.commit_every': ['pipeline.commit_every=3s'],
  'pipeline.format': ['pipeline.format=3'],
  'pipeline.parallelism': ['pipeline.parallelism=2'],
  'pipeline.compaction.by': ['pipeline.compaction={by: flink}'],
  'pipeline.compaction.every': ['pipeline.compaction.every=20s', 'pipeline.compaction={by: flink}'],
};

/** Maintenance while the load runs. */
const MAINTAINED: Readonly<Record<string, string>> = {
  'trigger.every': 'trigger: { every: 80s }',
  'trigger.data_files': 'trigger: { every: 90s, data_files: 9 }',
  'trigger.delete_files': 'trigger: { every: 90s, delete_files: 9 }',
  'trigger.amoro.target_mib': 'trigger: { every: 90s, amoro: { target_mib: 64 } }',
  'trigger.amoro.minor_files': 'trigger: { every: 90s, amoro: { minor_files: 9 } }',
  'trigger.amoro.minor_interval': 'trigger: { every: 90s, amoro: { minor_interval: 9s } }',
  'trigger.autocomp.target_mib': 'trigger: { every: 90s, autocomp: { score: 9, target_mib: 64 } }',
  'trigger.autocomp.score': 'trigger: { every: 90s, autocomp: { score: 9 } }',
  'not_during[]': 'trigger: { every: 90s }, not_during: [second]',
  queries: 'trigger: { every: 90s }, queries: wait',
  'actions[]': 'trigger: { every: 90s }, actions: [expire]',
  'scope[]': 'trigger: { every: 90s }, actions: [expire], scope: [pos]',
};

/** Knobs that a file of the source reads, and how the value is called there. */
const READ: Readonly<
  Record<
    string,
    {
      readonly change: string;
      readonly given?: Set;
      readonly as: string;
      readonly by: string;
    }
  >
> = {
  name: { change: 'name=other', as: 'scenario.name', by: 'harness/experiment/trial.ts' },
  about: {
    change: 'about=something',
    as: 'scenario.about',
    by: 'harness/experiment/first-record.ts',
  },
  'traffic.inventory.via': {
    change: 'traffic.inventory.via=bulk',
    as: 'scenario.traffic',
    by: 'harness/experiment/course.ts',
  },
  ...Object.fromEntries(
    Object.entries(MAINTAINED).map(([key, change]) => [
      `pipeline.compaction.${key}`,
      {
        change: `pipeline.compaction={by: spark, ${change}}`,
        given: [
          'phases=[{name: only, for: 12s}, {name: second, for: 12s}]',
          'pipeline.compaction={by: spark, trigger: { every: 90s }}',
        ],
        as: 'scenario.pipeline',
        by: 'harness/experiment/course.ts',
      },
    ]),
  ),
  'pipeline.stages': {
    change: 'pipeline.stages={batch-load: {buckets: 5}}',
    given: ['pipeline.stages={batch-load: {buckets: 4}}'],
    as: 'scenario.pipeline.stages',
    by: 'harness/pipelines/load.ts',
  },
  'stack.partitions': {
    change: 'stack.partitions=5',
    as: 'scenario.stack.partitions',
    by: 'harness/load/producer-worker.ts',
  },
  'stack.runtime': {
    change: 'stack.runtime=containers',
    as: 'scenario.stack.runtime',
    by: 'harness/experiment/lab.ts',
  },
  'stack.jit': {
    change: 'stack.jit=c1',
    as: 'scenario.stack.jit',
    by: 'harness/experiment/own-stack.ts',
  },
  'stack.kafka_client': {
    change: 'stack.kafka_client=kafkajs',
    as: 'scenario.stack.kafkaClient',
    by: 'harness/load/producer-worker.ts',
  },
  'queries.engine': {
    change: 'queries.engine=spark',
    given: ['queries.engine=duckdb'],
    as: 'scenario.queries.engines',
    by: 'topology/manifest.ts',
  },
  'queries.engine[]': {
    change: 'queries.engine=[duckdb, spark]',
    given: ['queries.engine=duckdb'],
    as: 'scenario.queries.engines',
    by: 'topology/manifest.ts',
  },
  'queries.every': {
    change: 'queries.every=3s',
    as: 'scenario.queries.everyMs',
    by: 'harness/probes/queries.ts',
  },
  'queries.timeout': {
    change: 'queries.timeout=3s',
    as: 'scenario.queries.timeoutMs',
    by: 'harness/probes/queries.ts',
  },
  'queries.round_samples': {
    change: 'queries.round_samples=7',
    as: 'scenario.queries.roundSamples',
    by: 'harness/probes/queries.ts',
  },
  'queries.round_budget': {
    change: 'queries.round_budget=3s',
    as: 'scenario.queries.roundBudgetMs',
    by: 'harness/probes/queries.ts',
  },
  'queries.cold': {
    change: 'queries.cold=1',
    as: 'scenario.queries.coldSamples',
    by: 'harness/probes/queries.ts',
  },
  'canaries.rate': {
    change: 'canaries.rate=3/s',
    as: 'scenario.canaries.perSecond',
    by: 'harness/probes/canary.ts',
  },
  drain_within: {
    change: 'drain_within=70s',
    as: 'scenario.drainWithinMs',
    by: 'harness/experiment/run-on-stack.ts',
  },
  'phases[].name': {
    change: 'phases=[{name: first, for: 12s}]',
    as: 'scenario.phases',
    by: 'harness/experiment/phases.ts',
  },
  'phases[].do': {
    change: 'phases=[{name: only, for: 12s}, {name: ask, do: query}]',
    as: 'scenario.phases',
    by: 'harness/experiment/phases.ts',
  },
  'phases[].actions[]': {
    change: 'phases=[{name: only, for: 12s}, {name: tidy, do: maintain, actions: [expire]}]',
    given: [
      'pipeline.compaction={by: spark}',
      'phases=[{name: only, for: 12s}, {name: tidy, do: maintain}]',
    ],
    as: 'scenario.phases',
    by: 'harness/experiment/phases.ts',
  },
  'phases[].scope[]': {
    change:
      'phases=[{name: only, for: 12s}, {name: tidy, do: maintain, actions: [expire], scope: [pos]}]',
    given: [
      'pipeline.compaction={by: spark}',
      'phases=[{name: only, for: 12s}, {name: tidy, do: maintain, actions: [expire]}]',
    ],
    as: 'scenario.phases',
    by: 'harness/experiment/phases.ts',
  },
  'phases[].measured': {
    change: 'phases=[{name: only, for: 12s, measured: false}, {name: ask, do: query}]',
    as: 'scenario.phases',
    by: 'harness/experiment/phases.ts',
  },
  'faults[].do': {
    change: away('do: kill, server: kafka, during: only, at: 1s, for: 2s'),
    given: [AWAY, PAUSE],
    as: 'scenario.faults',
    by: 'harness/faults.ts',
  },
  'faults[].server': {
    change: away('do: pause, server: minio, during: only, at: 1s, for: 2s'),
    given: [AWAY, PAUSE],
    as: 'scenario.faults',
    by: 'harness/faults.ts',
  },
  'faults[].at': {
    change: away('do: pause, server: kafka, during: only, at: 2s, for: 2s'),
    given: [AWAY, PAUSE],
    as: 'scenario.faults',
    by: 'harness/faults.ts',
  },
  'faults[].for': {
    change: away('do: pause, server: kafka, during: only, at: 1s, for: 3s'),
    given: [AWAY, PAUSE],
    as: 'scenario.faults',
    by: 'harness/faults.ts',
  },
  'faults[].during': {
    change: 'faults.0.during=second',
    given: [AWAY, PAUSE, 'phases=[{name: only, for: 12s}, {name: second, for: 12s}]'],
    as: 'scenario.faults',
    by: 'harness/faults.ts',
  },
  ...Object.fromEntries(
    Object.entries(OF_THE_DRAW).map(([key, value]) => [
      `random_faults.${key}`,
      {
        change: `random_faults.${key.replace('[]', '')}=${value}`,
        given: DRAWN,
        as: 'scenario.faults',
        by: 'harness/faults.ts',
      },
    ]),
  ),
  'random_faults.during': {
    change: 'random_faults.during=second',
    given: [...DRAWN, 'phases=[{name: only, for: 12s}, {name: second, for: 12s}]'],
    as: 'scenario.faults',
    by: 'harness/faults.ts',
  },
  staleness_target: {
    change: 'staleness_target=11s',
    given: [AWAY, PAUSE],
    as: 'scenario.stalenessTargetMs',
    by: 'harness/measure/recovery.ts',
  },
  ...Object.fromEntries(
    Object.entries(OF_OTHERS).map(([key, value]) => [
      `stack.external.${key}`,
      {
        change: `stack.external.${key}=${value}`,
        given: ELSEWHERE,
        as: 'scenario.stack.external',
        by: 'harness/experiment/lab.ts',
      },
    ]),
  ),
  'stack.external.kafka_security.ca': {
    change: 'stack.external.kafka_security={tls: true, ca: other.pem}',
    given: [...ELSEWHERE, 'stack.external.kafka_security={tls: true}'],
    as: 'scenario.stack.external',
    by: 'harness/experiment/lab.ts',
  },
  'stack.external.catalog.auth': {
    change: 'stack.external.catalog={uri: "http://a:1", warehouse: w, auth: bearer}',
    given: ELSEWHERE,
    as: 'scenario.stack.external',
    by: 'harness/experiment/lab.ts',
  },
  'stack.external.prefix': {
    change: 'stack.external.prefix=nightly',
    given: ELSEWHERE,
    as: 'scenario.stack.external',
    by: 'harness/experiment/lab.ts',
  },
  'checks[]': {
    change: 'checks=[lost == 0]',
    as: 'scenario.checks',
    by: 'harness/measure/context.ts',
  },
};

/** Sorted otherwise when their bytes are taken for those of another encoding. */
const ITEMS = ['À', 'é', 'i2', 'i3', 'i4', 'i5'];

/** Two columns of each kind, so that every one can be taken for the other. */
const RECORDED = [
  'receipt,basket,store,shop,at,closed,sku,item,quantity,units,amount,paid,discount,saved,member,card,day,hour,each',
  ...Array.from({ length: 40 }, (_, i) => {
    const at = (hour: number) => `2025-03-0${3 + (i >> 3)}T${hour + (i % 9)}:30:00Z`;
    const who = [i >> 1, i >> 2, i >> 3, i >> 4, at(10), at(12), `p${i % 11}`, ITEMS[i % 6]];
    const what = [1 + (i % 4), 150 * (1 + (i % 2)), (i % 13) + 0.5, (i % 8) + 0.25, i % 2, i % 3];
    const apart = [1 + (i >> 3), `${10 + (i % 9)}:15`, '"1,50"'];
    return [...who, ...what, `m${i % 9}`, `c${i % 4}`, ...apart].join(',');
  }),
  '',
].join('\n');
const TAPE = 'traffic.pos.tape=recorded.csv';
const MAP =
  'traffic.pos.map={receipt: receipt, store: store, at: at, sku: sku, quantity: quantity, amount: amount}';
const column = (key: string, name: string): Change => [
  `traffic.pos.map.${key}=${name}`,
  [TAPE, MAP],
];

/** Knobs that change what is read of a recording. */
const OF_THE_RECORDING: Readonly<Record<string, Change>> = {
  'traffic.pos.tape': ['traffic.pos.tape=other.csv', [TAPE, MAP]],
  'traffic.pos.map.receipt': column('receipt', 'basket'),
  'traffic.pos.map.store': column('store', 'shop'),
  'traffic.pos.map.at': column('at', 'closed'),
  'traffic.pos.map.sku': column('sku', 'item'),
  'traffic.pos.map.quantity': column('quantity', 'units'),
  'traffic.pos.map.amount': column('amount', 'paid'),
  'traffic.pos.map.discount': column('discount', 'saved'),
  'traffic.pos.map.member': column('member', 'card'),
  'traffic.pos.map.at_zone': column('at_zone', 'America/New_York'),
  'traffic.pos.map.units_up_to': column('units_up_to', '2'),
  'traffic.pos.map.price': [MAP.replace('amount: amount', 'price: amount'), [TAPE, MAP]],
  'traffic.pos.map.at_time': [
    MAP.replace('at: at', 'at: day, at_day_one: 2025-03-03, at_time: hour'),
    [TAPE, MAP],
  ],
  'traffic.pos.map.at_day_one': [
    'traffic.pos.map.at_day_one=2024-03-03',
    [TAPE, MAP.replace('at: at', 'at: day, at_day_one: 2025-03-03')],
  ],
  'traffic.pos.map.at_format': ['traffic.pos.map.at_format="%Y-%d-%mT%H:%M:%SZ"', [TAPE, MAP]],
  'traffic.pos.map.no_member[]': [
    'traffic.pos.map.no_member=[m1]',
    [TAPE, MAP, 'traffic.pos.map.member=member'],
  ],
  // No number is read in both ways: the column changes with it.
  'traffic.pos.map.decimal': [
    ['traffic.pos.map.amount=each', 'traffic.pos.map.decimal=comma'],
    [TAPE, MAP],
  ],
  'traffic.pos.map.encoding': [
    'traffic.pos.map.encoding=windows-1252',
    [TAPE, MAP, 'traffic.pos.map.sku=item'],
  ],
};

/** Every place of the schema where a value is written, as a path. */
function leaves(schema: z.core.$ZodType, path: string): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).flatMap(([key, inner]) =>
        leaves(inner, path === '' ? key : `${path}.${key}`),
      );
    case 'optional':
    case 'default':
    case 'prefault':
      return leaves(def.innerType, path);
    case 'array':
      return leaves(def.element, `${path}[]`);
    case 'union': {
      const branches = def.options.flatMap((option) => leaves(option, path));
      return [...new Set(branches)];
    }
    default:
      return [path];
  }
}

const found = Object.entries(SECTIONS).flatMap(([key, section]) => leaves(section, key));

const lines = (given: string | Set | undefined): Set =>
  given === undefined ? [] : typeof given === 'string' ? [given] : given;

function scenarioWith(...set: readonly string[]): Scenario {
  return parseScenario(BASE, { file: 'knobs.yaml', set }).scenario;
}

/** What is sent, message by message. */
function* messagesOf(scenario: Scenario): Generator<string> {
  const stores = storesOf(scenario);
  const decoder = new TextDecoder('latin1');
  for (const event of preloadOf(scenario, stores)) yield decoder.decode(encode(event, T0));
  for (const event of tapeOf(scenario, stores)) {
    if (event.dueMs >= UNTIL_MS) return;
    yield decoder.decode(encode(event, T0));
  }
}

/** Whether they are the same messages; it looks no further than the first that is not. */
function isSame(messages: Iterable<string>, before: readonly string[]): boolean {
  let n = 0;
  for (const message of messages) if (message !== before[n++]) return false;
  return n === before.length;
}

const dir = mkdtempSync(join(tmpdir(), 'doorbuster-knobs-'));
afterAll(() => rmSync(dir, { recursive: true }));
writeFileSync(join(dir, 'recorded.csv'), RECORDED);
writeFileSync(join(dir, 'other.csv'), RECORDED.split('\n').slice(0, 20).join('\n'));

const made = new Map<string, readonly string[]>();

/** The tape that a change is compared with; most share one. */
function messagesBefore(given: Set): readonly string[] {
  const key = given.join('\n');
  const messages = made.get(key) ?? [...messagesOf(scenarioWith(...given))];
  made.set(key, messages);
  return messages;
}

function deployed(scenario: Scenario): string {
  const { tables, jobs } = loadPipeline(scenario.pipeline.use, packageRoot);
  const values = placeholderValues(
    scenario.pipeline,
    { brokers: ['127.0.0.1:9092'] },
    PLAIN_NAMESPACE,
  );
  return [tables, jobs].map((file) => fillPlaceholders(file, values)).join('\n');
}

test('every knob of the schema has its place here, and nothing else has', () => {
  const known = [ON_THE_TAPE, OF_THE_RECORDING, IN_THE_SQL, READ].flatMap((group) =>
    Object.keys(group),
  );
  expect(known.toSorted()).toEqual(found.toSorted());
});

test.each(Object.entries(ON_THE_TAPE))('%s changes the tape', (_, [change, given]) => {
  const before = messagesBefore(lines(given));
  expect(before.join('').length).toBeGreaterThan(10_000);
  expect(isSame(messagesOf(scenarioWith(...lines(given), ...lines(change))), before)).toBe(false);
});

test.each(Object.entries(OF_THE_RECORDING))(
  '%s changes the recording',
  async (_, [change, given]) => {
    const recording = async (...set: Set) => {
      const parsed = {
        ...parseScenario(BASE, { file: 'knobs.yaml', set }),
        file: 'knobs.yaml',
        dir,
      };
      return (await withRecording(parsed, dir, null)).scenario.traffic.pos?.tape?.recording;
    };
    const before = await recording(...lines(given));
    expect(before?.atMs.length).toBeGreaterThan(5);
    expect(JSON.stringify(await recording(...lines(given), ...lines(change)))).not.toBe(
      JSON.stringify(before),
    );
  },
);

test.each(Object.entries(IN_THE_SQL))('%s changes what is deployed', (_, [change, given]) => {
  const before = deployed(scenarioWith(...lines(given)));
  expect(deployed(scenarioWith(...lines(given), ...lines(change)))).not.toBe(before);
});

test.each(Object.entries(READ))(
  '%s changes what is read in a run',
  (_, { change, given = [], as, by }) => {
    const value = (scenario: Scenario) =>
      as
        .split('.')
        .slice(1)
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], scenario);
    const [before, after] = [value(scenarioWith(...given)), value(scenarioWith(...given, change))];
    expect(before).not.toBeUndefined();
    expect(after).not.toEqual(before);
    expect(readFileSync(join(packageRoot, 'src', by), 'utf8')).toContain(as);
  },
);
