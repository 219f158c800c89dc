import { z } from 'zod';
import { SERVERS } from '../core/metrics.ts';
import { FAULT_ACTS } from './scenario.ts';
import { duration, name, strict } from './schema-terms.ts';

/** Schema of server faults. */
const serverFault = strict(
  {
    do: z
      .enum(FAULT_ACTS)
      .describe('pause: frozen, then resumed; kill: SIGKILL, restart: SIGTERM, then started again'),
    server: z.enum(SERVERS).describe('the affected server'),
    during: name('name of the timed phase in which the fault begins'),
    at: duration('time from the beginning of that phase', '0s', '7d'),
    // A Kafka client gives up after two minutes, and a start of the server may take one minute.
    for: duration('length of the outage', '0s', '1m'),
  },
  'an outage of one server',
);

export const serverFaults = z.array(serverFault).describe('outages of servers under load');

/** No default: the scenario has to define its target. */
export const stalenessTarget = duration(
  'a pipeline has recovered from a fault when its age is below this again',
  '100ms',
);
