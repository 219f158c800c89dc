import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  type CompletedRecord,
  type RunRecord,
  recordSchema,
  type TruthRecord,
} from '../../src/record/record.ts';
import { startedRecord } from '../../src/record/write.ts';
import { completedRecord } from '../support/completed.ts';
import { FORMATS, type FormatName, formats } from '../../src/reports/formats.ts';

/** Every report of a few records, as files one can read. After a change: `vitest run -u`, and look. */
const fixture = completedRecord(
  fileURLToPath(new URL('../fixtures/black-friday', import.meta.url)),
);

const NOTHING = {
  ...{ promised: 0, stale: 0, phantom: 0, refused: 0 },
  ...{ missedStale: 0, missedPhantom: 0 },
};

type Score = TruthRecord['distance'][number];

function score(fault: string, injected: number, off: Partial<Score>): Score {
  const { leaked = 0, dropped = 0, units = 0 } = off;
  return { fault, injected, caught: injected - leaked - dropped, leaked, dropped, units, ...off };
}

/** The same run, of which one table could not be read and nothing was held against BOOK. */
const notJudged: CompletedRecord = {
  ...fixture,
  verdict: 'NO_DATA',
  exitCode: 6,
  metrics: fixture.metrics.filter(({ name }) => !['lost', 'duplicated', 'wrong'].includes(name)),
  checks: fixture.checks.map(({ measured, ...check }) =>
    /^(lost|duplicated|wrong) /.test(check.text)
      ? { ...check, verdict: 'NO_DATA', n: 0, reason: `${check.text.split(' ')[0]} was not measured` }
      : { ...check, ...(measured === undefined ? {} : { measured }) },
  ),
  truth: {
    ...{ notSeenWithinMs: null, lost: 0, duplicated: 0, examples: [], distance: [] },
    tables: fixture.truth.tables.flatMap(({ wrong: _, ...row }) =>
      row.table === 'inventory' ? [] : [{ ...row, readBy: row.table === 'pos' ? 'Spark' : 'DuckDB' }],
    ),
    notJudged: [
      { what: 'inventory', reason: 'DuckDB timeout after 300 s: no answer within 300 s' },
      { what: 'BOOK', reason: 'Out of Memory Error: failed to allocate 16 MiB' },
    ],
  },
};

/** The same run with everything that can go wrong gone wrong: lost rows, +∞, an invalid harness, no data. */
const failed: CompletedRecord = {
  ...fixture,
  verdict: 'FAIL',
  exitCode: 4,
  headline: {
    text: '3 rows lost; the p99 of staleness(inventory) in the spike was never reached',
    warnings: [],
  },
  metrics: fixture.metrics.map((metric) =>
    metric.shape === 'distribution' && metric.name === 'staleness' && metric.phase === 'spike'
      ? {
          ...metric,
          censored: 61,
          stats: { ...metric.stats, p99: null, max: null },
          distrust: 'the job restarted twice in this phase',
        }
      : metric,
  ),
  staleness: fixture.staleness.map((series) => ({
    ...series,
    never: series.never.map((_, i) => (i === 70 ? 1 : 0)),
    max: series.max.map((value, i) => (i === 70 ? null : value)),
  })),
  compactions: fixture.compactions.map((one) => ({
    ...one,
    payback: { kind: 'does not pay back' as const },
    gainLastsMs: null,
  })),
  truth: {
    ...fixture.truth,
    notSeenWithinMs: 30_000,
    lost: 3,
    tables: fixture.truth.tables.map((row) =>
      row.table === 'pos' ? { ...row, found: row.found - 3, lost: 3 } : row,
    ),
    examples: [
      { kind: 'lost', table: 'pos', key: 'p-17-<4>|1', expected: 'one row', found: 'none' },
    ],
    bookUnits: 2,
    distance: [
      score('deleted', 41, { leaked: 1, units: 7, cents: 0 }),
      score('clock_off', 1_204, { leaked: 1_204, cents: 0 }),
      score('late', 18_310, { dropped: 12, cents: 45_123 }),
      score('new_id', 15, { leaked: 10, cents: 1_234_567 }),
      // A design without a mark for training: what it missed is not known, and not 0.
      { fault: 'training', injected: 9, dropped: 0, units: 0 },
      { fault: 'none', injected: 0, leaked: 1, dropped: 0, units: 2, cents: 99 },
    ],
    takings: { book: 1_234_567_890, shown: 1_235_802_457 },
    readings: [
      { name: 'returns-as-zero', rows: 1_100, cents: 3_456_789 },
      { name: 'training-counted', rows: 9, cents: 21_300 },
      { name: 'claimed-hour', rows: 1_204, cents: 4_000_100 },
      { name: 'natural-key', rows: 0, cents: 0 },
    ],
    notScored: ['pos.training'],
  },
  regressions: {
    ...{ table: 'inventory', updates: 4_017, count: 7, rows: 5, rowSeconds: 61.25 },
    ...{ longestMs: 42_300, notRecovered: 1 },
    examples: [
      { key: '17/4', version: 3, after: 5, tMs: 61_000, forMs: 42_300, recovered: false },
      { key: '3/99', version: 8, after: 9, tMs: 52_000, forMs: 5_010, recovered: true },
    ],
  },
  promises: {
    usdEach: 12,
    phases: [
      {
        phase: 'baseline',
        line: { ...NOTHING, refused: 10_802 },
        order: { ...NOTHING, refused: 1_069 },
        staleRows: 0,
        phantomRows: 0,
        check: {
          withinPhase: 0,
          counted: 0,
          doubt: 'no change of the stock fell into the phase',
        },
      },
      {
        phase: 'spike',
        line: {
          ...{ promised: 58_971, stale: 333, phantom: 88, refused: 1_298 },
          ...{ missedStale: 2, missedPhantom: 93 },
          broken: { per10k: 71.39, low: 64.9, high: 78.5 },
        },
        order: {
          ...{ promised: 8_694, stale: 329, phantom: 88, refused: 3 },
          ...{ missedStale: 0, missedPhantom: 1 },
          broken: { per10k: 479.6, low: 436.7, high: 526.6 },
        },
        staleRows: 41,
        phantomRows: 38,
        check: {
          lagMs: null,
          sellOutMs: 41_000_000,
          withinPhase: 0.003,
          counted: 56.47,
          doubt: 'some changes were never visible, so the lag is unbounded',
        },
      },
    ],
  },
  canaries: { ...fixture.canaries, disjoint: 1 },
  faults: [
    {
      ...{ act: 'kill', server: 'flink-taskmanager', during: 'spike', targetMs: 10_000 },
      ...{ intendedMs: 40_000, startMs: 40_003, awayMs: 40_061, backMs: 52_700 },
      ...{ watchedToMs: 70_000, aboveBefore: false },
      ...{ recoveryMs: 9_120, staleForMs: 21_817, areaAboveTarget: 131.4 },
      streams: [
        {
          ...{ stream: 'pos', ageMaxMs: 17_200, recoveryMs: 5_000, staleForMs: 17_697 },
          areaAboveTarget: 40.02,
        },
        {
          ...{ stream: 'inventory', ageMaxMs: 21_900, recoveryMs: 9_120, staleForMs: 21_817 },
          areaAboveTarget: 131.4,
        },
      ],
    },
    {
      ...{ act: 'pause', server: 'minio', during: 'spike', targetMs: 10_000 },
      ...{ intendedMs: 65_000, startMs: 70_000, awayMs: 70_001, backMs: 75_010 },
      ...{ watchedToMs: 95_000, aboveBefore: true },
      ...{ recoveryMs: null, staleForMs: null, areaAboveTarget: 1_204 },
      streams: [],
    },
    {
      ...{ act: 'restart', server: 'kafka', during: 'spike', targetMs: 10_000 },
      ...{ intendedMs: 95_000, startMs: 95_000, awayMs: null, backMs: null },
      ...{ watchedToMs: 98_000, aboveBefore: false, streams: [] },
    },
  ],
  invalid: [
    {
      rule: 'late',
      fact: '3.1 % of spike was handed over later than due + 250 ms',
      limit: '2 % of a phase',
    },
  ],
  checks: [
    {
      text: 'staleness(inventory).p99 during spike < 15s',
      line: 24,
      verdict: 'FAIL',
      measured: null,
      unit: 'ms',
      limit: 15_000,
      n: 4285,
      reason: '61 of 4,285 were never visible',
    },
    {
      text: 'query(low-stock).p99 during warmup < 1s',
      line: 25,
      verdict: 'NO_DATA',
      unit: 'ms',
      limit: 1000,
      n: 0,
      reason: 'no query of this name was intended in warmup',
    },
  ],
  failures: [
    {
      tMs: 71_200,
      server: 'flink-taskmanager',
      message: 'job inventory restarted',
      cause: 'java.lang.OutOfMemoryError: Java heap space & more',
    },
  ],
};

const { id, scenario, seed, startedAt, environment, pipeline, reproduce } = fixture;
const interrupted = startedRecord({
  id,
  scenario,
  seed,
  startedAt,
  environment,
  pipeline: { ...pipeline, tableKeys: null },
  reproduce,
});

const records = { 'black-friday': fixture, failed, interrupted, 'not-judged': notJudged };
const EXTENSIONS: Readonly<Record<FormatName, string>> = {
  short: 'short.txt',
  terminal: 'txt',
  markdown: 'md',
  json: 'json',
  junit: 'xml',
  html: 'html',
};

/** How a run can end otherwise, and screens that are hard to fit: as the short summary alone. */
const ended = { tookMs: 61_000 };
const cutShort: RunRecord = {
  ...fixture,
  ...{ outcome: 'interrupted', verdict: null, exitCode: 130, truth: null, checks: [] },
  headline: { text: 'the run was interrupted', warnings: [] },
};
const endings: Readonly<Record<string, readonly [RunRecord, columns?: number]>> = {
  invalid: [{ ...fixture, verdict: 'INVALID', exitCode: 5, invalid: failed.invalid }],
  'interrupted-midway': [cutShort],
  'stack-broke': [
    {
      ...interrupted,
      ...ended,
      ...{ outcome: 'stack-broke', exitCode: 3 },
      headline: { text: 'kafka exited unexpectedly with code 1', warnings: [] },
      failures: [
        { tMs: null, server: 'run', message: 'kafka exited unexpectedly', cause: 'No space left' },
      ],
    },
  ],
  crashed: [
    {
      ...interrupted,
      ...ended,
      ...{ outcome: 'crashed', exitCode: 70 },
      headline: { text: 'Cannot read properties of undefined\n    at replay (phases.ts)', warnings: [] },
    },
  ],
  part: [
    {
      ...interrupted,
      ...ended,
      ...{ outcome: 'part', exitCode: 0, t0Ms: fixture.t0Ms },
      headline: { text: 'shard 2 of 4 of the load friday: doorbuster merge joins them', warnings: [] },
      shard: {
        ...{ load: 'friday', number: 2, of: 4, cores: 2 },
        clock: { offsetMs: 1.5, widthMs: 2, driftMs: 0.25, apartMs: 0 },
      },
    },
  ],
  'many-checks': [
    {
      ...fixture,
      checks: Array.from({ length: 10 }, () => fixture.checks).flat(),
      reproduce: `doorbuster run scenarios/black-friday.yaml ${Array.from({ length: 9 }, (_, i) => `--set phases.${i}.for=100s`).join(' ')}`,
    },
  ],
  narrow: [failed, 60],
};

describe.each(Object.entries(endings))('the short summary of %s', (name, [record, columns = 100]) => {
  test('is a record', () => {
    expect(recordSchema.safeParse(record).error).toBeUndefined();
  });

  test('is as it was', async () => {
    const text = formats.short.render(record, { color: false, columns, dir: `results/${record.id}` });
    await expect(text).toMatchFileSnapshot(`./short/${name}.txt`);
  });
});

/** Libraries and our own style and script are files of their own: only their place is golden. */
function withoutAssets(page: string): string {
  return page
    .replace(/<style>[\s\S]*?<\/style>/, '<style>…</style>')
    .replace(/<script>[\s\S]*?<\/script>/g, '<script>…</script>');
}

describe.each(Object.entries(records))('%s', (name, record) => {
  test('is a record', () => {
    expect(recordSchema.safeParse(record).error).toBeUndefined();
  });

  test.each(FORMATS.filter((format) => format !== 'json'))('as %s', async (format) => {
    const text = formats[format].render(record, { color: false, columns: 100 });
    const golden = `./${name}.${EXTENSIONS[format]}`;
    await expect(format === 'html' ? withoutAssets(text) : text).toMatchFileSnapshot(golden);
  });

  test('as json, read back it is the same record', () => {
    const text = formats.json.render(record, { color: false, columns: 100 });
    expect(JSON.parse(text)).toEqual(record);
  });

  test('the terminal keeps to a hundred columns', () => {
    const text = formats.terminal.render(record, { color: false, columns: 100 });
    const prose = text.split('\n').filter((line) => line.length > 104);
    expect(prose).toEqual([]);
  });

  test('colour changes nothing but the colour', () => {
    const plain = formats.terminal.render(record, { color: false, columns: 100 });
    const painted = formats.terminal.render(record, { color: true, columns: 100 });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are made of
    expect(painted.replace(/\u001b\[\d+m/g, '')).toBe(plain);
    expect(painted).not.toBe(plain);
  });
});

test('the page names no other place it could load from', () => {
  const page = formats.html.render(fixture, { color: false, columns: 100 });
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
  expect(page).not.toMatch(/url\((?!data:)/);
});

test('text of a scenario cannot become markup', () => {
  const hostile = '</script><img src=x onerror=alert(1)>';
  const page = formats.html.render(
    {
      ...fixture,
      headline: { text: hostile, warnings: [hostile] },
      scenario: { ...fixture.scenario, name: hostile, text: hostile },
      phases: fixture.phases.map((phase) => ({ ...phase, name: hostile })),
    },
    { color: false, columns: 100 },
  );
  expect(page).not.toContain('<img');
});
