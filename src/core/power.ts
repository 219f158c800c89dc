/**
 * x to the power of y, for x > 0. The operator `**` differs in the last bit between versions of Node (20 and 24),
 * and one such bit can change an event of the tape; `Math.exp` and `Math.log` do not (docs/adr/026).
 */
export function power(x: number, y: number): number {
  return Math.exp(y * Math.log(x));
}
