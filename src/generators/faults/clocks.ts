import { normalQuantile } from '../../core/distributions.ts';
import { power } from '../../core/power.ts';
import { hash32 } from '../../core/random.ts';
import type { Faults, Label } from '../../scenario/scenario.ts';
import { labelled, type TapeEvent } from '../event.ts';
import { CENTRE, DATABASE, type Device, SHOPPERS } from '../streams/devices.ts';
import { fixedUniform, storeHash, type World } from '../world/world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A till that lost its date: for a run of 2026, that is 1970. */
const LOST_MS = -Math.round(56 * 365.25) * DAY_MS;
/** One whose year was mistyped. */
const AHEAD_MS = 365 * DAY_MS;
/** Shoppers' clocks are off by an hour to a week, evenly in the logarithm. */
const SHOPPER_MOST_HOURS = 168;

/** From here on a claimed time is called off, and from there on a wrong date. */
export const OFF_MS = 60_000;
export const WRONG_DATE_MS = 180 * DAY_MS;

/**
 * What the devices of a store take the time to be; a fixed property of each. Tills and handhelds are managed: N(0, sigma), but for
 * some that are exactly an hour off and a few with another year (estimates, scaled from phones). Of shoppers' own
 * devices 3.5 % are off by an hour or more (published), each for the whole of its session.
 */
export class DeviceClocks {
  readonly #clocks: Faults['clocks'];
  readonly #hash: number;
  readonly #seed: number;
  readonly #managed = new Map<Device, number>();

  constructor(world: World, store: number) {
    this.#clocks = world.scenario.traffic.faults.clocks;
    this.#hash = storeHash(world, store, 'clocks');
    this.#seed = world.scenario.seed;
  }

  /** The event as its device stamps it. */
  stamped(event: TapeEvent, device: Device): TapeEvent {
    if (this.#clocks === null) return event;
    const offMs = this.#offMs(this.#clocks, event, device);
    if (offMs === 0) return event;
    const stamped = { ...event, claimedMs: event.occurredMs + offMs };
    const label = labelOf(offMs);
    return label === null ? stamped : labelled(stamped, label);
  }

  #offMs(clocks: NonNullable<Faults['clocks']>, event: TapeEvent, device: Device): number {
    if (device === DATABASE || device === CENTRE) return 0;
    if (device !== SHOPPERS || event.stream !== 'cart') return this.#managedOffMs(clocks, device);
    const own = hash32(this.#seed, 'shopper', event.body.session_id);
    if (fixedUniform(own, 0) >= clocks.shoppers) return 0;
    const hours = power(SHOPPER_MOST_HOURS, fixedUniform(own, 1));
    return Math.round(hours * HOUR_MS) * signOf(fixedUniform(own, 2));
  }

  /** Drawn once per device: a normal quantile for every event would be a large part of its cost. */
  #managedOffMs(clocks: NonNullable<Faults['clocks']>, device: Device): number {
    let offMs = this.#managed.get(device);
    if (offMs === undefined) {
      offMs = managedOffMs(clocks, (what) => fixedUniform(this.#hash, device * 4 + what));
      this.#managed.set(device, offMs);
    }
    return offMs;
  }
}

function managedOffMs(
  { sigmaMs, hourOff, wrongDate }: NonNullable<Faults['clocks']>,
  uniform: (what: number) => number,
): number {
  const kind = uniform(0);
  const side = uniform(1);
  if (kind < hourOff) return signOf(side) * HOUR_MS;
  if (kind < hourOff + wrongDate) return side < 0.5 ? LOST_MS : AHEAD_MS;
  // Half a step inside, since nothing lies at the ends of a normal law.
  return Math.round(sigmaMs * normalQuantile(uniform(2) + 0.5 / 0x1_0000_0000));
}

const signOf = (uniform: number) => (uniform < 0.5 ? -1 : 1);

function labelOf(offMs: number): Label | null {
  if (Math.abs(offMs) >= WRONG_DATE_MS) return 'wrong_date';
  return Math.abs(offMs) >= OFF_MS ? 'clock_off' : null;
}
