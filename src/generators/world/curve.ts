import { multiplierTable } from '../../core/distributions.ts';
import { power } from '../../core/power.ts';
import { type Random, rehash } from '../../core/random.ts';
import { type WallClock, wallClock } from '../../core/wall-clock.ts';
import type { Scenario, Shape } from '../../scenario/scenario.ts';
import { type TimedPhase, timeline } from '../../scenario/timeline.ts';
import { hourFactor, type Trade } from './hours.ts';

/**
 * The rate of arrivals in closed form: a factor on the stated rate as a function of the offset from
 * t0, its integral, and the integral's inverse, which turns unit exponentials into arrival times.
 *
 * - The stated rate holds at an average open hour of the day (`hours: curve`: the hour of the day
 *   modulates it, in steps of an hour, by the store's own clock), or all day (`hours: flat`).
 * - A phase's `load` multiplies it. A shape moves trade within its phase and adds none: the *mean*
 *   over the phase is the load. Its time constants are those of a real sale, compressed: a doorbuster
 *   phase stands for the hour after opening, a flash phase for the first two hours of an online sale.
 * - After the last timed phase the load is 1x for ever. Before t0 it is what it is at t0, at 1x.
 */

/** Rate at the start of a burst over what it decays to, before scaling to the phase's load. */
const BURST = 5;
/** 1 + 4 exp(-t / 20 min), over an hour. */
const DOORBUSTER_DECAY = 60 / 20;
/** 1 + 4 (1 + t / 37 min)^-3.07, over two hours. */
const FLASH_SCALE = 120 / 37;
const FLASH_POWER = 3.07;

/** A shape over x in [0, 1]: its density (mean 1) and the integral from 0. */
interface ShapeLaw {
  readonly density: (x: number) => number;
  readonly area: (x: number) => number;
}

function normalized(density: (x: number) => number, area: (x: number) => number): ShapeLaw {
  const mean = area(1);
  return { density: (x) => density(x) / mean, area: (x) => area(x) / mean };
}

const SHAPE_LAWS: Readonly<Record<Shape, ShapeLaw>> = {
  flat: { density: () => 1, area: (x) => x },
  doorbuster: normalized(
    (x) => 1 + (BURST - 1) * Math.exp(-DOORBUSTER_DECAY * x),
    (x) => x + ((BURST - 1) / DOORBUSTER_DECAY) * (1 - Math.exp(-DOORBUSTER_DECAY * x)),
  ),
  flash: normalized(
    (x) => 1 + (BURST - 1) * power(1 + FLASH_SCALE * x, -FLASH_POWER),
    (x) =>
      x +
      ((BURST - 1) / (FLASH_SCALE * (FLASH_POWER - 1))) *
        (1 - power(1 + FLASH_SCALE * x, 1 - FLASH_POWER)),
  ),
};

/** A stretch in which hour and phase stay the same. */
interface Segment {
  readonly startMs: number;
  readonly endMs: number;
  /** Factor of the hour times the phase's load. */
  readonly level: number;
  /** The shaped phase it lies in, if any. */
  readonly shaped: TimedPhase | null;
  /** Whole hours since the midnight before t0, local: the noise of an hour is keyed by it. */
  readonly hour: number;
}

function shapedX({ startMs, endMs }: TimedPhase, offsetMs: number): number {
  return (offsetMs - startMs) / (endMs - startMs);
}

/** Integral of the factor from the segment's start, in ms at the stated rate. */
function areaIn({ startMs, level, shaped }: Segment, offsetMs: number): number {
  if (level === 0) return 0;
  if (shaped === null) return level * (offsetMs - startMs);
  const { area } = SHAPE_LAWS[shaped.phase.shape];
  const grown = area(shapedX(shaped, offsetMs)) - area(shapedX(shaped, startMs));
  return level * (shaped.endMs - shaped.startMs) * grown;
}

/** The offset at which the segment's area is `area`; Newton's method kept inside its bracket. */
function inverseIn(segment: Segment, area: number): number {
  const { startMs, endMs, level, shaped } = segment;
  if (shaped === null) return startMs + area / level;
  const { density } = SHAPE_LAWS[shaped.phase.shape];
  let low = startMs;
  let high = endMs;
  let at = startMs + area / (level * density(shapedX(shaped, startMs)));
  for (let i = 0; i < 60; i++) {
    if (!(at > low && at < high)) at = (low + high) / 2;
    const miss = areaIn(segment, at) - area;
    if (miss > 0) high = at;
    else low = at;
    const step = miss / (level * density(shapedX(shaped, at)));
    if (Math.abs(step) < 1e-6) return at - step;
    at -= step;
  }
  return at;
}

const HOUR_MS = 3_600_000;

/** The factor on the stated rate of one trade in one time zone, over the whole tape. */
export class RateCurve {
  readonly #trade: Trade;
  readonly #phases: readonly TimedPhase[];
  readonly #flat: boolean;
  /** What the wall clocks of its zone show. */
  readonly clock: WallClock;
  /** The same without any change of the clocks, at t0: no hour comes twice. */
  readonly #standardMs: number;
  readonly #segments: Segment[] = [];

  constructor(
    scenario: Pick<Scenario, 'startsAt' | 'retail' | 'phases'>,
    trade: Trade,
    hoursBehind = 0,
  ) {
    this.#trade = trade;
    this.#phases = timeline(scenario);
    this.#flat = scenario.retail.hours === 'flat';
    this.clock = wallClock(scenario.retail.clocks, scenario.startsAt, hoursBehind);
    this.#standardMs = wallClock('standard', scenario.startsAt, hoursBehind)(0);
  }

  /** The factor at an offset from t0. */
  at(offsetMs: number): number {
    if (offsetMs < 0) return this.#hourFactor(0);
    const { level, shaped } = this.segment(this.#indexOf(offsetMs));
    if (shaped === null) return level;
    return level * SHAPE_LAWS[shaped.phase.shape].density(shapedX(shaped, offsetMs));
  }

  /** The factor at t0 without any phase: what the time before t0 looked like. */
  get before(): number {
    return this.#hourFactor(0);
  }

  /** Local time at an offset, as a receipt shows it: YYYY-MM-DDTHH:MM:SS. */
  localTimeAt(offsetMs: number): string {
    return new Date(this.clock(offsetMs)).toISOString().slice(0, 19);
  }

  /** Integral of the factor over [fromMs, toMs) with 0 <= fromMs, in ms at the stated rate. */
  area(fromMs: number, toMs: number): number {
    let sum = 0;
    for (let i = this.#indexOf(fromMs); ; i++) {
      const segment = this.segment(i);
      const from = Math.max(fromMs, segment.startMs);
      if (from >= toMs) return sum;
      sum += areaIn(segment, Math.min(toMs, segment.endMs)) - areaIn(segment, from);
    }
  }

  /** The i-th stretch of the tape; generated as far as they are read. */
  segment(i: number): Segment {
    while (i >= this.#segments.length) this.#segments.push(this.#next());
    return this.#segments[i] as Segment;
  }

  #indexOf(offsetMs: number): number {
    let i = 0;
    while (this.segment(i).endMs <= offsetMs) i++;
    return i;
  }

  #next(): Segment {
    const startMs = this.#segments.at(-1)?.endMs ?? 0;
    const timed = this.#phases.find((phase) => startMs < phase.endMs);
    const intoHour = (this.#standardMs + startMs) % HOUR_MS;
    const hourEndMs = this.#flat ? Number.POSITIVE_INFINITY : startMs + HOUR_MS - intoHour;
    const phaseEndMs = timed?.endMs ?? Number.POSITIVE_INFINITY;
    return {
      startMs,
      endMs: Math.min(hourEndMs, phaseEndMs),
      level: this.#hourFactor(startMs) * (timed?.phase.load ?? 1),
      shaped: timed && timed.phase.shape !== 'flat' ? timed : null,
      hour: Math.floor((this.#standardMs + startMs) / HOUR_MS),
    };
  }

  #hourFactor(offsetMs: number): number {
    if (this.#flat) return 1;
    const local = new Date(this.clock(offsetMs));
    return hourFactor(this.#trade, local.getUTCDay(), local.getUTCHours());
  }
}

/** Spread of an hour around the curve: LogNormal, sigma 0.12, mean 1 (measured phi 0.016). */
const HOUR_NOISE = multiplierTable(0.12, 1_024);

/** No run is so long, and a store whose next receipt lies beyond would go through the hours until then. */
const HORIZON_MS = 60 * 24 * HOUR_MS;

/**
 * The load as a clock: the inverse of a curve's integral, read forward. With `noiseSeed`, each hour has
 * a multiplier of its own.
 */
export class LoadClock {
  readonly #curve: RateCurve;
  readonly #perMs: number;
  readonly #noiseSeed: number | null;
  #index = 0;
  #atMs = 0;

  constructor(curve: RateCurve, perMs: number, noiseSeed: number | null) {
    this.#curve = curve;
    this.#perMs = perMs;
    this.#noiseSeed = noiseSeed;
  }

  /** Offset in ms, not rounded, by which so many more are expected; infinite beyond the horizon. */
  after(count: number): number {
    if (!(this.#perMs > 0)) return Number.POSITIVE_INFINITY;
    let need = count / this.#perMs;
    while (this.#atMs < HORIZON_MS) {
      const segment = this.#curve.segment(this.#index);
      const noise = this.#noise(segment.hour);
      const from = areaIn(segment, this.#atMs);
      const left = (areaIn(segment, segment.endMs) - from) * noise;
      if (need < left) {
        this.#atMs = Math.min(inverseIn(segment, from + need / noise), segment.endMs);
        return this.#atMs;
      }
      need -= left;
      this.#atMs = segment.endMs;
      this.#index++;
    }
    return Number.POSITIVE_INFINITY;
  }

  #noise(hour: number): number {
    if (this.#noiseSeed === null) return 1;
    return HOUR_NOISE[rehash(this.#noiseSeed, hour) & 1_023] as number;
  }
}

/**
 * Arrival times of a Poisson process along a curve: its clock at partial sums of unit exponentials
 * (with the noise of hours, a Cox process).
 */
export class Arrivals {
  readonly #clock: LoadClock;
  readonly #random: Random;

  constructor(curve: RateCurve, perMs: number, random: Random, noiseSeed: number | null) {
    this.#clock = new LoadClock(curve, perMs, noiseSeed);
    this.#random = random;
  }

  /** Offset of the next arrival in ms, not rounded; infinite when nothing ever arrives. */
  next(): number {
    return this.#clock.after(this.#random.exponential());
  }
}
