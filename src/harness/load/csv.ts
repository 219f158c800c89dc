/** A value of a fact; null is an empty field. */
export type CsvValue = string | number | boolean | null;

const [QUOTE, COMMA, NEWLINE, MINUS, ZERO] = [0x22, 0x2c, 0x0a, 0x2d, 0x30] as const;
/** Longest text of a number: a sign, 17 digits, a point and an exponent, with room to spare. */
const NUMBER_BYTES = 32;
const UTF8_BYTES_PER_CODE = 3;

/**
 * Lines of CSV as bytes: no header, an empty field is NULL, `"` quotes. Bytes are written directly, since a text per
 * line, which is flattened and encoded later, takes several times the CPU time and leaves a kilobyte of garbage.
 */
export class CsvBuffer {
  #bytes: Buffer;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** Number of bytes written. */
  get length(): number {
    return this.#length;
  }

  appendLine(values: readonly CsvValue[]): void {
    let at = this.#length;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (typeof value === 'number') at = this.#number(value, at);
      else if (typeof value === 'string') at = this.#text(value, at);
      else if (typeof value === 'boolean') at = this.#text(String(value), at);
      at = this.#byte(i === values.length - 1 ? NEWLINE : COMMA, at);
    }
    this.#length = at;
  }

  /** The bytes written so far; the next line goes into a new buffer. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafeSlow(this.#bytes.byteLength);
    this.#length = 0;
    return taken;
  }

  #byte(code: number, at: number): number {
    this.#reserve(at, 1)[at] = code;
    return at + 1;
  }

  #number(value: number, from: number): number {
    if (!Number.isSafeInteger(value)) return this.#text(String(value), from);
    const bytes = this.#reserve(from, NUMBER_BYTES);
    let rest = value;
    let at = from;
    if (rest < 0) {
      bytes[at++] = MINUS;
      rest = -rest;
    }
    const end = at + digitsOf(rest);
    let last = end;
    // Division is fast for 32 bits only: a stamp is cut into two numbers that have them.
    if (rest >= 1e9) {
      const high = Math.floor(rest / 1e9);
      let low = (rest - high * 1e9) | 0;
      for (const stop = end - 9; last > stop; low = (low / 10) | 0) {
        bytes[--last] = ZERO + (low % 10);
      }
      rest = high;
    }
    let low = rest | 0;
    for (; last > at; low = (low / 10) | 0) bytes[--last] = ZERO + (low % 10);
    return end;
  }

  #text(text: string, from: number): number {
    const bytes = this.#reserve(from, text.length);
    let at = from;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7e || code < 0x20 || code === QUOTE || code === COMMA) {
        return this.#escaped(csvText(text), from);
      }
      bytes[at++] = code;
    }
    return text === '' ? this.#escaped(csvText(text), from) : at;
  }

  #escaped(text: string, from: number): number {
    return from + this.#reserve(from, text.length * UTF8_BYTES_PER_CODE).write(text, from);
  }

  /** The buffer, with room for so many more bytes. */
  #reserve(at: number, bytes: number): Buffer {
    if (at + bytes > this.#bytes.byteLength) {
      const larger = Buffer.allocUnsafeSlow(2 * (at + bytes));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}

function digitsOf(integer: number): number {
  let digits = 1;
  for (let limit = 10; integer >= limit; limit *= 10) digits++;
  return digits;
}

function csvText(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
