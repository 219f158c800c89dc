import { isoTime, type ReadTime, strptime } from '../../core/strptime.ts';
import type { TapeMap } from '../../scenario/recording.ts';

/** Parsers of field values. NaN: the text is not a value of the type. */

/** Largest amount of a line: cents are 32-bit integers. */
export const MAX_CENTS = 2 ** 31 - 1;

const EXPONENT = '(?:[eE][+-]?\\d{1,3})?';
const NUMBERS = {
  point: new RegExp(`^[+-]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)${EXPONENT}$`),
  comma: new RegExp(`^[+-]?(?:\\d+(?:,\\d*)?|,\\d+)${EXPONENT}$`),
} as const;
/** Thousands separators are accepted only before cents: 1,234 alone may as well be the decimal 1.234 of another locale. */
const GROUPED = {
  point: /^[+-]?\d{1,3}(?:,\d{3})+\.\d+$/,
  comma: /^[+-]?\d{1,3}(?:[. ]\d{3})+,\d+$/,
} as const;

/** A number as plain digits with a decimal point; null: the text is not a number. */
function digitsOf(text: string, decimal: TapeMap['decimal']): string | null {
  const plain = text.trim();
  if (NUMBERS[decimal].test(plain)) return decimal === 'point' ? plain : plain.replace(',', '.');
  if (!GROUPED[decimal].test(plain)) return null;
  return decimal === 'point'
    ? plain.replaceAll(',', '')
    : plain.replace(/[. ]/g, '').replace(',', '.');
}

export function quantityOf(text: string, decimal: TapeMap['decimal']): number {
  const digits = digitsOf(text, decimal);
  const value = digits === null ? Number.NaN : Number(digits);
  return Number.isFinite(value) ? value : Number.NaN;
}

/** An amount of money as digits, without a currency sign and with brackets converted to a minus. */
function moneyOf(text: string, decimal: TapeMap['decimal']): string | null {
  const plain = text.trim();
  const bracketed = /^\((.+)\)$/.exec(plain)?.[1];
  if (bracketed !== undefined && /^[+-]/.test(bracketed)) return null;
  const bare = (bracketed ?? plain).replace(/^([+-]?)\p{Sc}\s?|\s?\p{Sc}$/u, '$1');
  const digits = digitsOf(bare, decimal);
  return digits === null || bracketed === undefined ? digits : `-${digits}`;
}

/** Cents of an amount, halves rounded away from zero. Not limited to MOST_CENTS. */
export function centsOf(text: string, decimal: TapeMap['decimal']): number {
  const digits = moneyOf(text, decimal);
  return digits === null ? Number.NaN : toCents(digits);
}

/** Cents of a quantity at a unit price. */
export function centsAt(price: string, quantity: number, decimal: TapeMap['decimal']): number {
  const digits = moneyOf(price, decimal);
  return digits === null ? Number.NaN : toCents((Number(digits) * quantity).toPrecision(15));
}

/** For these numbers the product with 100 is within a rounding error of a whole number. */
const WHOLE_CENTS = /^[+-]?\d{1,12}(?:\.\d{0,2})?$/;

/** Scales in decimal, because as a double 1.005 x 100 is below 100.5. */
function toCents(digits: string): number {
  if (WHOLE_CENTS.test(digits)) return Math.round(Number(digits) * 100);
  const [mantissa, exponent = '0'] = digits.toLowerCase().split('e') as [string, string?];
  const cents = Number(`${mantissa}e${Number(exponent) + 2}`);
  return Number.isFinite(cents) ? Math.sign(cents) * Math.round(Math.abs(cents)) : Number.NaN;
}

/** The member of a receipt; null: none. pandas writes NaN for a missing value. */
export function memberOf(text: string | null, noMember: ReadonlySet<string>): string | null {
  if (text === null) return null;
  const own = text.trim();
  return own === '' || own.toLowerCase() === 'nan' || noMember.has(own) ? null : text;
}

/** Reader of the columns `at` and `at_time`, in the formats of the map. */
export function timeReader({
  atFormat,
  atDayOne,
}: TapeMap): (at: string, time: string | null) => number {
  const read: ReadTime | string = atFormat === null ? isoTime : strptime(atFormat);
  if (typeof read === 'string') throw new Error(`at_format ${read}`);
  const dayOne = atDayOne === null ? null : Date.parse(atDayOne);
  let last: { readonly text: string; readonly ms: number } = { text: '', ms: Number.NaN };
  return (at, time) => {
    const text = time === null ? at.trim() : `${at.trim()} ${time.trim()}`;
    // Consecutive lines often belong to one receipt and have the same time.
    if (text !== last.text) {
      const date = dayOne === null ? at.trim() : dateOf(at.trim(), dayOne);
      last = { text, ms: read(time === null ? date : `${date} ${time.trim()}`) };
    }
    return last.ms;
  };
}

const DAY_MS = 86_400_000;

function dateOf(day: string, dayOne: number): string {
  if (!/^\d{1,5}$/.test(day)) return '';
  return new Date(dayOne + (Number(day) - 1) * DAY_MS).toISOString().slice(0, 10);
}
