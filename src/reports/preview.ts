import { columns, peaks } from './blocks.ts';
import { count, duration, moment, plural } from './format.ts';
import { cell, left, right, type Table } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

/** Preview of a scenario's messages, without starting anything. Times are ms since t0. */
export interface Preview {
  readonly name: string;
  /** Generated from the resolved values, including overrides, because the scenario's own description may be out of date. */
  readonly title: string;
  readonly seed: number;
  /** Business time at t0. */
  readonly startsAt: string;
  readonly phases: readonly {
    readonly name: string;
    readonly kind: 'load' | 'query' | 'compact';
    readonly load: number;
    readonly startMs: number;
    /** null: no fixed length. */
    readonly endMs: number | null;
  }[];
  /** Messages per second intended at i × everyMs, all streams. */
  readonly rate: { readonly everyMs: number; readonly perSecond: readonly number[] };
  /** Expected per timed phase and stream. */
  readonly counts: readonly {
    readonly phase: string;
    readonly stream: string;
    /** pos only, else null. */
    readonly receipts: number | null;
    readonly lines: number | null;
    readonly events: number;
  }[];
  /** Comparison of the receipts with recorded ones; null: there is no recording to compare with. */
  readonly likeness: Likeness | null;
  /** Further notes: opening stock, keys of the tables, faults, disk. */
  readonly notes: readonly string[];
}

/** The receipts of a scenario's generator, compared with recorded ones. */
export interface Likeness {
  /** Origin of the recorded receipts. */
  readonly recorded: string;
  /** Where they were published, and how they were converted. */
  readonly source: string;
  readonly rows: readonly {
    readonly what: string;
    readonly generated: string;
    readonly recorded: string;
    /** Distance of the two, and its measure. */
    readonly distance: { readonly by: 'KS' | 'TV' | 'difference'; readonly value: number } | null;
  }[];
}

const HEIGHT = 9;
const MARGIN = 10;

/** The picture that `doorbuster preview` prints: the rate curve, then the counts. */
export function renderPreview(preview: Preview, options: TerminalOptions): string {
  const paint = painter(options.color);
  const width = Math.max(60, Math.min(options.columns, 100));
  const lines = [
    ...wrapped(`${preview.name}: ${preview.title}`, width),
    paint(
      `seed ${preview.seed}, begins (t0) at ${preview.startsAt.replace('T', ' ')} by the shops’ clocks`,
      'dim',
    ),
    '',
    ...curve(preview, width - MARGIN - 2).map((line) => paint(line.text, line.tone)),
    '',
    ...tableLines(countsTable(preview), paint),
    ...untimed(preview)
      .flatMap((text) => wrapped(text, width - 2))
      .map((text) => paint(`  ${text}`, 'dim')),
    '',
    ...(preview.likeness === null ? [] : likenessLines(preview.likeness, paint, width)),
    ...preview.notes.flatMap((note) => wrapped(note, width - 2).map((line) => `  ${line}`)),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

interface Line {
  readonly text: string;
  readonly tone: 'plain' | 'dim';
}

function curve({ rate, phases }: Preview, width: number): readonly Line[] {
  const wide = Math.max(1, Math.floor(width / Math.max(1, rate.perSecond.length)));
  const stretched = rate.perSecond.flatMap((value) => Array<number>(wide).fill(value));
  const values = peaks(stretched, width);
  const top = Math.max(0, ...values);
  const label = (text: string) => text.padStart(MARGIN - 2);
  const bars = columns(values, top, HEIGHT).map((bar, i) => {
    const at = i === 0 ? top : i === Math.floor(HEIGHT / 2) ? top / 2 : null;
    const text = at === null ? '' : count(at);
    return { text: `${label(text)} ${at === null ? '│' : '┤'}${bar}`, tone: 'plain' as const };
  });
  const lengthMs = rate.perSecond.length * rate.everyMs;
  const place = (ms: number) => Math.round((ms / lengthMs) * values.length);
  const timed = phases.filter((phase) => phase.endMs !== null);
  const names = along(
    timed.map(({ name, load, startMs }) => ({ at: place(startMs), text: `${name} ${load}x` })),
    values.length,
  );
  const times = along(
    timed.map(({ startMs }) => ({ at: place(startMs), text: moment(startMs) })),
    values.length,
  );
  const ticks = new Set(timed.map(({ startMs }) => place(startMs)));
  const axis = values.map((_, i) => (ticks.has(i) ? '┬' : '─')).join('');
  const margin = ' '.repeat(MARGIN);
  return [
    { text: `${label('msgs/s')}`, tone: 'dim' },
    ...bars,
    { text: `${label('0')} └${axis}`, tone: 'plain' },
    { text: margin + times, tone: 'dim' },
    { text: margin + names, tone: 'plain' },
  ];
}

/** Texts at their positions on one line; a text that would overlap the next is cut with `…`. */
function along(
  texts: readonly { readonly at: number; readonly text: string }[],
  width: number,
): string {
  return texts
    .map(({ at, text }, i) => {
      const room = (texts[i + 1]?.at ?? Math.max(width, at + text.length + 1)) - at;
      const shown = text.length < room ? text : room < 3 ? '' : `${text.slice(0, room - 2)}…`;
      return (i === 0 ? ' '.repeat(at) : '') + shown.padEnd(room);
    })
    .join('');
}

function countsTable({ counts, phases }: Preview): Table {
  const streams = [...new Set(counts.map(({ stream }) => stream))];
  const timed = phases.filter(({ endMs }) => endMs !== null);
  const sum = (rows: Preview['counts'], key: 'receipts' | 'lines' | 'events') =>
    rows.reduce((total, row) => total + (row[key] ?? 0), 0);
  const line = (name: string, rows: Preview['counts'], ms: number) => [
    cell(name),
    cell(lengthText(ms), 'dim'),
    cell(count(sum(rows, 'receipts'))),
    cell(count(sum(rows, 'lines'))),
    ...streams.map((stream) =>
      cell(
        count(
          sum(
            rows.filter((row) => row.stream === stream),
            'events',
          ),
        ),
      ),
    ),
    cell(count(sum(rows, 'events'))),
  ];
  const lengthOf = ({ startMs, endMs }: Preview['phases'][number]) => (endMs ?? startMs) - startMs;
  return {
    columns: [
      left('phase'),
      right('for'),
      right('receipts'),
      right('lines'),
      ...streams.map(right),
      right('events in all'),
    ],
    rows: [
      ...timed.map((phase) =>
        line(
          phase.name,
          counts.filter((row) => row.phase === phase.name),
          lengthOf(phase),
        ),
      ),
      line(
        'all',
        counts,
        timed.reduce((total, phase) => total + lengthOf(phase), 0),
      ),
    ],
  };
}

/** A duration without rounding, as in the scenario: `100 ms`, `30 s`, `1.5 s`. */
function lengthText(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toLocaleString('en-US')} s`;
}

function likenessLines(
  { recorded, source, rows }: Likeness,
  paint: ReturnType<typeof painter>,
  width: number,
): readonly string[] {
  const table: Table = {
    columns: [left('the receipts'), right('generated'), right(recorded), right('apart')],
    rows: rows.map((row) => [
      cell(row.what),
      cell(row.generated),
      cell(row.recorded),
      row.distance === null
        ? cell('')
        : cell(
            `${row.distance.by === 'difference' ? '' : `${row.distance.by} `}${row.distance.value.toFixed(2).replace(/^-(0\.00)$/, '$1')}`,
          ),
    ]),
  };
  const about = [
    'KS (Kolmogorov–Smirnov): the largest gap between the two cumulative distributions; TV (total variation): the share that would have to move; 0 is alike.',
    'SKU law: the product of rank r sells in proportion to (r + 3)^-s. Stores: in the 200 most frequent products.',
    `Source: ${source}.`,
  ].join(' ');
  return [
    ...tableLines(table, paint),
    ...wrapped(about, width - 2).map((line) => paint(`  ${line}`, 'dim')),
    '',
  ];
}

function untimed({ phases }: Preview): readonly string[] {
  const rest = phases.filter(({ endMs }) => endMs === null);
  if (rest.length === 0) return [];
  const names = rest.map(({ name, kind }) => `${name} (${kind})`).join(', ');
  const start = rest[0]?.startMs ?? 0;
  return [
    `then, from ${duration(start)} on, ${plural(rest.length, 'phase')} that ${rest.length === 1 ? 'takes as long as it takes' : 'take as long as they take'}, with load 1x beneath: ${names}`,
  ];
}
