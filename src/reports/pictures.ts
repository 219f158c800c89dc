import type { QueryResult, RunRecord, Waterfall } from '../record/record.ts';
import { queryNames, queryPhases, queryResult } from './find.ts';
import { count, duration, latency, ratio } from './format.ts';
import { html, type Markup } from './markup.ts';
import { hopName } from './observed.ts';

/** Pictures made of plain HTML: crisp on paper, readable without a script. The tables next to them hold the same numbers. */

/** Stacked bars, one per phase and stream, all on one scale. */
export function waterfallBars(rows: readonly Waterfall[]): Markup {
  const top = Math.max(
    1,
    ...rows.map(({ hops }) => hops.reduce((sum, hop) => sum + Math.max(0, hop.meanMs), 0)),
  );
  const hops = rows[0]?.hops ?? [];
  const key = hops
    .map(({ hop }, h) => ({ hop, h }))
    .filter(({ h }) => rows.some((row) => (row.hops[h]?.meanMs ?? 0) > 0));
  return html`<div class="key">${key.map(({ hop, h }) => html`<span><i class="h${h}"></i>${hopName(hop)}</span>`)}</div>
<div class="bars" aria-hidden="true">${rows.map((row, i) => bar(row, rows[i - 1]?.phase !== row.phase, top))}</div>`;
}

function bar(row: Waterfall, first: boolean, top: number): Markup {
  const at = first ? ' first' : '';
  const hops = row.hops.map(({ hop, meanMs }, h) => {
    const share = (Math.max(0, meanMs) / top) * 82;
    const label = share > 9 ? duration(meanMs) : '';
    return html`<span class="hop h${h}" style="width:${share.toFixed(2)}%" title="${hopName(hop)} ${duration(meanMs)}">${label}</span>`;
  });
  return html`<span class="phase${at}">${first ? row.phase : ''}</span><span class="${at.trim()}">${row.stream}</span><span class="track${at}">${hops.filter((_, h) => (row.hops[h]?.meanMs ?? 0) > 0)}<span class="total">${row.n === 0 ? 'no data' : duration(row.meanMs)} <span class="dim">n ${count(row.n)}</span></span></span>
`;
}

const LOG_PADDING = 1.12;

/** Every query's samples before and after, on one logarithmic axis: dots are samples, bars the p50. */
export function queryStrips(record: RunRecord): Markup | null {
  const phases = queryPhases(record);
  const names = queryNames(record);
  const all = phases.flatMap(({ name }) =>
    names.flatMap((query) =>
      (['hot', 'cold'] as const).flatMap((mode) => queryResult(record, query, name, mode) ?? []),
    ),
  );
  const values = all.flatMap((result) => [
    ...samplesOf(result),
    result.stats.p50,
    result.stats.max,
  ]);
  const finite = values.filter((value): value is number => typeof value === 'number' && value > 0);
  if (finite.length === 0) return null;
  const from = Math.log10(finite.reduce((a, b) => Math.min(a, b)) / LOG_PADDING);
  const to = Math.log10(finite.reduce((a, b) => Math.max(a, b)) * LOG_PADDING);
  const place = (ms: number) => `${((100 * (Math.log10(ms) - from)) / (to - from)).toFixed(2)}%`;
  const ticks = [1, 2, 5]
    .flatMap((step) => Array.from({ length: 8 }, (_, i) => step * 10 ** i))
    .filter((ms) => Math.log10(ms) >= from && Math.log10(ms) <= to)
    .sort((a, b) => a - b);
  const grid = ticks.map((ms) => html`<i class="grid" style="left:${place(ms)}"></i>`);
  const toneOf = (phase: string) =>
    phases.length === 1
      ? 'other'
      : phase === phases[0]?.name
        ? 'before'
        : phase === phases.at(-1)?.name
          ? 'after'
          : 'other';
  const cold = (phase: string) =>
    names.some((query) => (queryResult(record, query, phase, 'cold')?.n ?? 0) > 0);
  return html`<div class="key">${phases.map(({ name }) => html`<span class="${toneOf(name)}"><i class="dot fillc ${toneOf(name)}"></i>${name}, hot</span>${cold(name) ? html`<span class="${toneOf(name)}"><i class="ring"></i>${name}, cold</span>` : ''}`)}<span>bar: p50 hot</span></div>
<div class="strips" aria-hidden="true">${names.map((query) =>
    strip(
      record,
      query,
      phases.map(({ name }) => name),
      toneOf,
      place,
      grid,
    ),
  )}
<span class="axis"></span><span class="strip axis">${ticks.map((ms) => html`<span class="tick" style="left:${place(ms)}">${axisText(ms)}</span>`)}</span><span class="change axis"></span></div>`;
}

function axisText(ms: number): string {
  return ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`;
}

function strip(
  record: RunRecord,
  query: string,
  phases: readonly string[],
  toneOf: (phase: string) => string,
  place: (ms: number) => string,
  grid: readonly Markup[],
): Markup {
  const givenUp = record.queries?.timeoutMs ?? 0;
  const marks = phases.flatMap((phase, row) => {
    const y = `${((row + 0.5) / phases.length) * 70 + 15}%`;
    return (['cold', 'hot'] as const).flatMap((mode) => {
      const result = queryResult(record, query, phase, mode);
      if (!result) return [];
      const tone = toneOf(phase);
      const dots = samplesOf(result)
        .filter((ms): ms is number => ms !== null && ms > 0)
        .map(
          (ms) =>
            html`<i class="dot ${mode} ${tone} ${mode === 'hot' ? 'fillc' : ''}" style="left:${place(ms)};top:${y}"></i>`,
        );
      const { p50 } = result.stats;
      const bar =
        mode === 'hot' && typeof p50 === 'number' && p50 > 0
          ? [html`<i class="p50 fillc ${tone}" style="left:${place(p50)};top:${y}"></i>`]
          : [];
      const lost = result.n - result.outcomes.ok;
      const end =
        lost > 0
          ? [
              html`<span class="end" style="top:calc(${y} - 8px)">${lost} ${mode} not answered ▸</span>`,
            ]
          : [];
      return [...dots, ...bar, ...end];
    });
  });
  const hot = phases.map((phase) => queryResult(record, query, phase, 'hot')?.stats.p50);
  const change =
    hot.length > 1 && typeof hot[0] === 'number' && typeof hot.at(-1) === 'number'
      ? html`<b>${ratio((hot.at(-1) as number) / hot[0])}x</b>`
      : '';
  return html`<span class="name">${query}</span><span class="strip">${grid}${marks}</span><span class="change"><span>${hot.map((ms, i) => html`${i > 0 ? ' → ' : ''}<span class="${toneOf(phases[i] as string)}">${latency(ms, givenUp)}</span>`)}</span>${change}</span>
`;
}

function samplesOf(result: QueryResult): readonly (number | null)[] {
  return result.samples?.kind === 'raw' ? result.samples.values : [];
}
