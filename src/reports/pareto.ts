import { colorOf } from './charts.ts';
import type { Comparison } from './comparison.ts';
import { inUnit } from './format.ts';
import { html, type Markup } from './markup.ts';

/** A design by what it gives and what it takes; all lower is better. */
interface Point {
  readonly label: string;
  readonly color: string;
  /** Staleness of the stock at the peak, p99, ms; null: +∞. */
  readonly stalenessMs: number | null;
  readonly coreSeconds: number;
  /** Its slowest query, hot p50, ms; null: +∞. */
  readonly slowestMs: number | null;
  /** Staleness of the rows that it keeps in memory next to its tables, p99, ms. */
  readonly viewMs: number | undefined;
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [1040, 380, 84, 190, 16, 48];
const RADIUS = { least: 6, most: 26 };
/** Of the rows in memory, which no query of the others reads. */
const VIEW_RADIUS = 5;
/** Height of a name. */
const LINE = 17;

/**
 * Staleness against CPU, the slowest query as the size of the circle. A design is filled unless another one is at least
 * as good in all three and better in one. Rows in memory are a point of their own, joined to that of the tables. null with
 * fewer than two designs that have all three numbers.
 */
export function paretoPicture(comparison: Comparison): Markup | null {
  const points = pointsOf(comparison);
  if (points.length < 2) return null;
  const seen = points.flatMap(({ stalenessMs, viewMs }) =>
    [stalenessMs ?? [], viewMs ?? []].flat(),
  );
  const x = scaleOf(seen, LEFT, WIDTH - RIGHT);
  const y = scaleOf(
    points.map(({ coreSeconds }) => coreSeconds),
    HEIGHT - BOTTOM,
    TOP,
  );
  const answered = points.flatMap(({ slowestMs }) => slowestMs ?? []);
  const size = scaleOf(answered, RADIUS.least, RADIUS.most);
  const drawn = points.map((point) => ({
    point,
    cx: point.stalenessMs === null ? WIDTH - RIGHT : x.at(point.stalenessMs),
    cy: y.at(point.coreSeconds),
    r: point.slowestMs === null ? RADIUS.most : size.at(point.slowestMs),
  }));
  // Names of neighbours are pushed apart, the upper one first.
  let above = Number.NEGATIVE_INFINITY;
  const labels = new Map(
    drawn
      .toSorted((a, b) => a.cy - b.cy)
      .map(({ point, cy }) => {
        above = Math.max(cy + 4, above + LINE);
        return [point, above] as const;
      }),
  );
  const circles = drawn.map(({ point, cx, cy, r }) => {
    const fill = points.some((other) => dominates(other, point)) ? 'none' : `var(${point.color})`;
    const query =
      point.slowestMs === null ? 'a query never answers' : inUnit(point.slowestMs, 'ms');
    const never = point.stalenessMs === null ? ', never fresh ▸' : '';
    return html`${point.viewMs === undefined ? null : viewOf(point, point.viewMs, { from: cx - r, to: x.at(point.viewMs), y: cy })}<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="${r.toFixed(1)}" fill="${fill}" fill-opacity="0.55" stroke="var(${point.color})" stroke-width="2"/><text x="${(cx + r + 6).toFixed(1)}" y="${(labels.get(point) as number).toFixed(1)}">${point.label} <tspan class="dim">${query}${never}</tspan></text>
`;
  });
  return html`<figure role="group" aria-labelledby="pareto-name">
<figcaption id="pareto-name">what a design gives and takes <span class="hint">lower left is better; size: the slowest query; hollow: another design is at least as good in everything; both axes logarithmic</span></figcaption>
<svg class="pareto" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">
${x.ticks.map((tick) => html`<line x1="${x.at(tick).toFixed(1)}" x2="${x.at(tick).toFixed(1)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/><text class="axis" x="${x.at(tick).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${inUnit(tick, 'ms')}</text>`)}
${y.ticks.map((tick) => html`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.at(tick).toFixed(1)}" y2="${y.at(tick).toFixed(1)}"/><text class="axis" x="${LEFT - 8}" y="${(y.at(tick) + 4).toFixed(1)}" text-anchor="end">${inUnit(tick, 'core-s')}</text>`)}
<text class="axis" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">staleness of the stock at the peak, p99</text>
${circles}</svg>
</figure>
`;
}

/** The rows in memory of a design, and the line to its tables. */
function viewOf(
  { label, color }: Point,
  viewMs: number,
  { from, to, y }: { readonly from: number; readonly to: number; readonly y: number },
): Markup {
  return html`<path d="M${to.toFixed(1)},${y.toFixed(1)}H${from.toFixed(1)}" stroke="var(${color})" stroke-dasharray="4 4"/><circle cx="${to.toFixed(1)}" cy="${y.toFixed(1)}" r="${VIEW_RADIUS}" fill="var(${color})" stroke="var(${color})"/><text x="${to.toFixed(1)}" y="${(y - VIEW_RADIUS - 6).toFixed(1)}">${label}, rows in memory <tspan class="dim">${inUnit(viewMs, 'ms')}</tspan></text>
`;
}

function pointsOf({ designs, measures }: Comparison): readonly Point[] {
  const medianOf = (id: string, i: number) =>
    measures.find((one) => one.id === id)?.designs[i]?.spread.median;
  return designs.flatMap(({ label }, i) => {
    const stalenessMs = medianOf('staleness-p99', i);
    const coreSeconds = medianOf('cost', i);
    const slowestMs = medianOf('slowest-query', i);
    if (stalenessMs === undefined || slowestMs === undefined) return [];
    if (coreSeconds === undefined || coreSeconds === null) return [];
    const viewMs = medianOf('staleness-view-p99', i) ?? undefined;
    return [{ label, color: colorOf(i), stalenessMs, coreSeconds, slowestMs, viewMs }];
  });
}

function dominates(a: Point, b: Point): boolean {
  const of = ({ stalenessMs, coreSeconds, slowestMs, viewMs }: Point) => [
    ...[stalenessMs ?? Infinity, coreSeconds, slowestMs ?? Infinity],
    viewMs ?? stalenessMs ?? Infinity,
  ];
  const pairs = of(a).map((value, i) => [value, of(b)[i] as number] as const);
  return pairs.every(([one, other]) => one <= other) && pairs.some(([one, other]) => one < other);
}

/** A logarithmic scale around some values, with ticks at 1, 2 and 5 times powers of ten. */
function scaleOf(values: readonly number[], from: number, to: number) {
  const positive = values.filter((value) => value > 0);
  const low = Math.log10(Math.min(...positive, Infinity) / 1.6);
  const high = Math.log10(Math.max(...positive, 0) * 1.6);
  const known = positive.length > 0;
  const at = (value: number) =>
    known && value > 0 ? from + ((Math.log10(value) - low) / (high - low)) * (to - from) : from;
  const ticks = known
    ? Array.from({ length: 24 }, (_, i) => i - 8)
        .flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power))
        .filter((tick) => Math.log10(tick) > low && Math.log10(tick) < high)
    : [];
  return { at, ticks };
}
