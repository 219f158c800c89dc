import { engineHere, sweepSession } from './session.ts';

/** What a watchdog starts when its doorbuster was killed: `node sweep-child.js SESSION`. */
await sweepSession(process.argv[2] as string, await engineHere());
