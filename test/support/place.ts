import { placeOfItsOwn } from '../../src/harness/place.ts';

/** The plain names, as a run on a stack of its own has them. */
export const PLAIN = placeOfItsOwn({ namespace: 'retail' });
