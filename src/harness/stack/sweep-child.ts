import { engineHere, sweepSession } from './session.ts';

/** Started by a watchdog after its process was killed: `node sweep-child.js SESSION`. */
await sweepSession(process.argv[2] as string, await engineHere());
