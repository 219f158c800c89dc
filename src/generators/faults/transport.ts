import { type LogNormal, logNormalOf } from '../../core/distributions.ts';
import type { Random } from '../../core/random.ts';
import type { Faults, Scenario, Stream } from '../../scenario/scenario.ts';
import { perStream } from './per-stream.ts';

/** A message that was longer on its way is late. */
export const LATE_MS = 10_000;

/**
 * How long messages are on their way: most take the usual one, some a slow one (a poor link, a retry
 * by a gateway), each with a log-normal law. Defaults (estimates): 97 % with median 0.8 s and sigma 1,
 * 3 % with median 20 s and sigma 1.2; some 1.3 % are then later than a watermark of 30 s allows.
 */
export class Transport {
  readonly #law: Faults['transport'];
  readonly #randomOf: (stream: Stream) => Random;

  constructor(scenario: Scenario, store: number) {
    this.#law = scenario.traffic.faults.transport;
    this.#randomOf = perStream(scenario.seed, 'transport', store);
  }

  /** How long the next message of a stream is on its way, ms. */
  drawMs(stream: Stream): number {
    return this.#law === null ? 0 : drawTransportMs(this.#randomOf(stream), this.#law);
  }
}

/** One delay, whole ms. */
export function drawTransportMs(own: Random, law: NonNullable<Faults['transport']>): number {
  const slow = own.chance(law.slow);
  const [medianMs, sigma] = slow ? [law.slowDelayMs, law.slowSigma] : [law.delayMs, law.sigma];
  if (medianMs === 0 || sigma === 0) return Math.round(medianMs);
  const { mu }: LogNormal = logNormalOf(medianMs, sigma);
  return Math.round(own.logNormal(mu, sigma));
}
