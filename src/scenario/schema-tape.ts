import { z } from 'zod';
import { strptime } from '../core/strptime.ts';
import { count, strict } from './schema-terms.ts';

const column = (about: string) =>
  z
    .string({ error: 'must be the name of a column' })
    .min(1, { error: 'must be the name of a column' })
    .describe(about);

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function isEncoding(name: string): boolean {
  try {
    new TextDecoder(name);
    return true;
  } catch {
    return false;
  }
}

/** The error of a time format as text; undefined: it is valid. */
function formatFault(format: string): string | undefined {
  const read = strptime(format);
  return typeof read === 'string' ? read : undefined;
}

/** Schema of the map of a recording's columns. */
export const tapeMap = strict(
  {
    receipt: column('number of the receipt, unique in its store'),
    store: column('the store; default: all receipts belong to one').optional(),
    at: column('when: a timestamp, or its date where at_time is the time of day'),
    at_time: column('the time of day, where at is only the date').optional(),
    at_format: z
      .string()
      .superRefine((format, context) => {
        const message = formatFault(format);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional()
      .describe(
        'how at is written, like "%d/%m/%Y %H:%M" (of at, a space and at_time where that is given); default: ISO 8601',
      ),
    at_day_one: z.iso
      .date({ error: 'must be a date, like 2024-01-01' })
      .optional()
      .describe(
        'the date of day 1, where at is the number of a day; at_format then reads 2024-01-01',
      ),
    at_zone: z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone, like America/New_York' })
      .optional()
      .describe('time zone of the shops, where the timestamps are UTC; default: they are local'),
    sku: column('the product'),
    quantity: column('units; negative for a return'),
    units_up_to: count(
      1,
      1_000_000,
      'a larger quantity is a measure (litres, grams) and replayed as one unit',
    ).default(100),
    amount: column('amount of the line, discounts subtracted; this or price').optional(),
    price: column('price of one unit, before discounts; this or amount').optional(),
    discount: column('discount of the line, of either sign; default: none').optional(),
    member: column('member of the receipt; default: members are drawn').optional(),
    no_member: z
      .array(z.string({ error: 'must be text: quote a number' }))
      .max(20, { error: 'takes up to 20 values' })
      .optional()
      .describe('further values of member that mean no member; an empty one and NaN always do'),
    decimal: z
      .enum(['point', 'comma'], { error: 'must be point or comma' })
      .default('point')
      .describe('decimal separator of amounts: 1.99 or 1,99'),
    encoding: z
      .string()
      .refine(isEncoding, { error: 'must be an encoding, like windows-1252 or utf-16le' })
      .optional()
      .describe('encoding of a text file; default UTF-8'),
  },
  'the columns of the recording',
);

/** Path of the recording. */
export const tapeFile = z
  .string({ error: 'must be a file' })
  .min(1, { error: 'must be a file' })
  .optional()
  .describe(
    'recorded receipts instead of generated ones: a CSV, NDJSON or Parquet file (CSV and NDJSON may be gzipped), from the folder of the scenario, or dataset:NAME/FILE',
  );
