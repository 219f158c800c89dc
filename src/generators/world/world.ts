import {
  AliasTable,
  type LogNormal,
  logNormalOf,
  multiplierTable,
  roundedMean,
  survival,
  zipfMandelbrot,
} from '../../core/distributions.ts';
import { power } from '../../core/power.ts';
import { hash32, type Random, random, rehash } from '../../core/random.ts';
import type { Profile, Scenario } from '../../scenario/scenario.ts';
import { type TimedPhase, timeline } from '../../scenario/timeline.ts';
import { type AssortmentLaw, assortmentLaw } from './assortment.ts';
import { RateCurve } from './curve.ts';
import { busiestHour, US_ZONES } from './hours.ts';
import { meansOf, type RecordedTape, recordedTapeOf, recordedWeights } from './recorded-tape.ts';

/** What kind of retailer it is, as laws. Grades and sources: the retail figures of the docs. */
interface ProfileLaws {
  /** Distinct items of a basket. */
  readonly basket: LogNormal;
  /** Unit price in cents before its ending. */
  readonly priceCents: LogNormal;
  /** Share of lines with a promo discount. */
  readonly promoShare: number;
  /** Distinct items of an online order. */
  readonly onlineBasket: LogNormal;
}

const PROFILE_LAWS: Readonly<Record<Profile, ProfileLaws>> = {
  grocery: {
    // Of the laws with the measured mean, the one that is nearest to the measured receipts: a fifth have one line.
    basket: { mu: 1.51, sigma: 1.21 },
    // As shelves say it; what is paid is less (a median of 1.99), since half of all lines are on offer.
    priceCents: { mu: 0.76 + Math.log(100), sigma: 0.78 },
    promoShare: 0.5,
    onlineBasket: { mu: Math.log(10.1) - 0.32, sigma: 0.8 },
  },
  specialty: {
    basket: { mu: Math.log(3), sigma: 0.875 },
    // No public figure: a median of 20 USD makes an online order of 2.87 units worth about 110.
    priceCents: logNormalOf(2_000, 0.9),
    promoShare: 0.2,
    onlineBasket: { mu: Math.log(1.85), sigma: 0.5 },
  },
};

/** Quantity per line: 1, 2, 3, 4, and 5 or more (5 + Geom(0.4)). */
export const QUANTITY_SHARES = [0.8, 0.146, 0.028, 0.015, 0.011] as const;
const MANY_P = 0.4;
/** Lines scanned with quantity 0, an oddity of real tills that is kept. */
export const ZERO_QUANTITY = 0.0055;
/** Share of lines rung up at no price, another. */
export const ZERO_PRICE = 0.007;
/** Depth of a promo discount: median 24 %, quartiles 15 and 37 %; never more than 90 %. */
export const PROMO_DEPTH = { mu: Math.log(0.24), sigma: 0.669 } as const;
export const DEEPEST_PROMO = 0.9;
const MEAN_PROMO = Math.exp(PROMO_DEPTH.mu + (PROMO_DEPTH.sigma * PROMO_DEPTH.sigma) / 2);
/** Mean units per line that has any. */
const MEAN_QUANTITY = QUANTITY_SHARES.reduce(
  (sum, share, i) => sum + share * (i < 4 ? i + 1 : 5 + (1 - MANY_P) / MANY_P),
  0,
);

/** Units on a line that has any. */
export function drawQuantity(random: Random): number {
  const i = random.weighted(QUANTITY_SHARES);
  return i < 4 ? i + 1 : 5 + random.geometric(MANY_P);
}

/** What is fixed about a store. */
export interface Store {
  /** 1-based. */
  readonly number: number;
  /** Relative size; the mean over all stores is exactly 1, so that the stated rate is the chain's. */
  readonly size: number;
  /** Hours behind the retailer's own clock. */
  readonly hoursBehind: number;
  /** The tills' curve in its time zone. */
  readonly curve: RateCurve;
  /** Receipts per ms at factor 1. */
  readonly receiptsPerMs: number;
  /** Tills: the day's busiest hour, or the plan's largest load at t0, at 32 receipts an hour each. */
  readonly terminals: number;
  /** Sales tax; no public figure per store, 4 % to 9 %. */
  readonly taxRate: number;
}

/** A phase in which a few SKUs take a large share of all lines. */
export interface HotSet {
  readonly phase: TimedPhase;
  /** Ranks, hottest first. */
  readonly ranks: readonly number[];
  readonly table: AliasTable;
  readonly shares: readonly number[];
}

/** Share of lines that the hot set takes while its phase lasts. */
export const HOT_SHARE = 0.4;
const HOT_SKUS = 20;

/**
 * What all stores share and never changes: computed once per scenario and process. SKUs are known by
 * rank (0 is the chain's most popular) and by id (1..skus, in no order of popularity).
 */
export interface World {
  readonly scenario: Scenario;
  readonly laws: ProfileLaws;
  readonly stores: readonly Store[];
  readonly skuOfRank: Int32Array;
  readonly rankOfSku: Int32Array;
  /** Cents by rank. */
  readonly prices: Int32Array;
  /** Popularity by rank at the tills and in the web shop, and tables to draw from it. */
  readonly weights: Float64Array;
  readonly popularity: AliasTable;
  readonly webPopularity: AliasTable;
  readonly assortment: AssortmentLaw;
  /** Most distinct items in one basket: half the assortment, so that they can still be distinct. */
  readonly basketCap: number;
  /** Per store and SKU, indexed by hash: LogNormal(sigma 0.56), mean 1. */
  readonly multipliers: Float64Array;
  readonly hotSets: readonly HotSet[];
  readonly webCurve: RateCurve;
  /** Lines, and units sold, of a mean receipt. */
  readonly meanLines: number;
  /** Of those lines, the ones that move stock. */
  readonly meanMovingLines: number;
  readonly meanUnits: number;
  /** Lines of a mean return. */
  readonly meanReturnedLines: number;
  /** What a mean receipt comes to before tax, cents. */
  readonly meanNetCents: number;
  /** Web sessions per ms of a store of mean size at factor 1. */
  readonly sessionsPerMs: number;
  /** What is replayed instead of drawn; null: receipts are generated. */
  readonly recorded: RecordedTape | null;
}

/** Grocery's measured law; the slope online is steeper. */
const POPULARITY = { s: 0.74, webS: 0.9, q: 3 } as const;
const STORE_SKU_SIGMA = 0.56;
const RECEIPTS_PER_TILL_HOUR = 32;
const HOUR_MS = 3_600_000;

const worlds = new WeakMap<Scenario, World>();

/** The world of a scenario; made once per scenario object. */
export function worldOf(scenario: Scenario): World {
  let world = worlds.get(scenario);
  if (world === undefined) {
    world = makeWorld(scenario);
    worlds.set(scenario, world);
  }
  return world;
}

function makeWorld(scenario: Scenario): World {
  const { seed, retail } = scenario;
  const laws = PROFILE_LAWS[retail.profile];
  const stores = makeStores(scenario);
  const recorded = recordedTapeOf(scenario, stores);
  const means = recorded === null ? null : meansOf(recorded.recording);
  const weights =
    recorded === null
      ? zipfMandelbrot(retail.skus, POPULARITY.s, POPULARITY.q)
      : recordedWeights(recorded.recording, retail.skus);
  const size = Math.min(retail.assortment, retail.skus);
  const assortment = assortmentLaw(weights, size, retail.assortmentBy);
  const ids = Array.from({ length: retail.skus }, (_, i) => i + 1);
  const skuOfRank = Int32Array.from(random(seed, 'sku-ids').shuffled(ids));
  const rankOfSku = new Int32Array(retail.skus + 1);
  skuOfRank.forEach((sku, rank) => {
    rankOfSku[sku] = rank;
  });
  const basketCap = Math.max(1, Math.floor(size / 2));
  const meanLines = means?.lines ?? roundedMean(laws.basket, basketCap);
  const meanMovingLines = means?.movingLines ?? meanLines * (1 - ZERO_QUANTITY);
  const meanUnits = means?.units ?? meanMovingLines * MEAN_QUANTITY;
  const prices = makePrices(retail.skus, laws.priceCents, random(seed, 'prices'));
  if (recorded !== null) prices.set(recorded.recording.priceCents.subarray(0, retail.skus));
  return {
    scenario,
    laws,
    stores,
    skuOfRank,
    rankOfSku,
    prices,
    weights,
    popularity: new AliasTable(weights),
    webPopularity: new AliasTable(zipfMandelbrot(retail.skus, POPULARITY.webS, POPULARITY.q)),
    assortment,
    basketCap,
    multipliers: multiplierTable(STORE_SKU_SIGMA),
    hotSets: makeHotSets(scenario, assortment),
    webCurve: new RateCurve(scenario, 'web'),
    meanLines,
    meanMovingLines,
    meanUnits,
    meanReturnedLines: means?.returnedLines ?? returnedMean(laws.basket, basketCap),
    meanNetCents:
      means?.netCents ??
      meanUnits *
        meanPrice(weights, prices) *
        (1 - ZERO_PRICE) *
        (1 - laws.promoShare * MEAN_PROMO),
    sessionsPerMs: (scenario.traffic.cart?.sessionsPerSecond ?? 0) / retail.stores / 1_000,
    recorded,
  };
}

/** A return brings back 1 + Geom(0.6) lines, as far as there are any. */
export const RETURNED_LINES_P = 0.6;

function returnedMean(law: LogNormal, cap: number): number {
  let mean = 1;
  for (let k = 1; k < Math.min(cap, 20); k++) {
    mean += power(1 - RETURNED_LINES_P, k) * survival(law, k + 0.5);
  }
  return mean;
}

function meanPrice(weights: Float64Array, prices: Int32Array): number {
  let total = 0;
  let weighed = 0;
  for (let rank = 0; rank < weights.length; rank++) {
    total += weights[rank] as number;
    weighed += (weights[rank] as number) * (prices[rank] as number);
  }
  return weighed / total;
}

/** How prices end: .00, .99, .50, .49, or another digit and a 9. */
const ENDING_SHARES = [0.035, 0.22, 0.02, 0.08, 0.645] as const;
const FIXED_ENDINGS = [0, 99, 50, 49] as const;
const OTHER_ENDINGS = [19, 29, 39, 59, 69, 79, 89] as const;

function makePrices(skus: number, law: LogNormal, random: Random): Int32Array {
  return Int32Array.from({ length: skus }, () => {
    const raw = random.logNormal(law.mu, law.sigma);
    const i = random.weighted(ENDING_SHARES);
    const ending = FIXED_ENDINGS[i] ?? (OTHER_ENDINGS[random.integer(7)] as number);
    // The dollars that bring the price with this ending closest to the raw one, and never to nothing.
    const dollars = Math.max(ending === 0 ? 1 : 0, Math.round((raw - ending) / 100));
    return dollars * 100 + ending;
  });
}

function makeStores(scenario: Scenario): Store[] {
  const { seed, retail, traffic } = scenario;
  const zones =
    retail.timeZones === 'us'
      ? US_ZONES.map(({ hoursBehind }) => new RateCurve(scenario, retail.profile, hoursBehind))
      : [new RateCurve(scenario, retail.profile)];
  const drawn = Array.from({ length: retail.stores }, (_, i) => {
    const own = random(seed, 'store', i + 1);
    const size = own.logNormal(0, retail.storeSizeSigma);
    const drawn = own.weighted(US_ZONES.map(({ share }) => share));
    const zone = drawn < zones.length ? drawn : 0;
    return { size, zone, taxRate: 0.04 + own.next() / 20 };
  });
  const mean = drawn.reduce((sum, { size }) => sum + size, 0) / drawn.length;
  const perHour = traffic.pos?.receiptsPerStoreHour ?? 0;
  const load = Math.max(1, ...timeline(scenario).map(({ phase }) => phase.load));
  const peakHour = retail.hours === 'flat' ? 1 : busiestHour(retail.profile);
  return drawn.map(({ size, zone, taxRate }, i) => {
    const own = (perHour * size) / mean;
    return {
      number: i + 1,
      size: size / mean,
      hoursBehind: US_ZONES[zone]?.hoursBehind ?? 0,
      curve: zones[zone] as RateCurve,
      receiptsPerMs: own / HOUR_MS,
      terminals: Math.max(
        1,
        Math.ceil(
          (own * Math.max(peakHour, load * (zones[zone] as RateCurve).before)) /
            RECEIPTS_PER_TILL_HOUR,
        ),
      ),
      taxRate: Math.round(taxRate * 10_000) / 10_000,
    };
  });
}

/**
 * Drawn from what every store carries, anew for each phase with a burst. The hottest is 28 % of its
 * draws, and some 5 % of all lines, since a basket holds it once.
 */
function makeHotSets(scenario: Scenario, { size, core }: AssortmentLaw): HotSet[] {
  return timeline(scenario)
    .filter(({ phase }) => phase.shape !== 'flat')
    .map((phase, i) => {
      const own = random(scenario.seed, 'hot-set', i);
      const most = Math.max(Math.floor(core / 2), Math.min(core, Math.floor(size / 4)));
      const count = Math.max(1, Math.min(HOT_SKUS, most));
      const ranks: number[] = [];
      while (ranks.length < count) {
        const rank = own.integer(core);
        if (!ranks.includes(rank)) ranks.push(rank);
      }
      const weights = zipfMandelbrot(count, 1, 0);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return {
        phase,
        ranks,
        table: new AliasTable(weights),
        shares: [...weights].map((weight) => weight / total),
      };
    });
}

/** Seed of what is fixed about a store and is looked up by hash. */
export function storeHash(world: World, store: number, label: string): number {
  return hash32(world.scenario.seed, label, store);
}

/** Uniform in [0, 1) from a hash and a number: a fixed property of a (store, thing) pair. */
export function fixedUniform(hash: number, thing: number): number {
  return rehash(hash, thing) / 0x1_0000_0000;
}
