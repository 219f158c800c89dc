import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseScenario } from './parse.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const shipped = filesOf('scenarios');
const bad = filesOf('test/fixtures/bad-scenarios');

function filesOf(folder: string): readonly string[] {
  const files = readdirSync(`${root}${folder}`).filter((file) => file.endsWith('.yaml'));
  return files.map((file) => `${folder}/${file}`);
}

function textOf(file: string): string {
  return readFileSync(`${root}${file}`, 'utf8');
}

function refusal(text: string, set: readonly string[] = []): DoorbusterError {
  try {
    parseScenario(text, { file: 'x.yaml', set });
  } catch (error) {
    if (error instanceof DoorbusterError) return error;
    throw error;
  }
  throw new Error('this scenario was not refused');
}

const SMALL = `name: small
retail: { stores: 10 }
traffic: { pos: {}, inventory: {} }
phases:
  - { name: spike, for: 10s, load: 5x }
  - { name: after, do: query }
checks:
  - lost == 0
`;

test.each(shipped)('%s is a scenario', (file) => {
  const { scenario } = parseScenario(textOf(file), { file });
  expect(`scenarios/${scenario.name}.yaml`).toBe(file);
  expect(scenario.checks.length).toBeGreaterThan(0);
});

test.each(bad)('%s is refused with every problem framed', async (file) => {
  const name = file.slice(file.lastIndexOf('/') + 1);
  const { message, hint } = refusalOf(file, name);
  const golden = `${root}test/golden/bad-scenarios/${name.replace('.yaml', '.txt')}`;
  await expect(`${message}\n\nhint: ${hint}\n`).toMatchFileSnapshot(golden);
});

function refusalOf(file: string, name: string): DoorbusterError {
  try {
    parseScenario(textOf(file), { file: name });
  } catch (error) {
    expect(error).toBeInstanceOf(DoorbusterError);
    return error as DoorbusterError;
  }
  throw new Error(`${file} was not refused`);
}

test('defaults are filled in, those that follow the profile too', () => {
  const grocery = parseScenario(SMALL, { file: 'x' }).scenario;
  expect(grocery.retail).toMatchObject({ skus: 2_000, assortment: 800, storeSizeSigma: 0.5 });
  expect(grocery.traffic.pos).toEqual({
    receiptsPerStoreHour: 50,
    returns: 0.01,
    tape: null,
    training: 0,
    sequenceTo: null,
  });
  expect(grocery.traffic.cart).toBeNull();
  expect(grocery.pipeline.compaction).toEqual({ by: 'none' });
  const set = ['retail.profile=specialty', 'traffic.loyalty={}', 'traffic.faults.duplicates={}'];
  const specialty = parseScenario(SMALL, { file: 'x', set }).scenario;
  expect(specialty.retail.assortment).toBe(667);
  expect(specialty.traffic.pos?.returns).toBe(0.1);
  expect(specialty.traffic.loyalty).toEqual({ members: 63_000, share: 0.6 });
  expect(specialty.traffic.faults.duplicates).toEqual({
    rate: 0.006,
    kinds: { identical: 0.9, new_id: 0.05, changed_payload: 0.03, constant_id: 0.02 },
    delayMs: 1_000,
    delayMaxMs: 60_000,
  });
});

test('--set and --seed override, in order, and are recorded', () => {
  const set = ['phases.spike.load=9x', 'phases.0.for=1m30s', 'traffic.pos.receipts=80/store/h'];
  const parsed = parseScenario(SMALL, { file: 'x', set, seed: 42 });
  expect(parsed.scenario.seed).toBe(42);
  expect(parsed.scenario.phases[0]).toMatchObject({ load: 9, forMs: 90_000 });
  expect(parsed.scenario.traffic.pos?.receiptsPerStoreHour).toBe(80);
  expect(parsed.overrides).toEqual([
    { path: 'phases.spike.load', value: '9x' },
    { path: 'phases.0.for', value: '1m30s' },
    { path: 'traffic.pos.receipts', value: '80/store/h' },
    { path: 'seed', value: '42' },
  ]);
  expect(parsed.text).toBe(SMALL);
});

test('--set KEY=null leaves a key out, or an item of a list, and refuses what is not there', () => {
  const text = SMALL.replace('traffic:', 'queries: { every: 3s }\ntraffic:');
  const parsed = (...set: string[]) => parseScenario(text, { file: 'x', set });
  expect(parsed().scenario.queries.everyMs).toBe(3_000);
  const without = parsed('queries.every=null');
  expect(without.scenario.queries.everyMs).toBe(
    parseScenario(SMALL, { file: 'x' }).scenario.queries.everyMs,
  );
  expect(without.overrides).toEqual([{ path: 'queries.every', value: 'null' }]);
  const { phases } = parsed('phases.after=null', 'phases.0.for=20s').scenario;
  expect(phases).toMatchObject([{ name: 'spike', forMs: 20_000 }]);
  expect(() => parsed('queries.cold=null')).toThrow('leaves out a key that the file does not have');
  expect(() => parsed('nothing.here=null')).toThrow('leaves out a key that the file does not have');
});

test('the hash is of what is replayed: overrides count, comments and checks do not', () => {
  const hash = (text: string, set: string[] = []) => parseScenario(text, { file: 'x', set }).hash;
  expect(hash(`# a comment\n${SMALL}`)).toBe(hash(SMALL));
  expect(hash(SMALL.replace('lost', 'duplicated'))).toBe(hash(SMALL));
  expect(hash(SMALL, ['seed=2'])).not.toBe(hash(SMALL));
  expect(hash(SMALL, ['phases.spike.load=6x'])).not.toBe(hash(SMALL));
  expect(hash(SMALL, ['stack.kafka_client=kafkajs'])).toBe(hash(SMALL));
  expect(hash(SMALL)).toMatch(/^[0-9a-f]{64}$/);
});

test('a problem that --set made is reported as coming from there', () => {
  const { message } = refusal(SMALL, ['phases.spike.lod=9x', 'retail.zone.x=1', 'checks.0=lost']);
  expect(message).toContain(
    'unknown key "lod": did you mean "load"?\n  from --set phases.spike.lod=9x',
  );
  expect(message).toContain('from --set retail.zone.x=1');
  expect(message).toContain('from --set checks.0=lost');
  expect(message).not.toContain('x.yaml:');
});

test.each([
  ['nonsense', 'is not path=value'],
  ['=5', 'is not path=value'],
  ['phases.spyke.load=5x', 'no item of phases is called "spyke"'],
  ['retail.stores={', 'the value is not YAML'],
  ['name.first=x', 'names no key'],
])('--set %s is refused', (set, fact) => {
  expect(refusal(SMALL, [set]).message).toContain(fact);
});

test('a check knows its line', () => {
  const set = ['checks.1=duplicated == 0'];
  const { checks } = parseScenario(SMALL, { file: 'x', set }).scenario;
  expect(checks.map(({ text, line }) => [text, line])).toEqual([
    ['lost == 0', 8],
    ['duplicated == 0', 0],
  ]);
});

test('promises need a stock table', () => {
  const text = SMALL.replace('lost == 0', 'promises_broken(order) < 100');
  const [check] = parseScenario(text, { file: 'x' }).scenario.checks;
  expect(check).toMatchObject({ metric: 'promises_broken', of: 'order', limit: 100 });
  const off = refusal(text.replace(', inventory: {}', ''));
  expect(off.message).toContain('traffic.inventory is off');
  expect(off.message).toContain('x.yaml:8:5');
});

test('canaries go into the stock, and there are none without it', () => {
  const canaries = (traffic: string) =>
    parseScenario(
      `name: x\nretail: { stores: 1 }\ntraffic: ${traffic}\nphases: [{ name: a, for: 1s }]\n`,
      { file: 'x' },
    ).scenario.canaries.perSecond;
  expect(canaries('{ pos: {}, inventory: {} }')).toBeGreaterThan(0);
  expect(canaries('{ pos: {} }')).toBe(0);
});
