/** What the shared stack of the tests is called: `doorbuster run … --on tests`. */
export const SHARED_STACK = 'tests';
