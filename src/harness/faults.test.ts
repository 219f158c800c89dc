import { expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { stackBroke } from '../core/errors.ts';
import type { JournalFields } from '../record/journal-entries.ts';
import { parseScenario } from '../scenario/parse.ts';
import { openFacts } from './facts.ts';
import { type FaultSession, Faults } from './faults.ts';

const T0 = 1_795_788_000_000;

/** A clock that advances to the next sleeper whenever the process is idle. */
function virtual(): Clock & { readonly offsetMs: () => number } {
  let nowMs = T0;
  const waiting: { readonly atMs: number; readonly wake: () => void }[] = [];
  let turning = false;
  const turn = () => {
    turning = false;
    waiting.sort((a, b) => a.atMs - b.atMs);
    const next = waiting.shift();
    if (next === undefined) return;
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
    soon();
  };
  const soon = () => {
    if (turning || waiting.length === 0) return;
    turning = true;
    setTimeout(turn, 1);
  };
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    offsetMs: () => nowMs - T0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const mine = { atMs: nowMs + ms, wake: resolve };
        signal?.addEventListener('abort', () => {
          const at = waiting.indexOf(mine);
          if (at >= 0) waiting.splice(at, 1);
          reject(signal.reason);
        });
        waiting.push(mine);
        soon();
      }),
  };
}

const scenarioWith = (...faults: readonly string[]) =>
  parseScenario(
    `name: away
retail: { stores: 1 }
traffic: { pos: {}, inventory: {} }
phases:
  - { name: calm, for: 10s }
  - { name: spike, for: 100s }
faults: [${faults.map((one) => `{ ${one} }`).join(', ')}]
staleness_target: 5s
`,
    { file: 'away.yaml' },
  ).scenario;

/** A stack whose servers take a second to start, and which writes down what is asked of it. */
async function world(clock: ReturnType<typeof virtual>, broken: readonly string[] = []) {
  const facts = await openFacts();
  const over = new AbortController();
  const said: string[] = [];
  const say = (what: string) => void said.push(`${clock.offsetMs()} ${what}`);
  const session: FaultSession = {
    stack: {
      injectOutage: async (server, act) => say(`${act} ${server}`),
      async restore(server) {
        say(`start ${server}`);
        await clock.sleep(1_000);
        if (broken.includes(server)) throw stackBroke(`${server} does not come back`);
        say(`back ${server}`);
      },
    },
    facts,
    probes: { resources: { sample: async () => {} } },
    options: { onEvent: () => {} },
    state: { t0Ms: T0 },
    journal: {
      note: (kind, fields) => {
        const { state, server } = fields as JournalFields<'fault'>;
        say(`${kind} ${state} ${server}`);
      },
    },
    signal: over.signal,
    fail: (cause) => over.abort(cause),
  };
  return { session, said, over, facts };
}

test('a fault happens at its moment of its phase, and its server is back before the run goes on', async () => {
  const clock = virtual();
  const { session, said, facts } = await world(clock);
  const faults = new Faults(
    scenarioWith(
      'do: kill, server: kafka, during: spike, at: 2s, for: 5s',
      'do: pause, server: minio, during: calm, at: 1s, for: 3s',
    ),
    clock,
  );
  await faults.during(session, () => clock.sleep(13_000));
  expect(said).toEqual([
    '1000 fault asked minio',
    '1000 pause minio',
    '1000 fault away minio',
    '4000 start minio',
    '5000 back minio',
    '5000 fault back minio',
    '12000 fault asked kafka',
    '12000 kill kafka',
    '12000 fault away kafka',
    '17000 start kafka',
    '18000 back kafka',
    '18000 fault back kafka',
  ]);
  const rows = await facts.rows(
    `SELECT act, server, phase, intended_ms - ${T0} AS intended, start_ms - ${T0} AS start,
      away_ms - ${T0} AS away, back_ms - ${T0} AS back FROM faults ORDER BY start`,
  );
  const at = (intended: number, back: number) => ({
    ...{ intended, start: intended, away: intended, back },
  });
  expect(rows).toEqual([
    { act: 'pause', server: 'minio', phase: 'calm', ...at(1_000, 5_000) },
    { act: 'kill', server: 'kafka', phase: 'spike', ...at(12_000, 18_000) },
  ]);
  await facts.close();
});

test('what does not answer is excused from the fault until a minute after, and not longer', async () => {
  const clock = virtual();
  const { session, facts } = await world(clock);
  const faults = new Faults(
    scenarioWith('do: pause, server: minio, during: calm, at: 1s, for: 3s'),
    clock,
  );
  const excused: [number, boolean][] = [];
  await faults.during(session, async () => {
    for (const ms of [500, 1_500, 4_500, 64_900, 65_100]) {
      await clock.sleep(ms - clock.offsetMs());
      excused.push([ms, faults.underDeclaredFault()]);
    }
  });
  expect(excused).toEqual([
    [500, false],
    [1_500, true],
    [4_500, true],
    [64_900, true],
    [65_100, false],
  ]);
  await facts.close();
});

test('a server that is not restored ends the run, and its row has no end', async () => {
  const clock = virtual();
  const { session, over, facts } = await world(clock, ['kafka']);
  const faults = new Faults(
    scenarioWith('do: kill, server: kafka, during: calm, at: 1s, for: 1s'),
    clock,
  );
  const replay = () => clock.sleep(90_000, over.signal);
  await expect(faults.during(session, replay)).rejects.toThrow('kafka does not come back');
  expect(await facts.rows('SELECT server, back_ms FROM faults')).toEqual([
    { server: 'kafka', back_ms: null },
  ]);
  expect(faults.underDeclaredFault()).toBe(true);
  await facts.close();
});

test('an interrupted run restores its servers, and injects no further faults', async () => {
  const clock = virtual();
  const { session, said, over, facts } = await world(clock);
  const faults = new Faults(
    scenarioWith(
      'do: pause, server: kafka, during: calm, at: 1s, for: 60s',
      'do: kill, server: minio, during: spike, at: 50s, for: 1s',
    ),
    clock,
  );
  const replay = () => clock.sleep(90_000, over.signal);
  const ended = faults.during(session, replay);
  clock.sleep(5_000).then(() => over.abort(new Error('interrupted')));
  await expect(ended).rejects.toThrow('interrupted');
  expect(said.slice(2)).toEqual(['1000 fault away kafka', '5000 start kafka', '6000 back kafka']);
  await facts.close();
});
