import { z } from 'zod';
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

/** The map of a tape's columns, as people write it. */
export const tapeMap = strict(
  {
    receipt: column('number of the receipt, unique in its store'),
    store: column('the store'),
    at: column('when: a timestamp'),
    sku: column('the product'),
    quantity: column('units; negative when brought back'),
    amount: column('what the line came to, discounts taken off'),
    discount: column('what was taken off; default nothing').optional(),
    member: column('whose receipt; default: members are drawn').optional(),
    at_zone: z
      .string()
      .refine(isTimeZone, { error: 'must be a time zone, like America/New_York' })
      .optional()
      .describe('time zone of the shops, where the timestamps are UTC; default: they are local'),
    units_up_to: count(
      1,
      1_000_000,
      'a larger quantity is a measure (litres, grams) and replayed as one unit',
    ).default(100),
  },
  'which column of the recording is what',
);

/** Where the recording is. */
export const tapeFile = z
  .string({ error: 'must be a file' })
  .min(1, { error: 'must be a file' })
  .optional()
  .describe(
    'recorded receipts instead of generated ones: a CSV, NDJSON or Parquet file, from the folder of the scenario, or dataset:NAME/FILE',
  );
