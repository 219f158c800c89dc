import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { encode, keyOf } from '../../src/generators/encode.ts';
import type { TapeEvent } from '../../src/generators/event.ts';
import { preloadOf } from '../../src/generators/tape.ts';
import { type Scenario, STREAMS } from '../../src/scenario/scenario.ts';
import { countBy, EVERYTHING, scenarioOf, storesOf, tapeUntil } from '../support/retail.ts';
import { type MadeReceipt, recordingOf, replaying } from '../support/tape.ts';

/**
 * The same seed gives the same bytes from version to version: a faster generator or encoder changes none
 * of these hashes. A change that means to alter the generated traffic regenerates them.
 */

const T0 = 1_795_770_000_000;
const UNTIL_MS = 20_000;

const STREAMS_ON = EVERYTHING.slice(0, 4);
const RECEIPTS: readonly MadeReceipt[] = Array.from({ length: 500 }, (_, i) => ({
  atMs: i * 1_000 + (i % 7) * 100,
  store: i % 5,
  member: (i % 40) - 1,
  lines: [
    [i % 60, 1 + (i % 3), 150 + i, 20],
    [(i * 7) % 60, 1 - 2 * (i % 11 === 0 ? 1 : 0), 99, 0],
  ],
}));

const timed = (scenario: Scenario) => tapeUntil(scenario, UNTIL_MS);
const fault = (name: string, value: string) =>
  timed(scenarioOf(...STREAMS_ON, `traffic.faults.${name}=${value}`));

/** Events per case, and what a case must contain to test what its name says. */
const CASES: Readonly<
  Record<string, { readonly events: () => TapeEvent[]; readonly contains: readonly string[] }>
> = {
  'all streams without faults': { events: () => timed(scenarioOf(...STREAMS_ON)), contains: [] },
  'another seed': { events: () => timed(scenarioOf(...STREAMS_ON, 'seed=12')), contains: [] },
  'assortments by core': {
    events: () => timed(scenarioOf(...STREAMS_ON, 'retail.assortment_by=core')),
    contains: [],
  },
  'returns and training': {
    events: () =>
      timed(
        scenarioOf(
          ...STREAMS_ON,
          'traffic.pos={receipts: 3000/store/h, returns: 10%, training: 5%}',
        ),
      ),
    contains: ['return', 'training'],
  },
  duplicates: {
    events: () => fault('duplicates', '{rate: 20%, delay: 300ms, delay_max: 5s}'),
    contains: ['duplicate'],
  },
  'damaged copies': {
    events: () => fault('malformed', '{rate: 20%}'),
    contains: ['truncated', 'wrong_type', 'missing_key', 'bad_utf8'],
  },
  'damaged originals': {
    events: () => fault('malformed', '{rate: 20%, replace: true}'),
    contains: ['truncated', 'wrong_type', 'missing_key', 'bad_utf8'],
  },
  'offline stores': {
    events: () => fault('offline', '{stores: 25%, at: 3s, for: 8s, replay: 40/s}'),
    contains: ['offline'],
  },
  redelivery: {
    events: () => fault('redelivery', '{every: 5s, last: 10}'),
    contains: ['redelivery'],
  },
  'schema drift': {
    events: () => fault('schema_drift', '{at: 2s, over: 5s, added: 100%, widened: 30%}'),
    contains: ['field_added', 'type_widened'],
  },
  'recorded tape': {
    events: () => timed(replaying(scenarioOf(...EVERYTHING), recordingOf(RECEIPTS))),
    contains: [],
  },
  'opening stock': {
    events: () => {
      const scenario = scenarioOf(
        'traffic.inventory={preload: assortment}',
        ...STREAMS_ON.slice(0, 3),
      );
      return [...preloadOf(scenario, storesOf(scenario))];
    },
    contains: ['preload'],
  },
};

/** Count and hash of (key, due time, encoded bytes, truth) of each stream, in order. */
function hashes(events: readonly TapeEvent[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const stream of STREAMS) {
    const own = events.filter((event) => event.stream === stream);
    if (own.length === 0) continue;
    const hash = createHash('sha256');
    for (const event of own) {
      const bytes = encode(event, T0);
      hash.update(`${keyOf(event)} ${event.dueMs} ${bytes.length}\n`);
      hash.update(bytes);
      hash.update(JSON.stringify(event.truth));
    }
    found[stream] = `${own.length} events, sha256 ${hash.digest('hex')}`;
  }
  return found;
}

function kindsOf({ truth }: TapeEvent): readonly string[] {
  const { fault, labels, role } = truth;
  return [role, ...labels, ...(fault === null ? [] : [fault.kind, fault.how])];
}

test('the encoded bytes of each stream are those of test/golden/bytes.json', async () => {
  const golden: Record<string, Record<string, string>> = {};
  for (const [name, { events, contains }] of Object.entries(CASES)) {
    const made = events();
    const kinds = countBy(made.flatMap(kindsOf), (kind) => kind);
    expect(Object.keys(kinds), name).toEqual(expect.arrayContaining([...contains]));
    golden[name] = hashes(made);
  }
  await expect(`${JSON.stringify(golden, null, 2)}\n`).toMatchFileSnapshot('bytes.json');
});
