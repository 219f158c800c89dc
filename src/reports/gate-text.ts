import { percent, plural } from './format.ts';
import type { Gate, GateMetric } from './gate.ts';
import { type Cell, cell } from './section.ts';
import type { TerminalOptions } from './terminal.ts';
import {
  decidedTable,
  shareOf,
  type VerdictPage,
  verdictMarkdown,
  verdictText,
} from './verdict-page.ts';

/** A gate for a terminal. */
export function renderGate(gate: Gate, options: TerminalOptions): string {
  return verdictText(pageOf(gate), options);
}

/** A gate as Markdown. */
export function gateMarkdown(gate: Gate): string {
  return verdictMarkdown(pageOf(gate));
}

function pageOf(gate: Gate): VerdictPage {
  const { metrics } = gate;
  return {
    ...gate,
    headline: gateHeadline(gate),
    table: decidedTable(metrics, foundCell),
    legend: gateLegend(gate),
  };
}

/** The result in one line. */
export function gateHeadline({ verdict, head, base, pairs, truth, metrics }: Gate): string {
  const after = `after ${plural(pairs, 'pair')}`;
  const worse = metrics.filter(({ found }) => found === 'worse');
  const open = metrics.filter(({ found }) => found !== 'same');
  const nameOf = ({ title, estimate }: GateMetric) => `${title} ${shareOf(estimate)}`;
  if (truth.length > 0) return `${head.label} lost, duplicated or falsified rows, ${after}`;
  if (verdict === 'FAIL') {
    return `${head.label} is worse than ${base.label} ${after}: ${worse.map(nameOf).join(' · ')}`;
  }
  if (verdict === 'PASS') return `${head.label} is not worse than ${base.label}, ${after}`;
  if (verdict === 'INVALID') return 'no pair counts: the harness may have shaped the numbers';
  const missing = metrics.filter(({ found }) => found === 'no data');
  if (missing.length > 0) {
    const names = missing.map(({ id }) => id).join(', ');
    return `undecided: the trials have no ${names}; leave it out of gate.yaml, or choose a scenario that measures it`;
  }
  const needed = open.flatMap(({ pairsNeeded }) => pairsNeeded ?? []);
  const more = needed.length > 0 ? `, needs about ${Math.max(...needed)} pairs` : '';
  return `undecided ${after}: ${open.map(({ title }) => title).join(' · ')}${more}`;
}

function foundCell({ found, pairsNeeded }: GateMetric): Cell {
  if (found === 'worse') return cell('worse', 'bad');
  if (found === 'same') return cell('not worse', 'good');
  if (found === 'no data') return cell('no data', 'warn');
  if (found === null) return cell('too few pairs', 'warn');
  return cell(pairsNeeded == null ? 'undecided' : `undecided, about ${pairsNeeded} pairs`, 'warn');
}

/** How the table is to be read. */
function gateLegend({ look, metrics }: Gate): string {
  const medians = 'Medians over the pairs that count; a positive change is worse.';
  if (look === null) return `${medians} The first decision is after 6 pairs.`;
  const coverage = Math.min(...metrics.flatMap((one) => one.coverage ?? []));
  return (
    `${medians} Decided on ${look.pairs} pairs. "at most": the change is smaller with ${percent(coverage)} probability. ` +
    `p: how often pairs without a change look as bad in any of the metrics; worse is p of at most ${look.alpha.toFixed(3)} ` +
    'and a change above half of the effect. All looks of a gate together err in at most 5 % of gates without a change.'
  );
}
