import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Chart } from './charts.ts';
import { html, Markup, scriptJson } from './markup.ts';
import type { Table } from './section.ts';

/** The page may not load or send anything: everything is inlined. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/** A self-contained page that opens offline. `charts` are drawn where `body` has their figures. */
export function renderPage({
  title,
  charts,
  body,
}: {
  readonly title: string;
  readonly charts: readonly Chart[];
  readonly body: Markup;
}): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<link rel="icon" href="data:,">
<title>${title} · doorbuster</title>
<style>
${asset('uplot/dist/uPlot.min.css')}
${own('report.css')}
</style>
</head>
<body>
${body}
<script type="application/json" id="charts">${scriptJson(charts)}</script>
<script>
/* The charts are drawn by uPlot.

${asset('uplot/LICENSE')}
*/
${asset('uplot/dist/uPlot.iife.min.js')}
</script>
<script>
${own('report.js')}
</script>
</body>
</html>
`;
  return page.text;
}

/** An installed file of a library. */
function asset(path: string): Markup {
  const file = createRequire(import.meta.url).resolve(path);
  return new Markup(readFileSync(file, 'utf8').trim());
}

/** Our own script and style, which are shipped unchanged next to the sources. */
function own(name: string): Markup {
  const file = new URL(`../../src/reports/assets/${name}`, import.meta.url);
  return new Markup(readFileSync(file, 'utf8').trim());
}

/** A chart, with its numbers folded below. */
export function figure(chart: Chart | undefined, about: string): Markup {
  if (!chart) return html``;
  return html`<figure role="group" aria-labelledby="chart-${chart.id}-name">
<figcaption id="chart-${chart.id}-name">${chart.title} <span class="hint">${about}</span></figcaption>
<div class="chart" id="chart-${chart.id}" style="height:${chart.height}px" aria-hidden="true"></div>
<details data-chart="${chart.id}"><summary>the numbers behind ${chart.title}</summary>
<div class="long" tabindex="0" role="region" aria-label="${chart.title}"><table><thead><tr><th scope="col">time, m:ss since t0</th>${chart.series.map(({ label }) => html`<th scope="col">${label}</th>`)}</tr></thead><tbody></tbody></table></div></details>
</figure>
`;
}

/** A table, which scrolls sideways if it is wide. */
export function dataTable(table: Table, caption: string): Markup {
  const head = table.columns.map(
    ({ name, align }) => html`<th scope="col" class="${align}">${name}</th>`,
  );
  const rows = table.rows.map((row) => {
    const under = row[0]?.text === '' ? ' class="under"' : '';
    const cells = row.map(({ text, tone }, i) => {
      const classes = `${table.columns[i]?.align ?? 'left'}${tone === 'plain' ? '' : ` ${tone}`}`;
      return html`<td class="${classes}">${text}</td>`;
    });
    return html`<tr${new Markup(under)}>${cells}</tr>
`;
  });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><thead><tr>${head}</tr></thead><tbody>
${rows}</tbody></table></div>
`;
}
