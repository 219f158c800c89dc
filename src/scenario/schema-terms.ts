import { z } from 'zod';
import { DoorbusterError } from '../core/errors.ts';
import {
  DURATION,
  PERCENT,
  parseDurationMs,
  parsePercent,
  parseRate,
  RATE,
} from '../core/units.ts';

/** Elements of the scenario's schema: strict objects, and values with units. */

/**
 * A strict object. The message of an unknown key is the list of the known ones, from which problems.ts
 * finds the most similar one.
 */
export function strict<T extends z.core.$ZodShape>(shape: T, about: string) {
  return z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : undefined,
    })
    .describe(about);
}

/** Text with a unit, checked by its pattern (which editors use too) and converted to a number. */
export function written<T>(
  pattern: RegExp,
  parse: (text: string) => T,
  like: string,
  about: string,
) {
  const wrong = `must be written like ${like}`;
  return z
    .string({ error: wrong })
    .regex(pattern, { error: wrong, abort: true })
    .transform((text, context) => {
      try {
        return parse(text);
      } catch (error) {
        if (!(error instanceof DoorbusterError)) throw error;
        context.addIssue({ code: 'custom', message: error.message });
        return z.NEVER;
      }
    })
    .describe(about);
}

/** `10s`, in ms, within limits: a timer is limited to 24 days, and no run is that long. */
export const duration = (about: string, from = '0s', to = '1h') => {
  const [least, most] = [parseDurationMs(from), parseDurationMs(to)];
  return written(DURATION, parseDurationMs, '10s or 1m30s', `${about}; ${from} to ${to}`).refine(
    (ms) => ms >= least && ms <= most,
    { error: `must be from ${from} to ${to}` },
  );
};
/** `12/s` or `50/store/h`. */
export const rate = (like: string, about: string) => written(RATE, parseRate, like, about);
/** `0.8%`, as a share of 1. */
export const percent = (about: string) =>
  written(PERCENT, parsePercent, '80% or 0.8%', about).refine((share) => share <= 1, {
    error: 'must be 100% at most',
  });
/** A whole number between two others. */
export const count = (from: number, to: number, about: string) =>
  z
    .int({ error: `must be a whole number from ${from} to ${to}` })
    .min(from, { error: `must be ${from} at least` })
    .max(to, { error: `must be ${to} at most` })
    .describe(about);

/** Names are used as folder names and in checks: lower case, digits, hyphens. */
const NAME = /^[a-z][a-z0-9-]*$/;
export const name = (about: string) =>
  z
    .string({ error: 'must be a name' })
    .regex(NAME, { error: 'must be lower-case letters, digits and hyphens, a letter first' })
    .max(40, { error: 'must be 40 characters at most' })
    .describe(about);

/** Shares of a whole by kind; an absent kind is 0%. */
export function kinds<K extends string>(names: readonly K[], about: string) {
  const shape = Object.fromEntries(
    names.map((kind) => [kind, percent(`share of ${kind}`).prefault('0%')]),
  ) as Record<K, z.ZodPrefault<ReturnType<typeof percent>>>;
  return strict(shape, `${about}; shares that sum to 100%`).refine(
    (shares) => {
      const total = (Object.values(shares) as number[]).reduce((sum, share) => sum + share, 0);
      return Math.abs(total - 1) < 1e-9;
    },
    { error: 'must sum to 100%' },
  );
}

/** A spread: sigma of a logarithm. */
export const sigma = (about: string) => z.number().min(0).max(2).describe(about);
