import { z } from 'zod';
import { DUPLICATE_KINDS, MALFORMED_KINDS } from './scenario.ts';
import { count, duration, kinds, percent, rate, sigma, strict } from './schema-terms.ts';

/** Schema of delivery faults between a store and Kafka. */

const duplicates = strict(
  {
    rate: percent('events sent again').prefault('0.6%'),
    kinds: kinds(DUPLICATE_KINDS, 'default 90/5/3/2%').optional(),
    delay: duration('first retry delay; doubles per retry', '1ms').prefault('1s'),
    delay_max: duration('longest retry delay', '1ms').prefault('60s'),
  },
  'retries that arrive twice',
);

const malformed = strict(
  {
    rate: percent('events with a damaged copy').prefault('0.05%'),
    kinds: kinds(MALFORMED_KINDS, 'default 40/30/20/10%').optional(),
    replace: z
      .boolean()
      .default(false)
      .describe('true: the event itself is damaged, instead of an extra copy'),
  },
  'records that no parser can read',
);

const transport = strict(
  {
    delay: duration('median transport delay of a message', '0s', '10m').prefault('800ms'),
    sigma: sigma('spread of the delay: sigma of its logarithm; 0: fixed').default(1),
    slow: percent('messages that are slow').prefault('3%'),
    slow_delay: duration('median delay of slow messages', '0s', '10m').prefault('20s'),
    slow_sigma: sigma('spread of the delay of slow messages').default(1.2),
  },
  'delay between the event and its intended send; left out: none',
);

const offline = strict(
  {
    stores: percent('stores that lose their uplink, one at least').prefault('5%'),
    at: duration('from t0', '0s', '7d').prefault('20s'),
    for: duration('length of the outage', '100ms').prefault('30s'),
    replay: rate('50/s', 'events each of these stores sends of its backlog').prefault('50/s'),
  },
  'stores without uplink: their events wait, and arrive in a burst afterwards',
);

const clocks = strict(
  {
    sigma: duration('spread of the clocks of tills and handhelds').prefault('1.5s'),
    hour_off: percent('tills and handhelds exactly an hour off').prefault('0.5%'),
    wrong_date: percent('tills and handhelds 56 years behind or one ahead').prefault('0.05%'),
    shoppers: percent('web sessions on a device an hour or more off').prefault('3.5%'),
  },
  'wrong device clocks, which set event_ts',
);

const schemaDrift = strict(
  {
    at: duration('begin of the roll-out, from t0', '0s', '7d').prefault('20s'),
    over: duration('time until the last store has the new version', '0s', '7d').prefault('20s'),
    added: percent('stores whose new version sends one more field').prefault('100%'),
    widened: percent('stores whose new version sends numbers as text').prefault('10%'),
  },
  'a staged roll-out of a version with another schema',
);

const redelivery = strict(
  {
    every: duration("time between two crashes of a store's connector", '1s').prefault('30s'),
    last: count(1, 100_000, 'row images that it sends again').default(50),
  },
  'crashes of the inventory connectors, which then send old rows again',
);

/** Every fault; without its section a fault does not happen. */
export const faults = strict(
  {
    duplicates: duplicates.optional(),
    malformed: malformed.optional(),
    transport: transport.optional(),
    offline: offline.optional(),
    clocks: clocks.optional(),
    schema_drift: schemaDrift.optional(),
    redelivery: redelivery.optional(),
  },
  'faults injected between stores and Kafka; the truth labels each one',
);
