import { expect, test } from 'vitest';
import { columns, peaks, sparkline } from './blocks.ts';
import {
  bytes,
  count,
  duration,
  durationPair,
  inUnit,
  latency,
  moment,
  percent,
  ratio,
} from './format.ts';
import { html, scriptJson } from './markup.ts';
import { type Preview, renderPreview } from './preview.ts';
import { type ProgressState, progressLines } from './progress.ts';

const plain = { color: false, columns: 90 };

test('numbers keep three figures and their unit', () => {
  expect([0, 0.4, 9.96, 640, 999.6, 1283, 9_996, 84_210, 119_949, 204_600].map(duration)).toEqual([
    '0 ms',
    '0.4 ms',
    '10.0 ms',
    '640 ms',
    '1.00 s',
    '1.28 s',
    '10.0 s',
    '84.2 s',
    '119.9 s',
    '3 min 25 s',
  ]);
  expect(duration(-12.4)).toBe('-12 ms');
  expect([0, 1023, 1024, 10 * 2 ** 20, 3.5 * 2 ** 30].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1.0 KiB',
    '10.0 MiB',
    '3.5 GiB',
  ]);
  expect([0, 0.004, 0.083, 0.64, 1].map(percent)).toEqual([
    '0 %',
    '0.4 %',
    '8.3 %',
    '64 %',
    '100 %',
  ]);
  expect([0.2137, 12.43, 1280.4].map(ratio)).toEqual(['0.21', '12.4', '1,280']);
  expect([-20_000, 0, 59_999, 100_000].map(moment)).toEqual(['-0:20', '0:00', '0:59', '1:40']);
  expect(count(1_234_567)).toBe('1,234,567');
});

test('infinity and no data are never a number', () => {
  expect(latency(null, 84_600)).toBe('≥ 84.6 s');
  expect(latency(null, 0)).toBe('never');
  expect(latency(undefined, 84_600)).toBe('no data');
  expect(durationPair(880, 2400, 0)).toBe('0.88 / 2.40 s');
  expect(durationPair(880, null, 84_600)).toBe('0.9 / ≥84.6 s');
  expect(durationPair(undefined, 4, 0)).toBe('no data');
  expect(durationPair(880, null, 0)).toBe('880 ms / never');
  expect(durationPair(null, null, 0)).toBe('never');
  expect(inUnit(null, 'rounds')).toBe('does not pay back');
  expect(inUnit(undefined, 'count')).toBe('no data');
  expect(inUnit(0, 'units')).toBe('0 units');
});

test('a column picture shows every value above zero, and peaks survive', () => {
  expect(columns([0, 0.001, 4, 8, 16], 16, 2)).toEqual(['    █', ' ▁▄██']);
  expect(sparkline([1, 2, 4])).toBe('▂▄█');
  expect(peaks([1, 9, 1, 1, 2, 1], 3)).toEqual([9, 1, 2]);
  expect(sparkline([])).toBe('');
});

test('what is put into markup is escaped, unless it is markup', () => {
  expect(html`<b title="${'"<&'}">${[html`<i>${1}</i>`, null, '<']}</b>`.text).toBe(
    '<b title="&quot;&lt;&amp;"><i>1</i>&lt;</b>',
  );
  expect(scriptJson('</script>').text).toBe('"\\u003c/script>"');
});

const preview: Preview = {
  name: 'quick',
  title: '20 stores, 60 receipts per store and hour, up to 5x',
  seed: 7,
  startsAt: '2026-11-27T09:00',
  phases: [
    { name: 'warmup', kind: 'load', load: 1, startMs: 0, endMs: 10_000 },
    { name: 'spike', kind: 'load', load: 5, startMs: 10_000, endMs: 30_000 },
    { name: 'before', kind: 'query', load: 1, startMs: 30_000, endMs: null },
  ],
  rate: {
    everyMs: 1000,
    perSecond: Array.from({ length: 30 }, (_, i) =>
      i < 10 ? 20 : 60 + 80 * Math.exp(-(i - 10) / 5),
    ),
  },
  counts: [
    { phase: 'warmup', stream: 'pos', receipts: 42, lines: 130, events: 42 },
    { phase: 'warmup', stream: 'inventory', receipts: null, lines: null, events: 131 },
    { phase: 'spike', stream: 'pos', receipts: 402, lines: 1310, events: 402 },
    { phase: 'spike', stream: 'inventory', receipts: null, lines: null, events: 1322 },
  ],
  likeness: {
    recorded: 'a real grocer',
    source: 'receipts of 2017',
    rows: [
      {
        what: 'lines, mean',
        generated: '9.5',
        recorded: '9.4',
        distance: { by: 'KS', value: 0.039 },
      },
      { what: 'with one line', generated: '18.0 %', recorded: '21.5 %', distance: null },
      {
        what: 's of the SKU law (r + 3)^-s',
        generated: '0.66',
        recorded: '0.71',
        distance: { by: 'difference', value: -0.0483 },
      },
    ],
  },
  notes: ['opening stock: 40,000 rows, before warm-up'],
};

test('a preview is a rate curve and the counts', () => {
  expect(renderPreview(preview, plain)).toMatchInlineSnapshot(`
    "quick: 20 stores, 60 receipts per store and hour, up to 5x
    seed 7, begins (t0) at 2026-11-27 09:00 by the shops’ clocks

      msgs/s
         140 ┤                    ██▁▁
             │                    ████▂▂
             │                    ██████▅▅▁▁
             │                    ██████████▆▆▃▃▁▁
          70 ┤                    ████████████████▇▇▆▆▄▄▃▃▃▃▂▂▁▁▁▁▁▁
             │                    ████████████████████████████████████████
             │                    ████████████████████████████████████████
             │▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂████████████████████████████████████████
             │████████████████████████████████████████████████████████████
           0 └┬───────────────────┬───────────────────────────────────────
              0:00                0:10
              warmup 1x           spike 5x

      phase    for  receipts  lines  pos  inventory  events in all
      warmup  10 s        42    130   42        131            173
      spike   20 s       402  1,310  402      1,322          1,724
      all     30 s       444  1,440  444      1,453          1,897
      then, from 30.0 s on, 1 phase that takes as long as it takes, with load 1x beneath:
      before (query)

      the receipts                 generated  a real grocer    apart
      lines, mean                        9.5            9.4  KS 0.04
      with one line                   18.0 %         21.5 %
      s of the SKU law (r + 3)^-s       0.66           0.71    -0.05
      KS (Kolmogorov–Smirnov): the largest gap between the two cumulative distributions; TV
      (total variation): the share that would have to move; 0 is alike. SKU law: the product
      of rank r sells in proportion to (r + 3)^-s. Stores: in the 200 most frequent products.
      Source: receipts of 2017.

      opening stock: 40,000 rows, before warm-up
    "
  `);
});

test('a preview gives lengths as the scenario has them', () => {
  const lengths = [100, 1_500, 2_400_000];
  const phases = lengths.map((ms, i) => {
    const startMs = lengths.slice(0, i).reduce((sum, one) => sum + one, 0);
    return { name: `p${i}`, kind: 'load', load: 1, startMs, endMs: startMs + ms } as const;
  });
  const text = renderPreview({ ...preview, phases, counts: [], likeness: null }, plain);
  expect(text).toMatch(/p0 +100 ms /);
  expect(text).toMatch(/p1 +1\.5 s /);
  expect(text).toMatch(/p2 +2,400 s /);
  expect(text).toMatch(/all +2,401\.6 s /);
});

const state: ProgressState = {
  phases: [
    { name: 'warmup', plannedMs: 20_000, state: 'done', elapsedMs: 20_000 },
    { name: 'spike', plannedMs: 60_000, state: 'now', elapsedMs: 30_000 },
    { name: 'before', plannedMs: null, state: 'to come', elapsedMs: 0 },
  ],
  step: null,
  elapsedMs: 75_000,
  remainingMs: 80_000,
  servers: [{ name: 'kafka', state: 'ready', ms: 2100 }],
  load: { targetPerSecond: 412.3, achievedPerSecond: 409, acknowledged: 18_402, slipP99Ms: 12 },
  staleness: [{ stream: 'inventory', p50Ms: 1312, p99Ms: 2604 }],
  course: [1, 1.2, 3, 2.4],
  files: 312,
  lastQuery: { name: 'low-stock', ms: 10_000, outcome: 'timeout' },
};

test('the live window shows the progress of the run', () => {
  expect(progressLines(state, plain).join('\n')).toMatchInlineSnapshot(`
    "spike  1:15, about 1:20 left
    ━━━━━━━━━━ ━━━━━━━━━━━━━━─────────────── ───────────────────
    load  409 of 412 events/s, 18,402 acknowledged, slip p99 12 ms
    stale inventory 1.31 / 2.60 s (p50 / p99 of the last commit)  ▃▃█▆
    files 312 live
    query low-stock timeout after 10.0 s"
  `);
});

test('before the load it names the server it waits for', () => {
  const starting: ProgressState = {
    ...state,
    phases: [],
    step: 'starting the servers',
    remainingMs: null,
    servers: [
      { name: 'kafka', state: 'ready', ms: 2100 },
      { name: 'catalog', state: 'starting', ms: 3400 },
    ],
    load: null,
    staleness: [],
    files: null,
    lastQuery: null,
  };
  expect(progressLines(starting, plain).join('\n')).toMatchInlineSnapshot(`
    "starting the servers  1:15
    start 1 of 2 ready, waiting for catalog 3.40 s"
  `);
});

test.each([20, 40, 72, 200])('no line is wider than %s columns', (wide) => {
  for (const line of progressLines(state, { color: false, columns: wide })) {
    expect(line.length).toBeLessThan(Math.max(wide, 21));
  }
});
