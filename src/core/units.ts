import { badInput } from './errors.ts';

/**
 * The units people write, and the numbers the code holds. Each kind has a pattern (for the schema
 * and for editors), a parser and a formatter; parsing what was formatted gives the same number.
 */

const NUMBER = String.raw`\d+(?:\.\d+)?`;

const US_PER: Readonly<Record<string, number>> = {
  d: 86_400_000_000,
  h: 3_600_000_000,
  m: 60_000_000,
  s: 1_000_000,
  ms: 1_000,
};

/** `250ms`, `10s`, `1m30s`, `1h`, `2d`: parts from large to small, each at most once. */
export const DURATION = new RegExp(
  `^(?=\\d)(?:${NUMBER}d)?(?:${NUMBER}h)?(?:${NUMBER}m)?(?:${NUMBER}s)?(?:${NUMBER}ms)?$`,
);

/** Milliseconds of a duration, to the microsecond. */
export function parseDurationMs(text: string): number {
  if (!DURATION.test(text)) throw badInput(`"${text}" is not a duration`, 'write it like 1m30s');
  let us = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)) {
    us += Math.round(Number(count) * (US_PER[unit as string] as number));
  }
  return finite(us / 1_000, text);
}

/** The shortest way to write a duration: `1m30s`, `1.25s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  let us = Math.round(ms * 1_000);
  if (us > 0 && us < 1_000_000) return `${us / 1_000}ms`;
  let text = '';
  for (const unit of ['d', 'h', 'm'] as const) {
    const size = US_PER[unit] as number;
    if (us >= size) text += `${Math.floor(us / size)}${unit}`;
    us %= size;
  }
  return us > 0 || text === '' ? `${text}${us / 1_000_000}s` : text;
}

/** A rate, of all stores together or of each store. */
export interface Rate {
  readonly count: number;
  readonly per: 's' | 'm' | 'h' | 'd';
  /** `50/store/h`: the rate of one store of mean size. */
  readonly ofEachStore: boolean;
}

/** `12/s`, `50/h`, `50/store/h`. */
export const RATE = new RegExp(`^${NUMBER}(?:/store)?/[smhd]$`);

/** Parses a rate, and keeps its unit. */
export function parseRate(text: string): Rate {
  if (!RATE.test(text))
    throw badInput(`"${text}" is not a rate`, 'write it like 12/s or 50/store/h');
  const parts = text.split('/');
  return {
    count: finite(Number(parts[0]), text),
    per: parts.at(-1) as Rate['per'],
    ofEachStore: parts.length === 3,
  };
}

export function formatRate(rate: Rate): string {
  return `${rate.count}${rate.ofEachStore ? '/store' : ''}/${rate.per}`;
}

const SECONDS_PER: Readonly<Record<Rate['per'], number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** The rate's count per `unit` of time. */
export function ratePer(unit: Rate['per'], rate: Rate): number {
  return (rate.count * SECONDS_PER[unit]) / SECONDS_PER[rate.per];
}

const BYTES_PER: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `512 B`, `2 MiB`, `1.5 GB`; the space is optional. */
const SIZE = new RegExp(`^${NUMBER} ?(?:B|[kMGT]B|[KMGT]iB)$`);

/** Whole bytes of a size. */
export function parseSizeBytes(text: string): number {
  const match = SIZE.test(text) ? /^([\d.]+) ?(\w+)$/.exec(text) : null;
  if (!match) throw badInput(`"${text}" is not a size`, 'write it like 2 MiB');
  return finite(Math.round(Number(match[1]) * (BYTES_PER[match[2] as string] as number)), text);
}

/** The largest binary unit that divides it: exact, so 1,500 is `1500 B` and not `1.5 KiB`. */
export function formatSize(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'];
  const unit = units.find((name) => bytes > 0 && bytes % (BYTES_PER[name] as number) === 0) ?? 'B';
  return `${bytes / (BYTES_PER[unit] as number)} ${unit}`;
}

/** `0.8%`. */
export const PERCENT = new RegExp(`^${NUMBER} ?%$`);

/** A share of 1: `0.8%` is 0.008. The decimal point is moved in the text, so nothing is rounded. */
export function parsePercent(text: string): number {
  if (!PERCENT.test(text))
    throw badInput(`"${text}" is not a percentage`, 'write it like 80% or 0.8%');
  return finite(Number(`${text.replace('%', '').trim()}e-2`), text);
}

/** Every digit of the share, two places on: exact, and never in exponents. */
export function formatPercent(share: number): string {
  const [mantissa = '0', exponent] = share.toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const point = Number(exponent) + 3;
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}%`;
  const whole = digits
    .slice(0, point)
    .padEnd(point, '0')
    .replace(/^0+(?=\d)/, '');
  const rest = digits.slice(point);
  return rest === '' ? `${whole}%` : `${whole}.${rest}%`;
}

/** `5x`: a multiple of the stated load. */
export const FACTOR = new RegExp(`^${NUMBER}x$`);

/** A multiple of the stated load: `5x` is 5. */
export function parseFactor(text: string): number {
  if (!FACTOR.test(text)) throw badInput(`"${text}" is not a load factor`, 'write it like 5x');
  return finite(Number(text.slice(0, -1)), text);
}

export function formatFactor(factor: number): string {
  return `${factor}x`;
}

function finite(value: number, text: string): number {
  if (!Number.isFinite(value) || value > Number.MAX_SAFE_INTEGER) {
    throw badInput(`"${text.slice(0, 20)}…" is too large`, 'write a number below 2^53');
  }
  return value;
}
