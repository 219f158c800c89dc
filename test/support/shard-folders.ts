import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFacts } from '../../src/harness/facts.ts';
import type { Observed } from '../../src/harness/outcome/observed.ts';
import { handOverText } from '../../src/harness/sharding/hand-over-file.ts';
import { environment } from '../../src/record/environment.ts';
import { RUN_FILES } from '../../src/record/folder.ts';
import { startedRecord, writeRecord } from '../../src/record/write.ts';
import { type ParsedScenario, parseScenario } from '../../src/scenario/parse.ts';

const TEXT = `name: together
retail: { stores: 2, skus: 10, assortment: 5, hours: flat }
traffic: { pos: { receipts: 3600/store/h } }
phases: [{ name: load, for: 5s }]
checks: ['lost == 0']
`;

export const SHARDED: ParsedScenario = parseScenario(TEXT, { file: 'together.yaml' });

const T0 = 1_795_788_000_000;
const ENDED = T0 + 8_000;

/** CPU use of the second shard's machine, over the five seconds of the load. */
interface SecondMachine {
  readonly cores: number;
  /** Core-seconds. */
  readonly harnessS: number;
  readonly busy: number;
  readonly steal: number;
  readonly apartMs: number;
}

/** Two folders under `root`, like those of the shards of a small load: only receipts, each of them in its table. */
export async function shardFolders(
  root: string,
  second?: SecondMachine,
): Promise<readonly [string, string]> {
  const dirs = [join(root, 'one'), join(root, 'two')] as const;
  for (const [index, dir] of dirs.entries()) {
    mkdirSync(join(dir, RUN_FILES.tables), { recursive: true });
    const machine = index === 1 ? second : undefined;
    await writeFacts(dir, index, machine);
    writeRecord(dir, {
      ...startedRecord({
        id: `shard-${index + 1}`,
        scenario: {
          ...{ name: 'together', about: '', file: 'together.yaml', text: TEXT },
          ...{ hash: SHARDED.hash, overrides: [], recording: null },
        },
        seed: SHARDED.scenario.seed,
        startedAt: '2026-11-27T14:00:00.000Z',
        environment: environment({ runtime: 'processes', versions: {} }),
        pipeline: {
          ...{ name: 'cdc-upsert', tier: 3, headline: 'direct feed', format: 2, parallelism: 1 },
          ...{ commitEveryMs: 2_000, compaction: 'none', tableKeys: null },
        },
        reproduce: 'doorbuster run together.yaml',
      }),
      ...{ outcome: 'part', exitCode: 0, t0Ms: T0, tookMs: 20_000 },
      shard: {
        ...{ load: 'friday', number: index + 1, of: 2 },
        clock: {
          ...{ offsetMs: 0, widthMs: 1, driftMs: 0 },
          apartMs: machine?.apartMs ?? null,
        },
        cores: machine?.cores ?? null,
      },
    });
  }
  writeFileSync(join(dirs[0], RUN_FILES.handOver), handOverText(observed(dirs[0])));
  return dirs;
}

async function writeFacts(dir: string, index: number, machine?: SecondMachine): Promise<void> {
  await using facts = await openFacts();
  const ids = Array.from({ length: 20 }, (_, i) => ({ id: `${index}-${i}`, at: T0 + i * 200 }));
  await facts.append(
    'events',
    ids.map(({ id, at }, i) => ({
      ...{ stream: 'pos', event_id: id, store_id: index + 1, role: 'original', expect: 'row' },
      ...{ occurred_ms: at, claimed_ms: at, due_ms: at, sent_ms: at, acked_ms: at + 5 },
      ...{ kafka_ms: at + 2, part: index, kafka_offset: i, bytes: 100, cents: 100 },
    })),
  );
  await facts.append('load', [
    { at_ms: T0, worker: 0, stream: 'pos', scheduled: 20, handed_over: 20, acknowledged: 20 },
  ]);
  if (machine) {
    const { harnessS, busy, steal } = machine;
    await facts.append('resources', [
      { at_ms: T0, server: 'harness', cpu_s: 7 },
      { at_ms: T0 + 5_000, server: 'harness', cpu_s: 7 + harnessS },
      { at_ms: T0, server: 'machine', cpu_s: 100 },
      { at_ms: T0 + 5_000, server: 'machine', cpu_s: 110, busy, steal },
    ]);
  }
  if (index === 0) {
    await facts.append('phases', [
      { name: 'load', kind: 'load', measured: true, start_ms: T0, end_ms: T0 + 5_000 },
    ]);
    const tables = join(dir, RUN_FILES.tables);
    await facts.run(`COPY (SELECT format('{}-{}', s, i) AS event_id, s + 1 AS store_id, ${T0 + 2} + i * 200 AS kafka_ms,
        ${T0} AS event_ts, 100 AS total_cents, false AS training, 1 AS terminal_id,
        '2026-11-27' AS business_day, i AS sequence_number FROM range(2) a(s), range(20) b(i))
      TO '${join(tables, 'pos_receipts.parquet')}' (FORMAT parquet)`);
    await facts.run(`COPY (SELECT '' AS topic, 0 AS part, 0::BIGINT AS kafka_offset LIMIT 0)
      TO '${join(tables, 'dead_letter.parquet')}' (FORMAT parquet)`);
  }
  await facts.exportParquet(dir);
}

function observed(dir: string): Observed {
  const tablesDir = join(dir, RUN_FILES.tables);
  const source = (name: string) => `read_parquet('${join(tablesDir, `${name}.parquet`)}')`;
  return {
    ...{
      completed: true,
      t0Ms: T0,
      cutMs: 5_000,
      endedMs: ENDED,
      cores: 2,
      servers: null,
      clockApartMs: 0,
    },
    phases: [
      {
        ...{ name: 'load', kind: 'load', measured: true, load: 1, shape: 'flat', drain: null },
        ...{ startMs: T0, endMs: T0 + 5_000 },
      },
    ],
    ...{ incidents: [], compactions: [], views: [], maintained: null, bucket: null, missing: [] },
    drains: { opening: null, final: null },
    logs: [0, 1].map((part) => ({ stream: 'pos' as const, part, appended: 20 })),
    tables: {
      copies: { pos: source('pos_receipts'), dead_letter: source('dead_letter') },
      ...{ absent: [], notRead: [], readBy: {} },
    },
    tablesDir,
  };
}
