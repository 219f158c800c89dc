/** Name of the shared stack of the tests: `doorbuster run … --on tests`. */
export const SHARED_STACK = 'tests';
