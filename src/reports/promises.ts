import type { PromisePhase, PromiseTally, RunRecord } from '../record/record.ts';
import { peakPhase } from './find.ts';
import { count, duration, percent, plural } from './format.ts';
import { html, type Markup } from './markup.ts';
import { type Cell, cell, left, right, type Section, type Table } from './section.ts';

/** Pickup promises: number of broken ones, causes, cost, and the analytical cross-check. */
export function promisesSection(record: RunRecord): Section | null {
  const { promises } = record;
  if (!promises || promises.phases.length === 0) return null;
  const { usdEach, phases } = promises;
  const peak = phases.find(({ phase }) => phase === peakPhase(record)?.name);
  return {
    id: 'promises',
    title: 'Pickup promises',
    about:
      'Pickup orders, replayed by the model of the web shop against the stock table and the shelf at that moment. They reserve nothing. Stale: the shelf was empty and the books knew, the table not yet. Books wrong: theft and miscounts, which no pipeline can show. In brackets, 95 %: the rows of the stock (store and SKU) resampled, since promises on one row break together. Last, the analytical cross-check from the staleness S and the time T in which a shelf sells out.',
    tables: [
      {
        columns: [
          left('phase'),
          left('level'),
          right('promised'),
          right('broken'),
          right('per 10,000'),
          right('stale'),
          right('books wrong'),
          right('refused'),
          right('wrongly'),
        ],
        rows: phases.flatMap(({ phase, order, line }) => [
          tallyRow(phase, 'orders', order),
          tallyRow('', 'lines', line),
        ]),
      },
      theory(phases),
    ],
    notes: [
      ...(peak ? [cell(sentence(peak, usdEach), tone(peak))] : []),
      ...phases.flatMap(({ phase, check }) =>
        check.doubt === null
          ? []
          : [cell(`${phase}, analytical cross-check: ${check.doubt}`, 'dim')],
      ),
    ],
  };
}

function tallyRow(phase: string, level: string, tally: PromiseTally): Cell[] {
  const { promised, stale, phantom, refused, missedStale, missedPhantom, broken } = tally;
  return [
    cell(phase),
    cell(level, 'dim'),
    cell(count(promised), promised === 0 ? 'warn' : 'plain'),
    ...(broken === undefined
      ? [cell('no data', 'warn'), cell('–', 'dim')]
      : [
          cell(count(stale + phantom), stale > 0 ? 'warn' : 'plain'),
          cell(`${rate(broken.per10k)} [${rate(broken.low)}–${rate(broken.high)}]`),
        ]),
    cell(count(stale), stale > 0 ? 'warn' : 'dim'),
    cell(count(phantom), 'dim'),
    cell(count(refused), 'dim'),
    cell(count(missedStale + missedPhantom), 'dim'),
  ];
}

/** A rate per 10,000, with tenths if it is small. */
function rate(per10k: number): string {
  return per10k > 0 && per10k < 9.95 ? per10k.toFixed(1) : count(per10k);
}

/** Stale lines per 10,000, counted and by the formulas. */
function theory(phases: readonly PromisePhase[]): Table {
  const told = (value: number | undefined) =>
    value === undefined ? cell('no data', 'warn') : cell(rate(value));
  return {
    columns: [
      left('stale lines per 10,000'),
      right('counted'),
      right('over n rows'),
      right('S/(T+S)'),
      right('Poisson'),
      right('S, mean staleness'),
      right('T, median'),
    ],
    rows: phases.map(({ phase, check, staleRows }) => [
      cell(phase),
      told(check.counted),
      cell(count(staleRows), 'dim'),
      told(check.sellDown),
      told(check.lowStock),
      cell(lag(check.lagMs), 'dim'),
      cell(check.sellOutMs === null ? 'never' : sellOut(check.sellOutMs), 'dim'),
    ]),
  };
}

function lag(ms: number | null | undefined): string {
  if (ms === undefined) return 'no data';
  return ms === null ? '+∞' : duration(ms);
}

/** Time until sold out, in hours or days. */
function sellOut(ms: number | undefined): string {
  if (ms === undefined) return 'no data';
  if (ms < 3 * 3_600_000) return duration(ms);
  return `${count(ms / 3_600_000)} h`;
}

function tone({ order }: PromisePhase): Cell['tone'] {
  if (order.broken === undefined) return 'warn';
  return order.stale > 0 ? 'warn' : 'plain';
}

/** The result of the peak phase, as a sentence. */
function sentence({ phase, order, line, check, ...rows }: PromisePhase, usdEach: number): string {
  const { promised, stale, phantom } = order;
  if (promised === 0) return `no pickup order could be promised during ${phase}`;
  const broken = stale + phantom;
  const refused = `of ${plural(line.promised + line.refused, 'line')}, ${percent(line.refused / (line.promised + line.refused))} were refused, ${count(line.missedStale + line.missedPhantom)} of them falsely`;
  if (broken === 0) {
    return `all of ${plural(promised, 'pickup order')} promised during ${phase} could be kept; ${refused}`;
  }
  const behind =
    typeof check.lagMs === 'number'
      ? `the stock they saw was ${duration(check.lagMs)} stale on average`
      : 'the table was behind';
  return (
    `of ${plural(promised, 'pickup order')} promised during ${phase}, ${count(broken)} could not be kept: ` +
    `${count(stale)} because ${behind} (on ${plural(rows.staleRows, 'row')} of the stock), ` +
    `${count(phantom)} because the books were wrong (on ${count(rows.phantomRows)}); ` +
    `at ${count(usdEach)} USD each, an estimate, that is ${count(broken * usdEach)} USD; ${refused}`
  );
}

const WIDEST = 62;

/** Broken orders per 10,000 by phase, on one scale: those that a faster table would avoid, and the others. */
export function promiseBars(record: RunRecord): Markup | null {
  const phases = (record.promises?.phases ?? []).filter(({ order }) => order.broken);
  const top = Math.max(0, ...phases.map(({ order }) => order.broken?.high ?? 0));
  if (top === 0) return null;
  return html`<div class="key"><span><i class="h3"></i>stale: a faster table would keep these</span><span><i class="h0"></i>books wrong: no pipeline can help</span></div>
<div class="bars" aria-hidden="true">${phases.map(({ phase, order }) => bar(phase, order, top))}</div>`;
}

function bar(
  phase: string,
  { promised, stale, phantom, broken }: PromiseTally,
  top: number,
): Markup {
  const hops = [
    { n: stale, tone: 'h3', title: 'stale' },
    { n: phantom, tone: 'h0', title: 'books wrong' },
  ].map(({ n, tone, title }) => {
    const per10k = (10_000 * n) / promised;
    const share = (per10k / top) * WIDEST;
    return html`<span class="hop ${tone}" style="width:${share.toFixed(2)}%" title="${title} ${rate(per10k)}">${share > 6 ? rate(per10k) : ''}</span>`;
  });
  return html`<span class="phase">${phase}</span><span>orders</span><span class="track">${hops}<span class="total">${rate(broken?.per10k ?? 0)} per 10,000 <span class="dim">${rate(broken?.low ?? 0)}–${rate(broken?.high ?? 0)}, n ${count(promised)}</span></span></span>
`;
}
