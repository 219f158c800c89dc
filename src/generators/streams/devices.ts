/**
 * What in a store an event comes from: a till by its number, or one of the others. A device has a clock
 * of its own, and while the store has no uplink, a queue of its own.
 */
export type Device = number;

/** The warehouse's handhelds, which share a base station and its clock. */
export const HANDHELDS: Device = 0;
/** Where the stock rows are; a server's clock is right. */
export const DATABASE: Device = -1;
/** A shopper's own, which is in no store at all. */
export const SHOPPERS: Device = -2;
/** The distribution centre's, which is not in the store either. */
export const CENTRE: Device = -3;
