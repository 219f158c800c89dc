import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseScenario } from './parse.ts';
import { plannedFaults } from './planned-faults.ts';
import type { Scenario } from './scenario.ts';
import { timeline } from './timeline.ts';

/** Server faults that are drawn by the seed. */

const SERVERS = 'kafka: [pause, kill, restart], minio: [kill], flink-jobmanager: [pause]';
const TEXT = `name: away
retail: { stores: 10 }
traffic: { pos: {}, inventory: {} }
phases:
  - { name: warmup, for: 20s, measured: false }
  - { name: first, for: 5m }
  - { name: between, for: 45s, measured: false }
  - { name: second, for: 20m }
random_faults:
  servers: { ${SERVERS} }
  every: 60s
  for: 2s
  for_max: 10s
  recovery: 30s
staleness_target: 10s
`;

const parse = (...set: readonly string[]) => parseScenario(TEXT, { file: 'x.yaml', set });
const drawn = (...set: readonly string[]) => parse(...set).scenario.faults;

function refusal(...set: readonly string[]): string | null {
  return textRefusal(TEXT, ...set);
}

function textRefusal(text: string, ...set: readonly string[]): string | null {
  try {
    parseScenario(text, { file: 'x.yaml', set });
    return null;
  } catch (error) {
    if (error instanceof DoorbusterError) return error.message;
    throw error;
  }
}

/** Beginning and end of each fault, ms from t0. */
function spans(scenario: Scenario) {
  const phases = new Map(timeline(scenario).map((one) => [one.phase.name, one]));
  return scenario.faults.map(({ server, during, atMs, forMs }) => {
    const phase = phases.get(during) as NonNullable<ReturnType<typeof phases.get>>;
    const startMs = phase.startMs + atMs;
    return { server, phase, startMs, endMs: startMs + forMs };
  });
}

const seeds = fc.nat(1_000_000);

test('one seed, one schedule: the same numbers on every machine', () => {
  expect(drawn('seed=7').slice(0, 4)).toMatchInlineSnapshot(`
    [
      {
        "act": "pause",
        "atMs": 8600,
        "drawn": true,
        "during": "first",
        "forMs": 7700,
        "server": "flink-jobmanager",
      },
      {
        "act": "pause",
        "atMs": 59100,
        "drawn": true,
        "during": "first",
        "forMs": 2300,
        "server": "kafka",
      },
      {
        "act": "kill",
        "atMs": 93900,
        "drawn": true,
        "during": "first",
        "forMs": 6200,
        "server": "minio",
      },
      {
        "act": "kill",
        "atMs": 153200,
        "drawn": true,
        "during": "first",
        "forMs": 3700,
        "server": "minio",
      },
    ]
  `);
  expect(drawn('seed=7')).toEqual(drawn('seed=7'));
  expect(parse('seed=7').hash).toBe(parse('seed=7').hash);
});

test('a schedule can be read before the run, and a listed one too', () => {
  expect(plannedFaults(parse('phases.second.for=30s', 'seed=7').scenario)).toMatchInlineSnapshot(
    `"6 drawn by seed 7: pause flink-jobmanager 8.6s into first, for 7.7s; pause kafka 59.1s into first, for 2.3s; kill minio 1m33.9s into first, for 6.2s; kill minio 2m33.2s into first, for 3.7s; pause kafka 3m37.3s into first, for 9.9s; pause flink-jobmanager 4m48.9s into first, for 6.2s; recovered below 10s"`,
  );
  const listed =
    'name: x\nretail: { stores: 1 }\ntraffic: { pos: {} }\nphases: [{ name: calm, for: 1m }]\n' +
    'faults: [{ do: kill, server: minio, during: calm, at: 1500ms, for: 5s }]\nstaleness_target: 10s\n';
  expect(plannedFaults(parseScenario(listed, { file: 'x.yaml' }).scenario)).toBe(
    'kill minio 1.5s into calm, for 5s; recovered below 10s',
  );
  const calm = listed.replace(/faults:[\s\S]*/, '');
  expect(plannedFaults(parseScenario(calm, { file: 'x.yaml' }).scenario)).toBeNull();
});

test('the order in which the file names servers and acts makes no difference', () => {
  const other =
    'random_faults.servers={flink-jobmanager: [pause], minio: [kill], kafka: [restart, pause, kill]}';
  expect(drawn(other)).toEqual(drawn());
});

test('another seed, another schedule', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      expect(drawn(`seed=${seed}`)).not.toEqual(drawn(`seed=${seed + 1}`));
    }),
    { numRuns: 50 },
  );
});

test('a fault begins in a measured phase, lasts as long as it may, and leaves time to recover before the next and before the end', () => {
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 36, max: 300 }),
      fc.integer({ min: 0, max: 30 }),
      (seed, every, recovery) => {
        const set = [`random_faults.every=${every}s`, `random_faults.recovery=${recovery}s`];
        const { scenario } = parse(`seed=${seed}`, ...set);
        const faults = spans(scenario);
        expect(faults.length).toBeGreaterThan(0);
        const lastMs = timeline(scenario).at(-1)?.endMs as number;
        faults.forEach(({ phase, startMs, endMs }, i) => {
          expect(phase.phase.measured).toBe(true);
          expect(startMs).toBeGreaterThanOrEqual(phase.startMs);
          expect(startMs).toBeLessThan(phase.endMs);
          expect(endMs - startMs).toBeGreaterThanOrEqual(2_000);
          expect(endMs - startMs).toBeLessThanOrEqual(10_000);
          const nextMs = faults[i + 1]?.startMs ?? lastMs;
          expect(nextMs - endMs).toBeGreaterThanOrEqual(recovery * 1_000);
        });
      },
    ),
    { numRuns: 100 },
  );
});

test('servers take turns, and only what each may do happens to it', () => {
  const may = {
    kafka: ['pause', 'kill', 'restart'],
    minio: ['kill'],
    'flink-jobmanager': ['pause'],
  };
  fc.assert(
    fc.property(seeds, (seed) => {
      const faults = drawn(`seed=${seed}`);
      for (let i = 0; i + 3 <= faults.length; i += 3) {
        const round = faults.slice(i, i + 3).map(({ server }) => server);
        expect(round.toSorted()).toEqual(['flink-jobmanager', 'kafka', 'minio']);
      }
      for (const { server, act } of faults) {
        expect(may[server as keyof typeof may]).toContain(act);
      }
    }),
    { numRuns: 50 },
  );
});

test('the mean distance of two beginnings is the stated one', () => {
  const starts = Array.from({ length: 200 }, (_, seed) => {
    const { scenario } = parse(`seed=${seed}`, 'phases=[{name: only, for: 1h}]');
    return spans(scenario).map(({ startMs }) => startMs);
  });
  const gaps = starts.flatMap((mine) => mine.slice(1).map((at, i) => at - (mine[i] as number)));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  // Uniform within ±24 s and a length within ±4 s: a standard error of 0.13 s; rounding up adds 0.05 s.
  expect(gaps.length).toBeGreaterThan(10_000);
  expect(Math.abs(mean - 60_050)).toBeLessThan(600);
});

test('with overlap several servers are unavailable at a time, and never one of them twice', () => {
  const set = ['random_faults.overlap=true', 'random_faults.every=6s'];
  let together = 0;
  fc.assert(
    fc.property(seeds, (seed) => {
      const faults = spans(parse(`seed=${seed}`, ...set).scenario);
      faults.forEach((one, i) => {
        const later = faults.slice(i + 1);
        together += later.filter(({ startMs }) => startMs < one.endMs).length;
        const same = later.find(({ server }) => server === one.server);
        if (same) expect(same.startMs - one.endMs).toBeGreaterThanOrEqual(30_000);
      });
      expect(faults.map(({ startMs }) => startMs)).toEqual(
        faults.map(({ startMs }) => startMs).toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 50 },
  );
  expect(together).toBeGreaterThan(50);
});

test('faults of one phase begin in it alone', () => {
  const faults = drawn('random_faults.during=first');
  expect(faults.length).toBeGreaterThan(2);
  expect(new Set(faults.map(({ during }) => during))).toEqual(new Set(['first']));
});

test.each([
  ['random_faults.servers={}', 'no server is named'],
  ['random_faults.servers={kafkaa: [kill]}', 'unknown key "kafkaa": did you mean "kafka"?'],
  ['random_faults.servers={kafka: [stop]}', 'not one of the choices'],
  ['random_faults.servers={kafka: []}', 'must be a list with pause, kill or restart'],
  ['random_faults.servers={kafka: [kill, kill]}', 'names each of them once'],
  ['random_faults.servers={flink-jobmanager: [pause, kill]}', 'forgets its jobs'],
  ['random_faults.for=0s', 'a pause of 0s'],
  ['random_faults.for_max=1s', 'is less than for, the shortest one: 2s'],
  ['random_faults.every=35s', 'take 36s; write every: 36s or more'],
  ['random_faults.every=15m', 'some seeds would draw no fault: they need 30m40s'],
  ['random_faults.during=secnd', 'no phase "secnd": did you mean "second"?'],
  ['random_faults.during=warmup', 'is not measured'],
  ['random_faults.during=between', 'is not measured'],
  ['faults=[{do: kill, server: minio, during: second, at: 1s, for: 1s}]', 'listed already'],
])('%s is refused: %s', (set, fact) => {
  expect(refusal(set)).toContain(fact);
});

test('a mistake is shown at its line and column', () => {
  const text = TEXT.replace('minio: [kill]', 'flink-jobmanager: [kill]').replace(
    ', flink-jobmanager: [pause]',
    '',
  );
  expect(textRefusal(text)).toMatch(/cannot come back from a kill.*\n {2}at x\.yaml:10:\d+/);
  expect(textRefusal(TEXT.replace(/staleness_target.*\n/, ''))).toMatch(
    /add staleness_target, for example 10s\n {2}at x\.yaml:9:1/,
  );
  expect(textRefusal(TEXT.replace('every: 60s', 'every: 5s'))).toMatch(
    /random_faults\.every: is too often.*\n {2}at x\.yaml:11:10/,
  );
  expect(
    textRefusal(TEXT.replace('random_faults:', 'stack: { runtime: external }\nrandom_faults:')),
  ).toMatch(/need managed servers.*leave random_faults out.*\n {2}at x\.yaml:10:1/);
});

test('more than a thousand faults, and an overlap of one server with itself, are refused', () => {
  const week = ['phases=[{name: only, for: 7d}]', 'random_faults.every=40s'];
  expect(refusal(...week)).toContain('would be 15120 faults in 7d: 1000 are the most');
  const one = ['random_faults.servers={kafka: [kill]}', 'random_faults.overlap=true'];
  expect(refusal(...one)).toContain('one server cannot be unavailable twice');
});

test('the recovery of a server that the seed draws can be checked, and of no other', () => {
  expect(refusal('checks=[recovery(kafka) < 30s]')).toBeNull();
  expect(refusal('checks=[recovery(catalog) < 30s]')).toContain('no faulty server "catalog"');
});
