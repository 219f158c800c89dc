import picocolors from 'picocolors';
import { LOOKS, type Look, zOf } from '../core/gate-decision.ts';
import { estimateOf, type LogRatios } from '../core/paired.ts';
import { random } from '../core/random.ts';
import type { GatePlan, GateSides } from '../record/gate-plan.ts';
import type { Noise } from '../record/noise.ts';
import { percent, plural } from './format.ts';
import { pairedRatios } from './gate.ts';
import { cell, left, right } from './section.ts';
import { painter, type TerminalOptions, tableLines, wrapped } from './terminal.ts';

/** With this many resamples the percentile moves by less than a tenth of itself from seed to seed. */
const RESAMPLES = 2_000;
const PERCENTILE = 0.95;

/** The noise that equal pairs show, by the pairs that count; null: none counts. */
export function noiseOf(plan: GatePlan, sides: GateSides): Noise | null {
  const { pairs, metrics } = pairedRatios(plan, sides);
  const record = sides.base.trials[0]?.record;
  if (pairs === 0 || record === undefined) return null;
  return {
    ...{ version: 1, lane: record.environment.lane, scenario: record.scenario.name, pairs },
    metrics: metrics.map(({ id, title, ratios }) => ({
      ...{ id, title },
      floor: ratios === null ? null : floorOf(ratios),
      detectable: LOOKS.map((look) => ({
        pairs: look.pairs,
        effect: ratios === null ? null : detectable(ratios, look, metrics.length),
      })),
    })),
  };
}

/**
 * Gates of the first look's size are drawn from the pairs, with replacement. Base and head are alike, so that each pair
 * could as well have been the other way round: its sign is drawn too.
 */
function floorOf(ratios: LogRatios): number | null {
  const draw = random(RESAMPLES, 'noise');
  const size = LOOKS[0]?.pairs ?? 0;
  const estimates = Array.from({ length: RESAMPLES }, () => {
    const drawn = Array.from({ length: size }, () => {
      const one = ratios[draw.integer(ratios.length)] as number;
      return draw.integer(2) === 0 ? one : -one;
    });
    return Math.abs(estimateOf(drawn).estimate);
  }).sort((a, b) => (a === b ? 0 : a - b));
  const found = estimates[Math.ceil(PERCENTILE * RESAMPLES) - 1] as number;
  return Number.isFinite(found) ? Math.expm1(found) : null;
}

const Z_80 = 0.8416;

/** The change that normal values of this scatter show at this look in four of five gates; an approximation. */
function detectable(ratios: LogRatios, { pairs, alpha }: Look, metrics: number): number | null {
  if (!ratios.every(Number.isFinite)) return null;
  const square = ratios.reduce((sum, one) => sum + one * one, 0) / ratios.length;
  return Math.expm1(((zOf(alpha, metrics) + Z_80) * Math.sqrt(square)) / Math.sqrt(pairs));
}

/** The noise for a terminal. */
export function renderNoise(noise: Noise, options: TerminalOptions): string {
  const paint = painter(options.color);
  const bold = picocolors.createColors(options.color).bold;
  const share = (value: number | null) => (value === null ? 'unknown' : percent(value));
  const width = Math.max(60, Math.min(options.columns, 100));
  const lines = [
    bold(`${noise.scenario}: how much equal runs differ here, by ${plural(noise.pairs, 'pair')}`),
    ...tableLines(
      {
        columns: [
          left('metric'),
          right('noise'),
          ...LOOKS.map(({ pairs }) => right(`found with ${pairs} pairs`)),
        ],
        rows: noise.metrics.map(({ title, floor, detectable: found }) => [
          cell(title),
          cell(share(floor), floor === null ? 'warn' : 'plain'),
          ...found.map(({ effect }) => cell(share(effect))),
        ]),
      },
      paint,
    ),
    '',
    ...wrapped(
      'noise: 95 of 100 gates of six pairs without a change show less. found: about the change that a gate of so many pairs finds four times out of five.',
      width,
    ).map((line) => paint(line, 'dim')),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}
