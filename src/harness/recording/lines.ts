import { count } from '../../core/readable.ts';
import type { TapeColumns, TapeMap } from '../../scenario/recording.ts';
import { excerpt, type OnRow, RecordingProblem, type WantedColumn } from './problem.ts';
import { centsAt, centsOf, MAX_CENTS, memberOf, quantityOf, timeReader } from './values.ts';

/** The lines of a file in its order. Receipts, stores, SKUs and members are numbered in the order of first appearance. */
export interface Lines {
  /** Per line. */
  readonly receipt: number[];
  readonly sku: number[];
  readonly quantity: number[];
  readonly amountCents: number[];
  readonly discountCents: number[];
  /** Per receipt. */
  readonly receipts: readonly ReceiptOfFile[];
  readonly stores: readonly string[];
  readonly skus: readonly string[];
  readonly members: readonly string[];
  readonly measures: number;
  readonly turned: number;
}

interface ReceiptOfFile {
  readonly store: number;
  atMs: number;
  /** The latest of its lines. */
  lastMs: number;
  /** -1: no member. */
  member: number;
  lines: number;
}

/** The first row that cannot be replayed, and the number of such rows. */
interface Refusal {
  readonly row: number;
  readonly key: keyof TapeColumns;
  readonly fact: string;
  rows: number;
}

const KEYS = [
  ...(['receipt', 'store', 'at', 'at_time', 'sku', 'quantity', 'amount', 'price'] as const),
  ...(['discount', 'member'] as const),
];
/** Each line takes about 100 bytes of memory. */
const MAX_LINES = 10_000_000;
/** Longest duration of one receipt: a later line with its number belongs to another receipt. */
const LONGEST_RECEIPT_MS = 24 * 3_600_000;

/** The columns that a map names. */
export function wantedBy({ columns }: TapeMap): readonly WantedColumn[] {
  return KEYS.flatMap((key) => {
    const column = columns[key];
    return column === undefined ? [] : [{ key, column }];
  });
}

/** Numbers texts in the order of first appearance. */
class Numbering {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

/** Converts rows to lines. A row that cannot be replayed is not left out: it rejects the file. */
export class LineCollector {
  readonly #map: TapeMap;
  readonly #place: Readonly<Partial<Record<keyof TapeColumns, number>>>;
  readonly #timeOf: ReturnType<typeof timeReader>;
  readonly #noMember: ReadonlySet<string>;
  readonly #stores = new Numbering();
  readonly #skus = new Numbering();
  readonly #members = new Numbering();
  /** Per store: index of its receipts by their number. */
  readonly #ofStore: Map<string, number>[] = [];
  readonly #receipts: ReceiptOfFile[] = [];
  readonly #lines = { receipt: [], sku: [], quantity: [], amountCents: [], discountCents: [] } as {
    readonly [K in 'receipt' | 'sku' | 'quantity' | 'amountCents' | 'discountCents']: number[];
  };
  #measures = 0;
  #turned = 0;
  #rows = 0;
  readonly #mostLines: number;
  #refusal: Refusal | null = null;

  constructor(map: TapeMap, wanted: readonly WantedColumn[], mostLines = MAX_LINES) {
    this.#mostLines = mostLines;
    this.#map = map;
    this.#place = Object.fromEntries(wanted.map(({ key }, i) => [key, i]));
    this.#timeOf = timeReader(map);
    this.#noMember = new Set(map.noMember);
  }

  readonly take: OnRow = (values) => {
    if (this.#rows === this.#mostLines) {
      const limit = `${count(this.#mostLines)} lines, which must fit into memory`;
      throw new RecordingProblem('tape', `is longer than ${limit}: replay a part of it`);
    }
    const row = this.#rows++;
    const text = (key: keyof TapeColumns) => {
      const place = this.#place[key];
      return place === undefined ? null : (values[place] as string | null);
    };
    const line = this.#parsed(row, text);
    if (line !== null) this.#keep(row, line, text('member'));
  };

  /** The lines. Throws RecordingProblem for the first row that cannot be replayed. */
  async lines(placeOf: (row: number) => Promise<string>): Promise<Lines> {
    if (this.#rows === 0) throw new RecordingProblem('tape', 'holds no line');
    if (this.#refusal !== null) {
      const { row, key, fact, rows } = this.#refusal;
      const more = rows === 1 ? '' : `; ${rows - 1} more rows are like it`;
      throw new RecordingProblem(key, `${await placeOf(row)}: ${fact}${more}`);
    }
    return {
      ...this.#lines,
      receipts: this.#receipts,
      stores: this.#stores.texts,
      skus: this.#skus.texts,
      members: this.#members.texts,
      measures: this.#measures,
      turned: this.#turned,
    };
  }

  #parsed(row: number, text: (key: keyof TapeColumns) => string | null): ParsedLine | null {
    const { decimal, columns } = this.#map;
    const empty = REQUIRED.find(
      (key) => columns[key] !== undefined && (text(key) ?? '').trim() === '',
    );
    if (empty !== undefined) return this.#refuse(row, empty, `${columns[empty]} is empty`);
    const wrong = (key: keyof TapeColumns, mustBe: string) =>
      this.#refuse(
        row,
        key,
        `${columns[key]} is "${excerpt(text(key) ?? '')}", and must be ${mustBe}`,
      );
    const atMs = this.#timeOf(text('at') ?? '', text('at_time'));
    if (Number.isNaN(atMs))
      return wrong(columns.at_time === undefined ? 'at' : 'at_time', this.#timeLike());
    const quantity = quantityOf(text('quantity') ?? '', decimal);
    if (Number.isNaN(quantity)) return wrong('quantity', 'a number');
    const money = columns.amount === undefined ? 'price' : 'amount';
    const given = text(money) ?? '';
    const cents = money === 'price' ? centsAt(given, quantity, decimal) : centsOf(given, decimal);
    if (!within(cents)) return wrong(money, amountLike(cents, decimal, '1.99'));
    const saved = (text('discount') ?? '').trim();
    const off = saved === '' ? 0 : centsOf(saved, decimal);
    // The price of a unit comes from both together, so their sum has to fit as well.
    if (!within(off) || !within(Math.abs(cents) + Math.abs(off)))
      return wrong('discount', `${amountLike(off, decimal, '0.50')}, or empty`);
    return {
      receipt: text('receipt') ?? '',
      store: text('store') ?? '',
      sku: text('sku') ?? '',
      ...{ atMs, quantity, cents, offCents: Math.abs(off) },
    };
  }

  #keep(row: number, line: ParsedLine, memberText: string | null): void {
    const { columns, unitsUpTo } = this.#map;
    const { quantity, offCents } = line;
    const measure = Math.abs(quantity) > unitsUpTo || !Number.isInteger(quantity);
    const units = measure ? Math.sign(quantity) : quantity;
    const turned = columns.amount !== undefined && units < 0 && line.cents > 0;
    const amountCents = turned ? -line.cents : line.cents;
    // Some exports write discounts as negative: a discount has the sign of its line.
    const discountCents = (units < 0 || (units === 0 && amountCents < 0) ? -1 : 1) * offCents || 0;
    const number = this.#receiptOf(row, line, memberText);
    if (number === null) return;
    this.#lines.receipt.push(number);
    this.#lines.sku.push(this.#skus.of(line.sku));
    this.#lines.quantity.push(units);
    // A unit price is before the discount.
    this.#lines.amountCents.push(
      columns.amount === undefined ? amountCents - discountCents : amountCents,
    );
    this.#lines.discountCents.push(discountCents);
    if (measure) this.#measures++;
    if (turned) this.#turned++;
  }

  #receiptOf(
    row: number,
    { store, receipt, atMs }: ParsedLine,
    memberText: string | null,
  ): number | null {
    const storeNumber = this.#stores.of(store);
    this.#ofStore[storeNumber] ??= new Map();
    const ofStore = this.#ofStore[storeNumber] as Map<string, number>;
    const known = ofStore.get(receipt);
    const member = memberOf(memberText, this.#noMember);
    const memberNumber = member === null ? -1 : this.#members.of(member);
    if (known === undefined) {
      ofStore.set(receipt, this.#receipts.length);
      this.#receipts.push({
        store: storeNumber,
        atMs,
        lastMs: atMs,
        member: memberNumber,
        lines: 1,
      });
      return this.#receipts.length - 1;
    }
    const own = this.#receipts[known] as ReceiptOfFile;
    own.atMs = Math.min(own.atMs, atMs);
    own.lastMs = Math.max(own.lastMs, atMs);
    if (own.lastMs - own.atMs > LONGEST_RECEIPT_MS) {
      const fact = `${this.#map.columns.receipt} "${excerpt(receipt)}" has other lines more than a day away: its number is not unique in its store`;
      return this.#refuse(row, 'receipt', fact);
    }
    if (own.member < 0) own.member = memberNumber;
    own.lines++;
    return known;
  }

  #timeLike(): string {
    const { atFormat, columns } = this.#map;
    if (atFormat !== null) return `a time in the format ${atFormat}`;
    const like = columns.at_time === undefined ? '2017-11-24 09:30:00' : '2017-11-24 and 09:30:00';
    return `a timestamp, like ${like} (map.at_format names another format)`;
  }

  #refuse(row: number, key: keyof TapeColumns, fact: string): null {
    if (this.#refusal === null) this.#refusal = { row, key, fact, rows: 1 };
    else if (this.#refusal.key === key) this.#refusal.rows++;
    return null;
  }
}

interface ParsedLine {
  readonly receipt: string;
  readonly store: string;
  readonly sku: string;
  readonly atMs: number;
  readonly quantity: number;
  /** Amount of the line; computed from a unit price, before the discount. */
  readonly cents: number;
  readonly offCents: number;
}

const REQUIRED = [
  ...(['receipt', 'store', 'at', 'at_time', 'sku', 'quantity', 'amount', 'price'] as const),
];

const within = (cents: number) => Math.abs(cents) <= MAX_CENTS;

function amountLike(cents: number, decimal: TapeMap['decimal'], like: string): string {
  if (!Number.isNaN(cents))
    return `within ±${(MAX_CENTS / 100).toFixed(2)}: amounts are in 32-bit cents`;
  return `an amount, like ${decimal === 'point' ? like : like.replace('.', ',')}`;
}
