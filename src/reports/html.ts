import type { RunRecord } from '../record/record.ts';
import { type Chart, chartsOf } from './charts.ts';
import { figuresOf } from './figures.ts';
import { mainStream } from './find.ts';
import { html, type Markup } from './markup.ts';
import { dataTable, figure, renderPage } from './page.ts';
import { queryStrips, waterfallBars } from './pictures.ts';
import { promiseBars } from './promises.ts';
import type { Section } from './section.ts';
import { type Summary, summarize } from './summary.ts';

/** report.html: one self-contained file that opens offline. Pure, but for the assets it inlines. */
export function renderHtml(record: RunRecord): string {
  const summary = summarize(record);
  const charts = chartsOf(record);
  return renderPage({
    title: `${summary.verdict.text} · ${record.scenario.name}`,
    charts: Object.values(charts).flat(),
    body: html`${header(record, summary)}
<main>
${body(record, summary, charts)}
</main>
${footer(record)}`,
  });
}

function header(record: RunRecord, summary: Summary): Markup {
  const { pipeline, scenario } = record;
  const alarms = [
    ...summary.alarms.map((text) => ({ text, tone: 'bad' })),
    ...summary.warnings.map((text) => ({ text, tone: 'warn' })),
  ];
  return html`<header>
<div class="top"><span><b>doorbuster</b> · ${scenario.name}</span><span>${record.startedAt.slice(0, 16).replace('T', ' ')} UTC</span></div>
<h1><span class="verdict ${summary.verdict.tone}">${summary.verdict.text}</span>${summary.headline}</h1>
<p class="setting">${scenario.about}${scenario.about ? '. ' : ''}Pipeline ${pipeline.name}: ${pipeline.headline}.</p>
${alarms.length > 0 ? html`<ul class="alarms">${alarms.map(({ text, tone }) => html`<li class="${tone}"><span>${text}</span></li>`)}</ul>` : null}
</header>
${figures(record)}`;
}

function figures(record: RunRecord): Markup | null {
  const shown = figuresOf(record);
  if (shown.length === 0) return null;
  return html`<dl class="figures">${shown.map(
    ({ name, value, unit, note }) =>
      html`<div><dt>${name}</dt><dd class="value">${value} <small>${unit}</small></dd><dd class="note">${note}</dd></div>
`,
  )}</dl>`;
}

type Charts = Readonly<Record<string, readonly Chart[]>>;

/** Sections in the order of a reader's questions: verdict, staleness, its causes, files, cost. */
function body(record: RunRecord, summary: Summary, charts: Charts): Markup {
  const find = (id: string) => summary.sections.find((section) => section.id === id);
  const of = (id: string) => charts[id] ?? [];
  const main = mainStream(record);
  const staleness = of('staleness');
  const parts = [
    section(find('checks')),
    section(
      find('staleness'),
      html`${figure(staleness[0], stalenessHint(staleness[0], 'p50, p99 and maximum of the changes due in each second'))}
<div class="pair">${staleness.slice(1).map((chart) => figure(chart, stalenessHint(chart, 'one scale for these charts')))}</div>`,
    ),
    section(find('faults')),
    folded(find('waterfall'), waterfallBars(record.waterfall)),
    folded(find('changes')),
    section(
      find('age'),
      of('age').map((chart) => figure(chart, '')),
    ),
    section(
      find('files'),
      of('files').map((chart) => figure(chart, 'as the catalog served them')),
    ),
    section(find('queries'), queryStrips(record)),
    section(
      find('trickle'),
      of('trickle').map((chart) =>
        figure(chart, 'one dot per query, logarithmic; ▴ failed or timed out'),
      ),
    ),
    summary.sections.filter(({ id }) => id.startsWith('compaction')).map((one) => section(one)),
    section(find('truth')),
    section(find('promises'), promiseBars(record)),
    section(find('canaries')),
    section(
      find('producing'),
      of('producing').map((chart) => figure(chart, '')),
    ),
    section(
      find('health'),
      html`<div class="pair">${of('health').map((chart) => figure(chart, chart.id === 'cpu' ? 'harness: without the query engine and compaction' : ''))}</div>`,
    ),
    section(find('cost')),
    identity(record, summary, main),
  ];
  return html`${parts}`;
}

function section(
  found: Section | undefined,
  picture: Markup | readonly Markup[] | null = null,
): Markup | null {
  if (!found) return null;
  return html`<section id="${found.id}" aria-labelledby="${found.id}-title">
<h2 id="${found.id}-title">${found.title}</h2>
<p class="about">${found.about}</p>
${picture}
${found.tables.map((table) => dataTable(table, found.title))}
${found.notes.length > 0 ? html`<ul class="notes">${found.notes.map(({ text, tone }) => html`<li class="${tone}">${text}</li>`)}</ul>` : null}
</section>
`;
}

/** Note below a stream's chart if it is empty, or if some changes are not on the axis. */
function stalenessHint(chart: Chart | undefined, about: string): string {
  const some = chart?.series.some(({ values }) => values.some((value) => value !== null));
  if (!some && chart?.never.length === 0) return 'no data: nothing was due';
  return chart && chart.never.length > 0
    ? `${about}; ▴ a second with changes never visible`
    : about;
}

/** A section with its picture, and the table folded. */
function folded(found: Section | undefined, picture: Markup | null = null): Markup | null {
  if (!found) return null;
  const numbers = html`<details><summary>the numbers behind ${found.title.toLowerCase()}</summary>${found.tables.map((table) => dataTable(table, found.title))}</details>`;
  return section({ ...found, tables: [] }, picture ? [picture, numbers] : numbers);
}

function identity(record: RunRecord, summary: Summary, main: string | undefined): Markup {
  const about =
    main === undefined
      ? 'What was run, and where.'
      : 'What was run, where, and how to run it again.';
  return html`<section id="run" aria-labelledby="run-title">
<h2 id="run-title">The run</h2>
<p class="about">${about} Two runs compare only inside one lane: the same machine, system and server versions.</p>
<dl class="identity">${summary.identity.map(({ name, value }) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
<pre>${summary.reproduce}</pre>
<details><summary>the text of the scenario</summary><pre>${record.scenario.text}</pre></details>
</section>
`;
}

function footer(record: RunRecord): Markup {
  return html`<footer>Made from record.json of ${record.id}. Query it: <code>doorbuster sql results/${record.id} "SHOW TABLES"</code></footer>`;
}
