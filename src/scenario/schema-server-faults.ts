import { z } from 'zod';
import { SERVERS } from '../core/metrics.ts';
import { FAULT_ACTS } from './scenario.ts';
import { duration, name, strict } from './schema-terms.ts';

/** What happens to servers, as people write it. */
const serverFault = strict(
  {
    do: z
      .enum(FAULT_ACTS)
      .describe('pause: frozen; kill: ended at once; restart: asked to end. Then it comes back'),
    server: z.enum(SERVERS).describe('which one goes away'),
    during: name('of the timed phase in which it happens'),
    at: duration('from the beginning of that phase', '0s', '7d'),
    // A client of Kafka gives up after two minutes, and a start may take one of them.
    for: duration('until it goes on, or is started again', '0s', '1m'),
  },
  'a server goes away for a while',
);

export const serverFaults = z
  .array(serverFault)
  .describe('servers that go away while the load goes on, and come back');

/** No default: how stale is too stale is what the scenario has to say. */
export const stalenessTarget = duration(
  'recovered from a fault is a pipeline whose age is below this again',
  '100ms',
);
