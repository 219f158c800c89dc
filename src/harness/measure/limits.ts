/** Slip up to this is the resolution of the harness, not a delay of the load, ms. */
export const SLIP_RESOLUTION_MS = 50;
