import picocolors from 'picocolors';
import { inUnit, percent, plural, signed } from './format.ts';
import type { History } from './history.ts';
import { html, type Markup } from './markup.ts';
import { dataTable, renderPage } from './page.ts';
import { cell, left, right, type Table } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

type Series = History['series'][number];
type HistoryMetric = Series['metrics'][number];
type Change = HistoryMetric['changes'][number];

const LEGEND =
  'A change: from that run on the values are distributed in another manner (E-divisive with the energy statistic, at most one in a hundred permutations as large); medians before and after, up to the next change. ' +
  'It is advice: the cause may be the pipeline, doorbuster or the machine. A gate of both commits decides.';

/** For a terminal. */
export function renderHistory(history: History, options: TerminalOptions): string {
  const paint = painter(options.color);
  const { bold } = picocolors.createColors(options.color);
  const width = Math.max(60, Math.min(options.columns, 100));
  const lines = history.series.flatMap((series) => [
    bold(titleOf(series)),
    ...tableLines(tableOf(series), paint),
    '',
  ]);
  const left = history.left.length === 0 ? [] : [`${plural(history.left.length, 'run')} left out`];
  const shown = [...lines, ...wrapped(LEGEND, width), ...left.map((line) => paint(line, 'warn'))];
  return `${shown.map((line) => line.trimEnd()).join('\n')}\n`;
}

function titleOf({ scenario, pipeline, lane, runs }: Series): string {
  return `${scenario} on ${pipeline}, lane ${lane}: ${plural(runs, 'run')}`;
}

/** One row per change, or one for a metric without any. */
function tableOf({ metrics }: Series): Table {
  return {
    columns: [
      ...[left('metric'), right('runs'), right('last'), left('changed with'), left('commit')],
      ...[right('before'), right('after'), right('change')],
    ],
    rows: metrics.flatMap(({ title, unit, values, changes }) => {
      const last = cell(inUnit(values.at(-1)?.value, unit));
      const head = [cell(title), cell(String(values.length)), last];
      if (changes.length === 0) {
        const none = values.length < 6 ? 'too few runs' : '–';
        return [[...head, cell(none, 'dim'), cell(''), cell(''), cell(''), cell('')]];
      }
      return changes.map((change, i) => [
        ...(i === 0 ? head : [cell(''), cell(''), cell('')]),
        ...[cell(change.run), cell(change.commit === null ? '–' : short(change.commit))],
        ...[cell(inUnit(change.before, unit)), cell(inUnit(change.after, unit))],
        cell(shareOf(change), TONES[change.direction]),
      ]);
    }),
  };
}

/** The beginning of a commit, and whether files were changed. */
const short = (commit: string) => commit.slice(0, 10) + (commit.endsWith('+') ? '+' : '');

const TONES = { better: 'good', worse: 'bad', alike: 'warn' } as const;

function shareOf({ before, after }: Change): string {
  if (after === null) return before === null ? '–' : '∞';
  if (before === null || before === 0) return '–';
  return signed(after / before - 1, percent);
}

/** A page with a picture of every series; opens offline. */
export function historyHtml(history: History): string {
  const sections = history.series.map(
    (series) => html`<section>
<h2>${titleOf(series)}</h2>
${dataTable(tableOf(series), 'changes')}
${series.metrics.map(picture)}
</section>
`,
  );
  const left = history.left.map((text) => html`<li>${text}</li>`);
  return renderPage({
    title: 'history',
    charts: [],
    body: html`<main>
<h1>history</h1>
<p>${LEGEND}</p>
${sections}
${left.length === 0 ? null : html`<h2>left out</h2><ul>${left}</ul>`}
</main>`,
  });
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [1040, 200, 90, 20, 12, 28];

/** The values of a metric in the order of their runs; a line where it changed. What never happened is at the upper edge. */
function picture({ title, unit, values, changes }: HistoryMetric): Markup {
  const known = values.flatMap(({ value }) => value ?? []);
  const high = Math.max(...known, 0) * 1.05 || 1;
  const x = (i: number) => (LEFT + ((i + 0.5) / values.length) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (value: number | null) =>
    (HEIGHT - BOTTOM - (value === null ? 1 : value / high) * (HEIGHT - BOTTOM - TOP)).toFixed(1);
  const points = values.map(
    ({ run, commit, value }, i) =>
      html`<circle cx="${x(i)}" cy="${y(value)}" r="4" fill="${value === null ? 'none' : 'currentColor'}" stroke="currentColor"><title>${run}${commit === null ? '' : ` at ${short(commit)}`}: ${inUnit(value, unit)}</title></circle>
`,
  );
  const lines = changes.map(({ at, run, before, after }) => {
    const between = x(at - 0.5);
    return html`<line x1="${between}" x2="${between}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" style="stroke:var(--bad);stroke-width:2"><title>${run}: ${inUnit(before, unit)} to ${inUnit(after, unit)}</title></line>
`;
  });
  const ticks = [0, high / 2, high].map(
    (tick) =>
      html`<text class="axis" x="${LEFT - 8}" y="${y(tick)}" text-anchor="end">${inUnit(tick, unit)}</text>`,
  );
  return html`<figure>
<figcaption>${title} <span class="hint">oldest run first; a line: it changed there</span></figcaption>
<svg class="pareto" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
${ticks}${lines}${points}</svg>
</figure>
`;
}
