/**
 * A binary heap of items by two numbers: the least `at` comes out first, and of those the least `tie`. The
 * numbers are in arrays of their own, so that comparing them reads no item. No two items may have both equal.
 */
export class Heap<T> {
  readonly #at: number[] = [];
  readonly #tie: number[] = [];
  readonly #items: T[] = [];

  /** `at` of the first item; infinite when there is none. */
  get nextAt(): number {
    return this.#items.length === 0 ? Number.POSITIVE_INFINITY : (this.#at[0] as number);
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(at: number, tie: number, item: T): void {
    let i = this.#items.length;
    this.#items.push(item);
    this.#at.push(at);
    this.#tie.push(tie);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isAfter(parent, at, tie)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#put(i, at, tie, item);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    const last = this.#items.pop();
    const at = this.#at.pop();
    const tie = this.#tie.pop();
    if (this.#items.length > 0) this.#sink(at as number, tie as number, last as T);
    return first;
  }

  /** Gives the first item another `at`. */
  moveFirst(at: number): void {
    if (this.#items.length > 0) this.#sink(at, this.#tie[0] as number, this.#items[0] as T);
  }

  /** Puts an item in the place of the first, and then where it belongs. */
  #sink(at: number, tie: number, item: T): void {
    const size = this.#items.length;
    let i = 0;
    while (true) {
      let child = 2 * i + 1;
      if (child >= size) break;
      const right = child + 1;
      if (
        right < size &&
        this.#isAfter(child, this.#at[right] as number, this.#tie[right] as number)
      )
        child = right;
      if (this.#isAfter(child, at, tie)) break;
      this.#move(child, i);
      i = child;
    }
    this.#put(i, at, tie, item);
  }

  #isAfter(i: number, at: number, tie: number): boolean {
    const own = this.#at[i] as number;
    return own > at || (own === at && (this.#tie[i] as number) > tie);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#at[from] as number, this.#tie[from] as number, this.#items[from] as T);
  }

  #put(i: number, at: number, tie: number, item: T): void {
    this.#at[i] = at;
    this.#tie[i] = tie;
    this.#items[i] = item;
  }
}
