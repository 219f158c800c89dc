import type { RecordedDesign } from '../record/comparison-plan.ts';
import type { RunRecord } from '../record/record.ts';
import { type Chart, colorOf, liveAt } from './charts.ts';
import type { Comparison } from './comparison.ts';
import {
  comparisonTitle,
  designTable,
  legendOf,
  measureTable,
  metricTable,
  reasonTable,
  settingTable,
} from './comparison-text.ts';
import { elapsedMs, mainStream, tablesOf } from './find.ts';
import { html, type Markup } from './markup.ts';
import { dataTable, figure, renderPage } from './page.ts';
import { paretoPicture } from './pareto.ts';
import { isCounted } from './repetition.ts';
import type { Table } from './section.ts';

/** compare.html: one page about all designs. Charts show the first trial of each design that counts. */
export function comparisonHtml(comparison: Comparison, designs: readonly RecordedDesign[]): string {
  const shown = designs.flatMap(({ label, trials }) => {
    const first = trials.find(isCounted);
    return first === undefined ? [] : [{ label, record: first.record }];
  });
  const charts = [stalenessChart(shown), filesChart(shown)].filter((one) => one !== null);
  const [first] = shown;
  return renderPage({
    title: comparison.scenario,
    charts,
    body: html`<header>
<div class="top"><span><b>doorbuster</b> · comparison</span><span>${first?.record.startedAt.slice(0, 16).replace('T', ' ') ?? ''} UTC</span></div>
<h1>${comparisonTitle(comparison)}</h1>
${comparison.warnings.length > 0 ? html`<ul class="alarms">${comparison.warnings.map((text) => html`<li class="warn"><span>${text}</span></li>`)}</ul>` : null}
</header>
<main>
${section('designs', 'Designs', 'What was compared, and how the trials of each ended.', [designTable(comparison), reasonTable(comparison)])}
${section('settings', 'Settings that differ', 'Every setting in which the scenarios differ, defaults included.', [settingTable(comparison)])}
${section('compared', 'Compared', legendOf(comparison), [measureTable(comparison, 'with intervals')], paretoPicture(comparison))}
${section(
  'over-time',
  'Over time',
  'One trial of each design: the first that counts.',
  [],
  charts.map((chart) => figure(chart, '')),
)}
${section(
  'metrics',
  'Every metric',
  'Medians over the trials that count.',
  [],
  html`<details><summary>${String(comparison.metrics.length)} numbers</summary>${dataTable(metricTable(comparison), 'Every metric')}</details>`,
)}
<section id="run"><h2>The comparison</h2><pre>${comparison.reproduce}</pre></section>
</main>
<footer>Made from the records of ${String(designs.flatMap(({ trials }) => trials).length)} trials. Each has a report of its own, in the folder of its name.</footer>`,
  });
}

function section(
  id: string,
  title: string,
  about: string,
  tables: readonly Table[],
  picture: Markup | readonly Markup[] | null = null,
): Markup | null {
  const filled = tables.filter(({ rows }) => rows.length > 0);
  const pictured = Array.isArray(picture) ? picture.length > 0 : picture !== null;
  if (filled.length === 0 && !pictured) return null;
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
<p class="about">${about}</p>
${picture}
${filled.map((table) => dataTable(table, title))}
</section>
`;
}

type Shown = readonly { readonly label: string; readonly record: RunRecord }[];

/** The time axis of all designs: the phases of the first one, and the end of the longest. */
function frameOf(
  shown: Shown,
): Pick<Chart, 'xRange' | 'bands' | 'marks' | 'levels' | 'never' | 'x'> {
  const phases = shown[0]?.record.phases ?? [];
  const start = Math.min(0, ...phases.map(({ startMs }) => Math.floor(startMs / 1000)));
  const end = Math.ceil(Math.max(1, ...shown.map(({ record }) => elapsedMs(record) / 1000)));
  return {
    xRange: [start, end],
    x: Array.from({ length: end - start + 1 }, (_, i) => start + i),
    // Only timed phases take the same time in every design.
    bands: phases
      .filter(({ kind }) => kind === 'load')
      .map(({ name, load, startMs, endMs }) => ({
        from: startMs / 1000,
        to: endMs / 1000,
        label: `${name} ${load}x`,
      })),
    marks: [],
    levels: [],
    never: [],
  };
}

function stalenessChart(shown: Shown): Chart | null {
  const frame = frameOf(shown);
  const series = shown.flatMap(({ label, record }, i) => {
    const its = record.staleness.find(({ stream }) => stream === mainStream(record));
    if (its === undefined) return [];
    const at = (second: number) =>
      its.p99[Math.round((second * 1000 - its.startMs) / its.everyMs)] ?? null;
    return [{ label, color: colorOf(i), kind: 'line' as const, values: frame.x.map(at) }];
  });
  if (series.length === 0) return null;
  return {
    ...frame,
    id: 'staleness',
    title: 'staleness of the stock, p99 of the changes due in each second, logarithmic',
    unit: 'ms',
    height: 320,
    log: true,
    series,
  };
}

function filesChart(shown: Shown): Chart | null {
  const frame = frameOf(shown);
  const series = shown.flatMap(({ label, record }, i) => {
    const commits = record.layout?.commits ?? [];
    if (commits.length === 0) return [];
    const live = tablesOf(record).map((table) =>
      liveAt(
        commits.filter((one) => one.table === table),
        frame.x,
      ),
    );
    const end = elapsedMs(record) / 1000;
    const values = frame.x.map((second, at) =>
      second > end
        ? null
        : live.reduce((sum, table) => {
            const one = table[at];
            return one
              ? sum + one.dataFiles + one.equalityDeleteFiles + one.positionDeleteFiles
              : sum;
          }, 0),
    );
    return [{ label, color: colorOf(i), kind: 'line' as const, values }];
  });
  if (series.length === 0) return null;
  return {
    ...frame,
    id: 'files',
    title: 'live files, all tables',
    unit: 'files',
    height: 260,
    stepped: true,
    series,
  };
}
