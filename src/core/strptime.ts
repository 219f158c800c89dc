/**
 * Parses times: ISO 8601, and other formats in the directives of C's strptime. Strict: the whole text has to match, every
 * field has to be in its range, and nothing is guessed.
 */

/**
 * Parses a text to ms since 1970, as UTC or with the offset in the text; NaN: the text has another format, or there is
 * no such time.
 */
export type ReadTime = (text: string) => number;

interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
  /** Hour of a 12-hour clock, from 1 to 12, and 12 where it is PM. */
  readonly hour12: number;
  readonly pm: number;
  readonly offsetMs: number;
  readonly epochMs: number;
}

const NOTHING: Fields = {
  year: Number.NaN,
  month: Number.NaN,
  day: Number.NaN,
  hour: 0,
  minute: 0,
  second: 0,
  ms: 0,
  hour12: Number.NaN,
  pm: 0,
  offsetMs: 0,
  epochMs: Number.NaN,
};

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
/** Plausible years of a receipt: any other is a misread number. */
const YEARS = { from: 1900, to: 2199 } as const;
const MINUTE_MS = 60_000;

interface Directive {
  readonly pattern: string;
  /** Digits of a number of fixed width; 0: it is no number. */
  readonly digits: number;
  readonly fields: (text: string) => Partial<Fields>;
}

const number = (digits: number, fields: (value: number) => Partial<Fields>): Directive => ({
  pattern: `\\d{1,${digits}}`,
  digits,
  fields: (text) => fields(Number(text)),
});
const other = (pattern: string, fields: Directive['fields']): Directive => ({
  pattern,
  digits: 0,
  fields,
});

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  Y: { ...number(4, (year) => ({ year })), pattern: '\\d{4}' },
  // POSIX: 69 to 99 are of the last century.
  y: { ...number(2, (year) => ({ year: year + (year < 69 ? 2_000 : 1_900) })), pattern: '\\d{2}' },
  m: number(2, (month) => ({ month })),
  b: other('[A-Za-z]{3}', (text) => ({ month: MONTHS.indexOf(text.toLowerCase()) + 1 })),
  d: number(2, (day) => ({ day })),
  H: number(2, (hour) => ({ hour })),
  I: number(2, (hour12) => ({ hour12 })),
  p: other('[AaPp]\\.?[Mm]\\.?', (text) => ({ pm: /^p/i.test(text) ? 12 : 0 })),
  M: number(2, (minute) => ({ minute })),
  S: number(2, (second) => ({ second })),
  f: other('\\d{1,9}', (text) => ({ ms: millisOf(text) })),
  z: other('[Zz]|UTC|[+-]\\d{2}(?::?\\d{2})?', (text) => ({ offsetMs: offsetOf(text) })),
  s: other('\\d{1,11}', (text) => ({ epochMs: Number(text) * 1_000 })),
};

function millisOf(fraction: string): number {
  return Number(fraction.padEnd(3, '0').slice(0, 3));
}

function offsetOf(text: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(text);
  if (match === null) return 0;
  const [, sign, hours, minutes = '0'] = match;
  if (Number(hours) > 14 || Number(minutes) > 59) return Number.NaN;
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * MINUTE_MS;
}

/** The parser of a format, or the error of an invalid format as text. */
export function strptime(format: string): ReadTime | string {
  const tokens = format.match(/%.?|[^%]+/gs) ?? [];
  const fault = faultOf(tokens.filter((token) => token.startsWith('%') && token !== '%%'));
  if (fault !== undefined) return fault;
  const groups = grouped(tokens);
  const pattern = new RegExp(`^${groups.map(({ source }) => source).join('')}$`);
  const valued = groups.map(({ directives }) => directives).filter((own) => own.length > 0);
  return (text) => {
    const match = pattern.exec(text);
    if (match === null) return Number.NaN;
    return msOf(Object.assign({}, NOTHING, ...valued.flatMap((own, i) => read(own, match[i + 1]))));
  };
}

function faultOf(directives: readonly string[]): string | undefined {
  const letters = directives.map((directive) => directive.slice(1));
  const unknown = letters.find((letter) => !Object.hasOwn(DIRECTIVES, letter));
  const known = Object.keys(DIRECTIVES).map((letter) => `%${letter}`);
  if (unknown !== undefined) return `has %${unknown}: it can have ${known.join(' ')}`;
  if (new Set(letters).size !== letters.length) return 'has a directive twice';
  if (letters.includes('s')) return undefined;
  const has = (...some: readonly string[]) => some.some((letter) => letters.includes(letter));
  if (!has('Y', 'y') || !has('m', 'b') || !has('d')) {
    return 'needs a year, a month and a day, like %d/%m/%Y %H:%M';
  }
  if (has('I') !== has('p') || (has('H') && has('I'))) {
    return 'needs both %I and %p for a 12-hour clock, or %H';
  }
  return undefined;
}

interface Group {
  readonly source: string;
  readonly directives: readonly Directive[];
}

/** Adjacent number directives are read as one number of fixed width, which may lack leading zeros. */
function grouped(tokens: readonly string[]): Group[] {
  const groups: Group[] = [];
  for (const token of tokens) {
    const directive = DIRECTIVES[token.slice(1)];
    const last = groups.at(-1);
    if (!token.startsWith('%') || directive === undefined) {
      const literal = (token === '%%' ? '%' : token).replace(/[^\w\s]/g, '\\$&');
      groups.push({ source: literal.replace(/\s+/g, '\\s+'), directives: [] });
    } else if (directive.digits > 0 && (last?.directives[0]?.digits ?? 0) > 0) {
      const directives = [...(last?.directives ?? []), directive];
      groups[groups.length - 1] = { source: `(\\d{1,${widthOf(directives)}})`, directives };
    } else groups.push({ source: `(${directive.pattern})`, directives: [directive] });
  }
  return groups;
}

const widthOf = (directives: readonly Directive[]) =>
  directives.reduce((sum, { digits }) => sum + digits, 0);

function read(directives: readonly Directive[], matched = ''): Partial<Fields>[] {
  const [only] = directives;
  if (directives.length === 1 && only !== undefined) return [only.fields(matched)];
  const text = matched.padStart(widthOf(directives), '0');
  let from = 0;
  return directives.map(({ digits, fields }) => {
    from += digits;
    return fields(text.slice(from - digits, from));
  });
}

function msOf(fields: Fields): number {
  const { year, month, day, minute, second, ms, hour12, pm, offsetMs, epochMs } = fields;
  if (!Number.isNaN(epochMs)) return epochMs;
  if (!(year >= YEARS.from && year <= YEARS.to && month >= 1 && month <= 12)) return Number.NaN;
  const of12 = !Number.isNaN(hour12);
  if (of12 && !(hour12 >= 1 && hour12 <= 12)) return Number.NaN;
  const hour = of12 ? (hour12 % 12) + pm : fields.hour;
  if (hour > 23 || minute > 59 || second > 59) return Number.NaN;
  const date = Date.UTC(year, month - 1, day);
  // To Date, the 30th of February is a day of March.
  if (!(day >= 1) || new Date(date).getUTCDate() !== day) return Number.NaN;
  return date + ((hour * 60 + minute) * 60 + second) * 1_000 + ms - offsetMs;
}

const ISO =
  /^(\d{4})([-/])(\d{2})\2(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?: ?([Zz]|UTC|[+-]\d{2}(?::?\d{2})?))?)?$/;

/**
 * ISO 8601 as exports write it: `2025-03-03T09:00:00Z`, `2025/03/03 09:00`, `2025-03-03 09:00:00.5 -0500`; a date alone is
 * its midnight.
 */
export const isoTime: ReadTime = (text) => {
  const match = ISO.exec(text);
  if (match === null) return Number.NaN;
  const [, year, , month, day, hour = 0, minute = 0, second = 0, fraction = '', zone = 'Z'] = match;
  return msOf({
    ...NOTHING,
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
    ms: millisOf(fraction),
    offsetMs: offsetOf(zone),
  });
};
