import { count } from '../core/readable.ts';
import { type Distances, distancesOf } from '../generators/look/distance.ts';
import { equallySampled } from '../generators/look/equal-sample.ts';
import { MEASURED_GROCER, MEASURED_GROCER_SOURCE } from '../generators/look/grocer.ts';
import {
  generatedLook,
  type Look,
  PORTIONS,
  PRICE_EDGES,
  recordedLook,
} from '../generators/look/look.ts';
import { CATEGORY_EXPONENT } from '../generators/world/categories.ts';
import type { Likeness } from '../reports/preview.ts';
import { PROFILE_DEFAULTS } from '../scenario/resolve.ts';
import type { Scenario } from '../scenario/scenario.ts';

/** The generated receipts of a scenario, and the recorded ones to compare with. */
export interface Looks {
  readonly against: string;
  readonly source: string;
  readonly generated: Look;
  readonly recorded: Look;
  /** The recorded ones at the number of products and lines of the generated: what the distances are from. */
  readonly expected: Look;
  readonly distances: Distances;
}

/** null: the scenario has no receipts, or there is no recording for its kind of retailer. */
export function looksOf(scenario: Scenario): Looks | null {
  const { pos } = scenario.traffic;
  if (pos === null) return null;
  const recording = pos.tape?.recording ?? null;
  const measured =
    scenario.retail.profile === 'grocery'
      ? { ...MEASURED_GROCER, categories: CATEGORY_EXPONENT }
      : null;
  const recorded = recording === null ? measured : recordedLook(recording);
  if (recorded === null) return null;
  const generated = generatedLook(recording === null ? scenario : asLargeAs(scenario, recorded));
  const expected = equallySampled(recorded, generated);
  return {
    against: recording === null ? 'a real grocer' : 'the tape',
    source: recording === null ? MEASURED_GROCER_SOURCE : (pos.tape?.file ?? ''),
    generated,
    recorded,
    expected,
    distances: distancesOf(generated, expected),
  };
}

/** The scenario with as many SKUs as the recording has products, because fewer SKUs have another distribution. */
function asLargeAs(scenario: Scenario, { products }: Look): Scenario {
  const { assortmentOfSkus } = PROFILE_DEFAULTS[scenario.retail.profile];
  const assortment = Math.max(1, Math.round(products * assortmentOfSkus));
  return { ...scenario, retail: { ...scenario.retail, skus: products, assortment } };
}

type Row = Likeness['rows'][number];

/** The comparison as rows of text: each distance is in the first row of its subject. */
export function likenessOf({ against, source, generated, expected, distances }: Looks): Likeness {
  const row = (
    what: string,
    of: (look: Look) => string,
    by?: NonNullable<Row['distance']>['by'],
    value?: number | null,
  ): Row => ({
    what,
    generated: of(generated),
    recorded: of(expected),
    distance: by === undefined || value === undefined || value === null ? null : { by, value },
  });
  const upTo = (cents: (typeof PRICE_EDGES)[number]) => (look: Look) =>
    percent(look.prices[PRICE_EDGES.indexOf(cents)] ?? 0);
  const first = (portion: (typeof PORTIONS)[number]) => (look: Look) =>
    percent(look.tops[PORTIONS.indexOf(portion)] ?? 0);
  return {
    recorded: against,
    source: `${source}; shares of products are converted to ${count(generated.products)} products and ${count(generated.lines)} lines`,
    rows: [
      row('lines, mean', (look) => look.meanLines.toFixed(1), 'KS', distances.baskets),
      row('lines, median', (look) => quantile(look.baskets, 0.5)),
      row('lines, 90th percentile', (look) => quantile(look.baskets, 0.9)),
      row('with one line', (look) => percent(look.baskets[0] ?? 0)),
      row('products', (look) => count(look.products)),
      row(
        's of the SKU law (r + 3)^-s',
        (look) => look.exponent.toFixed(2),
        'difference',
        distances.exponent,
      ),
      row('lines of the top product', (look) => percent(look.top), 'KS', distances.popularity),
      row('of the top 1 % of products', first(0.01)),
      row('of the top 10 %', first(0.1)),
      row('of the top 20 %', first(0.2)),
      row(
        'top 20 that two stores share',
        ({ stores }) => (stores === null ? NOTHING : percent(stores.overlap)),
        'difference',
        distances.overlap,
      ),
      row(
        'sigma of store x product',
        ({ stores }) => (stores === null ? NOTHING : stores.spread.toFixed(2)),
        'difference',
        distances.spread,
      ),
      row(
        's of the category law r^-s',
        ({ categories }) => (categories === null ? NOTHING : categories.toFixed(2)),
        'difference',
        distances.categories,
      ),
      row('quantity of 1', (look) => percent(look.quantities[1] ?? 0), 'TV', distances.quantities),
      row('quantity of 0', (look) => percent(look.quantities[0] ?? 0)),
      row('prices up to 1.05', upTo(105), 'KS', distances.prices),
      row('prices up to 2.10', upTo(210)),
      row('prices up to 5.05', upTo(505)),
      row('busiest hour of a weekday', busiest, 'TV', distances.hours),
    ],
  };
}

/** A look has no such figure. */
const NOTHING = '-';

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Quantile of the shares by number of lines, from 1. */
function quantile(shares: readonly number[], p: number): string {
  let sum = 0;
  const i = shares.findIndex((share) => {
    sum += share;
    return sum >= p;
  });
  return String(i + 1);
}

function busiest({ hours }: Look): string {
  const { weekday } = hours;
  if (weekday === null) return 'no weekday';
  const most = Math.max(...weekday);
  return `${weekday.indexOf(most)} h, ${percent(most)}`;
}
