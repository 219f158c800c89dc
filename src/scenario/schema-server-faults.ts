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

type Server = (typeof SERVERS)[number];

const acts = (server: Server) =>
  z
    .array(z.enum(FAULT_ACTS))
    .min(1, { error: 'must be a list with pause, kill or restart' })
    .refine((list) => new Set(list).size === list.length, {
      error: 'must be a list that names each of them once',
    })
    .describe(`what may happen to ${server}, each as likely as the others`);

const faultyServers = Object.fromEntries(
  SERVERS.map((server) => [server, acts(server).optional()]),
) as Record<Server, z.ZodOptional<ReturnType<typeof acts>>>;

/** Outages that are drawn by the seed; see drawFaults. */
export const randomFaults = strict(
  {
    servers: strict(
      faultyServers,
      'the servers, and what may happen to each; they take turns, in an order that is drawn anew for each round of all',
    ),
    every: duration('mean time from the beginning of a fault to that of the next', '1s'),
    for: duration('length of an outage, or the shortest one', '0s', '1m').prefault('5s'),
    for_max: duration(
      'longest outage; lengths are drawn evenly from the range; default: as long as the shortest',
      '0s',
      '1m',
    ).optional(),
    recovery: duration(
      'time after each outage in which no other begins; the last one has it before the load ends',
    ).prefault('30s'),
    overlap: z
      .boolean()
      .default(false)
      .describe('true: other servers may go away meanwhile, and the same one after recovery alone'),
    during: name(
      'name of the timed phase in which faults begin; default: all that are measured',
    ).optional(),
  },
  'outages of servers under load, drawn by the seed; in place of faults',
);

/** No default: the scenario has to define its target. */
export const stalenessTarget = duration(
  'a pipeline has recovered from a fault when its age is below this again',
  '100ms',
);
