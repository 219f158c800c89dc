/** A line of a receipt; of a return, quantity and amounts are negative. */
export interface ReceiptLine {
  /** The SKU, by popularity. */
  readonly rank: number;
  readonly quantity: number;
  readonly priceCents: number;
  /** Before the discount. Quantity times price, but where a recording has it otherwise (3 for 5.00). */
  readonly extendedCents: number;
  readonly discountCents: number;
}

/** What a customer brings to a till. The till adds its own number, a sequence and how it was paid. */
export interface Purchase {
  readonly type: 'sale' | 'return';
  /** The receipt that a return undoes, where that is known. */
  readonly of: string | null;
  readonly memberId: string | null;
  readonly lines: readonly ReceiptLine[];
  readonly taxCents: number;
}

/** Where the receipts of one store come from. Asked in turn: when, then what. */
export interface ReceiptSource {
  /** Offset of the next purchase in ms, not rounded; infinite when there is none. */
  nextMs(): number;
  /** What is bought then, on a receipt of this id; nothing, really, where it is rung up in training. */
  purchase(id: string, atMs: number, training: boolean): Purchase;
}

/** What lines come to, discounts taken off and before tax. */
export function netCents(lines: readonly ReceiptLine[]): number {
  return lines.reduce((sum, line) => sum + line.extendedCents - line.discountCents, 0);
}
