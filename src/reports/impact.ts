import picocolors from 'picocolors';
import type { PromisePhase, PromiseTally } from '../record/record.ts';
import { count, duration, percent, plural } from './format.ts';
import { escaped, tableLines as markdownLines } from './markdown.ts';
import { cell, left, right, type Table } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

/** What late views of the stock cost in broken pickup promises. */
export interface ImpactPage {
  readonly scenario: string;
  readonly seed: number;
  readonly stores: number;
  /** Business time of the measured phases, ms. */
  readonly measuredMs: number;
  readonly usdEach: number;
  readonly views: readonly {
    readonly label: string;
    /** Mean lateness, ms; null: some changes are never visible. */
    readonly meanMs: number | null;
    readonly phases: readonly (PromisePhase & {
      readonly safetyStock: {
        readonly units: number;
        readonly stale: number;
        readonly prevented: number;
        readonly kept: number;
        readonly refused: number;
      } | null;
    })[];
  }[];
  readonly reproduce: string;
}

const ABOUT =
  'Per 10,000 promised. Late: without lateness the order would have been kept or refused. Wrong books: BOOK itself was wrong, which no pipeline prevents. ' +
  'Intervals (95 %) resample stock rows, because promises on one row fail together. Formula: the sell-down estimate for lines, at the mean lateness. ' +
  'Safety stock: units that a shop withholds to prevent 99 % of what lateness breaks, and the share of kept promises that it then refuses as well.';

/** The page for a terminal: one table per measured phase. */
export function renderImpact(page: ImpactPage, options: TerminalOptions): string {
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const width = Math.max(60, Math.min(options.columns, 110));
  const lines = [
    bold(titleOf(page)),
    ...phasesOf(page).flatMap((phase) => [
      '',
      bold(phase),
      ...tableLines(impactTable(page, phase), paint),
    ]),
    '',
    ...wrapped(ABOUT, width).map((line) => paint(line, 'dim')),
    paint(`again   ${page.reproduce}`, 'dim'),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** The same as Markdown. */
export function impactMarkdown(page: ImpactPage): string {
  const lines = [
    `### ${escaped(titleOf(page))}`,
    ...phasesOf(page).flatMap((phase) => [
      '',
      `**${escaped(phase)}**`,
      '',
      ...markdownLines(impactTable(page, phase)),
    ]),
    '',
    escaped(ABOUT),
    '',
    `    ${page.reproduce}`,
  ];
  return `${lines.join('\n')}\n`;
}

function titleOf({ scenario, seed, stores, measuredMs }: ImpactPage): string {
  return `${scenario}: what late stock costs, ${plural(stores, 'store')}, ${duration(measuredMs)} of business time, seed ${seed}`;
}

function phasesOf({ views }: ImpactPage): readonly string[] {
  return (views[0]?.phases ?? []).map(({ phase }) => phase);
}

/** One row per view. */
function impactTable({ views, usdEach }: ImpactPage, phase: string): Table {
  return {
    columns: [
      left('staleness'),
      right('mean'),
      right('orders broken'),
      right('late'),
      right('wrong books'),
      right('USD per 10,000'),
      right('lines late'),
      right('formula'),
      right('safety stock'),
    ],
    rows: views.flatMap(({ label, meanMs, phases }) => {
      const found = phases.find((one) => one.phase === phase);
      if (found === undefined) return [];
      const { order, line, check, safetyStock } = found;
      const { broken } = order;
      return [
        [
          cell(label),
          cell(meanMs === null ? 'unbounded' : duration(meanMs)),
          cell(
            broken === undefined
              ? 'no data'
              : `${count(broken.per10k)} [${count(broken.low)}–${count(broken.high)}]`,
            broken === undefined ? 'warn' : 'plain',
          ),
          cell(per10k(order.stale, order)),
          cell(per10k(order.phantom, order)),
          cell(broken === undefined ? 'no data' : count(broken.per10k * usdEach)),
          cell(per10k(line.stale, line)),
          check.sellDown === undefined || check.doubt !== null
            ? cell('–', 'dim')
            : cell(count(check.sellDown)),
          safetyStock === null
            ? cell('none needed', 'dim')
            : cell(
                `${plural(safetyStock.units, 'unit')}, refuses ${percent(safetyStock.refused / Math.max(1, safetyStock.kept))}`,
              ),
        ],
      ];
    }),
  };
}

function per10k(n: number, { promised }: PromiseTally): string {
  return promised === 0 ? 'no data' : count((10_000 * n) / promised);
}
