/** Slip up to here is the harness's own grain, and no delay of the load, ms. */
export const SLIP_MS = 50;
