import { describe, expect, test } from 'vitest';
import { EXIT } from '../../core/exit-codes.ts';
import { CONSUMERS, SERVERS } from '../../core/metrics.ts';
import { type Random, random } from '../../core/random.ts';
import { distributionOf, weighted } from '../../core/stats.ts';
import { HARNESS, LOADER } from '../../record/facts.ts';
import type { CanaryRecord, Invalid, Metric } from '../../record/record.ts';
import { parseScenario } from '../../scenario/parse.ts';
import type { Check } from '../../scenario/scenario.ts';
import { judge } from './checks.ts';
import type { PhaseHealth } from './health.ts';
import { type Evidence, INVALID_RULES, judgeValidity } from './invalid.ts';
import { distribution, scalar } from './metric.ts';
import type { Resolution } from './resolution.ts';
import { type Findings, judgeRun } from './verdict.ts';

function checkOf(text: string): Check {
  const scenario = `name: x
retail: { stores: 1 }
traffic: { pos: {}, inventory: {} }
pipeline: { compaction: { by: spark } }
phases:
  - { name: spike, for: 1s }
  - { name: before, do: query }
  - { name: compact, do: compact }
  - { name: after, do: query }
checks: ['${text}']
`;
  return parseScenario(scenario, { file: 'x.yaml' }).scenario.checks[0] as Check;
}

const of = (name: 'staleness' | 'query', arg: string, phase: string | null, values: number[]) =>
  distribution(name, { of: arg, phase }, distributionOf(weighted(values)));
const times = (n: number, value: number) => Array<number>(n).fill(value);

test('cost has a value for every server, and for the harness', () => {
  expect([...CONSUMERS].sort()).toEqual([...SERVERS, LOADER, HARNESS].sort());
});

describe('a check', () => {
  const verdictOf = (text: string, metrics: readonly Metric[]) => judge(checkOf(text), metrics);
  const spike = of('staleness', 'pos', 'spike', times(130, 900));

  test('passes or fails by the measured value, and has it', () => {
    const metrics = [spike];
    expect(verdictOf('staleness(pos).p99 during spike < 1s', metrics)).toEqual({
      text: 'staleness(pos).p99 during spike < 1s',
      line: 10,
      verdict: 'PASS',
      measured: 900,
      unit: 'ms',
      limit: 1_000,
      n: 130,
      reason: null,
    });
    expect(verdictOf('staleness(pos).p99 during spike < 900ms', metrics)).toMatchObject({
      verdict: 'FAIL',
      reason: 'measured 900, and not < 900',
    });
    expect(verdictOf('staleness(pos).p99 during spike <= 900ms', metrics).verdict).toBe('PASS');
    expect(verdictOf('staleness(pos).p99 during spike == 900ms', metrics).verdict).toBe('PASS');
    expect(verdictOf('staleness(pos).p99 during spike > 1s', metrics).verdict).toBe('FAIL');
    expect(verdictOf('staleness(pos).p99 during spike >= 0.9s', metrics).verdict).toBe('PASS');
  });

  test('has no data where nothing was measured: never a pass', () => {
    const nothing: readonly [string, readonly Metric[], string][] = [
      ['staleness(pos).p99 < 1s', [spike], 'was not measured'],
      ['staleness(pos).p99 during before < 1s', [spike], 'was not measured'],
      ['staleness(pos).p99 < 1s', [of('staleness', 'pos', null, [])], 'nothing to measure'],
      ['staleness(pos).p99 < 1s', [of('staleness', 'pos', null, times(99, 1))], 'has 99: 1 more'],
      ['staleness(pos).p999 < 1s', [of('staleness', 'pos', null, times(800, 1))], 'has 800: 200'],
      ['lost == 0', [scalar('lost', { of: null, phase: null }, 0, 0)], 'nothing to measure'],
    ];
    for (const [text, metrics, reason] of nothing) {
      const judged = verdictOf(text, metrics);
      expect(judged.verdict).toBe('NO_DATA');
      expect(judged.reason).toContain(reason);
      expect(judged).not.toHaveProperty('measured');
    }
  });

  test('that lands on what was never seen fails, whatever it asks', () => {
    const never = of('staleness', 'pos', null, [
      ...times(90, 1),
      ...times(10, Number.POSITIVE_INFINITY),
    ]);
    expect(verdictOf('staleness(pos).p50 < 1s', [never]).verdict).toBe('PASS');
    for (const comparator of ['<', '<=', '==', '>=', '>']) {
      const judged = verdictOf(`staleness(pos).p95 ${comparator} 1s`, [never]);
      expect(judged).toMatchObject({ verdict: 'FAIL', measured: null });
    }
    const payback = scalar('payback', { of: null, phase: null }, 1, Number.POSITIVE_INFINITY);
    expect(verdictOf('payback < 20', [payback]).verdict).toBe('FAIL');
  });

  test('of one phase over another is a ratio', () => {
    const text = 'query(revenue).p50 after / before < 0.5';
    const query = (phase: string, value: number) => of('query', 'revenue', phase, times(10, value));
    const judged = (before: number, after: number) =>
      verdictOf(text, [query('before', before), query('after', after)]);
    expect(judged(100, 40)).toMatchObject({ verdict: 'PASS', measured: 0.4, unit: 'ratio' });
    expect(judged(100, 60).verdict).toBe('FAIL');
    expect(judged(Number.POSITIVE_INFINITY, 60)).toMatchObject({ verdict: 'FAIL', measured: null });
    expect(judged(0, 60).verdict).toBe('NO_DATA');
    expect(verdictOf(text, [query('after', 1)]).verdict).toBe('NO_DATA');
  });
});

describe('a check on what was sampled', () => {
  const text = 'query(revenue).p50 after / before < 0.8';
  const noisy = (draw: Random, n: number, factor: number) =>
    Array.from({ length: n }, () => 400 * factor * draw.logNormal(0, 0.4));
  const judged = (before: readonly number[], after: readonly number[]) =>
    judge(checkOf(text), [
      of('query', 'revenue', 'before', [...before]),
      of('query', 'revenue', 'after', [...after]),
    ]);

  test('is not decided by a sample or two', () => {
    expect(judged([100], [26, 27])).toMatchObject({
      verdict: 'NO_DATA',
      n: 2,
      reason: 'query(revenue).p50 during after needs 10 samples and has 2: 8 more',
    });
    const single = judge(checkOf('query(revenue).max during after < 1s'), [
      of('query', 'revenue', 'after', times(9, 1)),
    ]);
    expect(single).toMatchObject({ verdict: 'NO_DATA', n: 9 });
  });

  test('is decided if its interval does not contain the limit, and has the interval', () => {
    const draw = random(5, 'checks');
    const found = judged(noisy(draw, 20, 1), noisy(draw, 20, 0.25));
    expect(found.verdict).toBe('PASS');
    const { low = 0, high } = found.interval ?? {};
    expect(low).toBeLessThan(found.measured as number);
    expect(high).toBeGreaterThan(found.measured as number);
    expect(high).toBeLessThan(0.8);
    expect(judged(noisy(draw, 20, 1), noisy(draw, 20, 2))).toMatchObject({ verdict: 'FAIL' });
  });

  test('has no data where the interval holds the limit: it needs more samples', () => {
    const before = [80, 90, 100, 100, 100, 100, 100, 110, 130, 150];
    const found = judged(
      before,
      before.map((ms) => 0.75 * ms),
    );
    expect(found).toMatchObject({ verdict: 'NO_DATA', measured: 0.75, n: 10 });
    expect(found.reason).toMatch(
      /^measured 0\.7500, and the 95 % interval .* contains the limit 0\.8: it needs about \d+ more samples in each of the two phases$/,
    );
  });

  test('a compaction without any effect passes in less than its nominal share', () => {
    const draw = random(6, 'no effect');
    const runs = Array.from({ length: 60 }, () => judged(noisy(draw, 10, 1), noisy(draw, 10, 1)));
    // With one sample each, 29 % passed.
    expect(runs.filter(({ verdict }) => verdict === 'PASS').length).toBeLessThanOrEqual(2);
    const atLimit = Array.from({ length: 60 }, () =>
      judged(noisy(draw, 20, 1), noisy(draw, 20, 0.8)),
    );
    expect(atLimit.filter(({ verdict }) => verdict === 'PASS').length).toBeLessThanOrEqual(6);
  });

  test('a quantile has an interval too: a p99 of few answers decides nothing', () => {
    const answers = (n: number) => [of('query', 'revenue', 'after', times(n, 20))];
    const p99 = checkOf('query(revenue).p99 during after < 1s');
    expect(judge(p99, answers(150))).toMatchObject({
      verdict: 'NO_DATA',
      measured: 20,
      interval: { low: 20, high: null },
      reason: expect.stringContaining('95 % interval 20 to +∞ contains the limit 1000'),
    });
    expect(judge(p99, answers(150)).reason).toContain('about 218 more samples');
    expect(judge(p99, answers(400)).verdict).toBe('PASS');
    // What is above the limit for certain fails, however few there are.
    const slow = [of('query', 'revenue', 'after', times(150, 2_000))];
    expect(judge(p99, slow).verdict).toBe('FAIL');
  });

  test('a number of the whole population is exact', () => {
    const staleness = of('staleness', 'pos', 'spike', [...times(59, 900), ...times(41, 1_100)]);
    const found = judge(checkOf('staleness(pos).p50 during spike < 1s'), [staleness]);
    expect(found).toMatchObject({ verdict: 'PASS', measured: 900 });
    expect(found).not.toHaveProperty('interval');
  });

  test('one number is judged by the interval it brings', () => {
    const payback = (low: number, high: number | null): Metric => ({
      ...scalar('payback', { of: null, phase: null }, 10, 15),
      shape: 'scalar',
      value: 15,
      interval: { low, high },
    });
    const verdict = (low: number, high: number | null) =>
      judge(checkOf('payback < 20'), [payback(low, high)]);
    expect(verdict(12, 18).verdict).toBe('PASS');
    expect(verdict(12, 30)).toMatchObject({ verdict: 'NO_DATA', interval: { low: 12, high: 30 } });
    expect(verdict(12, 30).reason).toContain('12 to 30 contains the limit 20: it needs about 80');
    expect(verdict(12, null).reason).toMatch(/12 to \+∞ contains the limit 20$/);
  });
});

describe('the INVALID table', () => {
  const healthy: PhaseHealth = {
    phase: 'spike',
    kind: 'load',
    n: 1_000,
    waited: 0,
    lateShare: 0.02,
    slipP99Ms: 50,
    loopP99Ms: 50,
    mainLoopP99Ms: 100,
    censusBehind: 2,
    harnessShare: 0.2,
    machineBusy: 0.99,
    steal: 0.05,
    foreignShare: 0.15,
    shards: [],
  };
  const canaries: CanaryRecord = {
    sent: 10,
    seen: 10,
    never: 0,
    failed: 0,
    compared: 10,
    disjoint: 0,
    ...{ unsent: 0, inCensus: 10, polls: 40, failedPolls: 0 },
    canaryWidth: {},
    censusWidth: {},
  };
  const part = { stream: 'pos' as const, part: 0, acknowledged: 100, unanswered: 0, appended: 100 };
  const evidence = (
    phase: Partial<PhaseHealth>,
    more: Partial<Evidence['context']> = {},
  ): Evidence => ({
    phases: [{ ...healthy, ...phase }],
    canaries,
    resolutions: [],
    context: {
      clockApartMs: 20,
      appended: [part],
      incidents: [],
      scenario: { checks: [] },
      ...more,
    },
  });

  /** Two rounds of queries around a compaction, and what others took in each. */
  const rounds = (before: number, after: number, check: string): Evidence => ({
    ...evidence({}, { scenario: { checks: [checkOf(check)] } }),
    phases: [
      { ...healthy, phase: 'before', kind: 'query', foreignShare: before },
      { ...healthy, phase: 'compact', kind: 'compact', foreignShare: 0 },
      { ...healthy, phase: 'after', kind: 'query', foreignShare: after },
    ],
  });

  test('phases are held against each other where a check compares them, and only there', () => {
    const ratio = 'query(revenue).p50 after / before < 0.5';
    expect(judgeValidity(rounds(0.14, 0.041, ratio))).toEqual([]);
    expect(judgeValidity(rounds(0.14, 0, 'query(revenue).p50 during after < 1s'))).toEqual([]);
    expect(judgeValidity(rounds(0.14, 0, 'payback < 20'))).toMatchObject([
      { fact: 'other programs took 14.0 % in before and 0.0 % in after' },
    ]);
    // Said once, whatever number of checks compares the two.
    const twice = rounds(0, 0.14, ratio);
    const checks = [checkOf(ratio), checkOf('query(revenue).p95 after / before < 0.5')];
    const found = judgeValidity({ ...twice, context: { ...twice.context, scenario: { checks } } });
    expect(found).toHaveLength(1);
  });

  test('holds nothing against a run that is at every limit', () => {
    expect(judgeValidity(evidence({}))).toEqual([]);
    const unanswered = { ...part, unanswered: 2, appended: 101 };
    expect(judgeValidity(evidence({}, { appended: [unanswered] }))).toEqual([]);
    expect(judgeValidity(evidence({ harnessShare: 0.5, machineBusy: 0.9 }))).toEqual([]);
    const half = { ...canaries, compared: 5, polls: 100, failedPolls: 50 };
    expect(judgeValidity({ ...evidence({}), canaries: half })).toEqual([]);
    const outage = { ...canaries, unsent: 8, compared: 1 };
    expect(judgeValidity({ ...evidence({}), canaries: outage })).toEqual([]);
    const none = { ...canaries, unsent: 10, compared: 0 };
    expect(judgeValidity({ ...evidence({}), canaries: none })).toHaveLength(1);
  });

  const atMost = (
    phase: string | null,
    bounds: Resolution['bounds'],
    judgedMs = 0,
    of: Resolution['of'] = 'pos',
  ): Resolution => ({ of, phase, p50Ms: 100, maxMs: 9_000, judgedMs, bounds });
  const checking = (text: string, ...resolutions: Resolution[]): Evidence => ({
    ...evidence({ slipP99Ms: 1 }, { scenario: { checks: [checkOf(text)] } }),
    resolutions,
  });

  const trips: Readonly<Record<string, readonly [Evidence, string]>> = {
    'late hand-over': [evidence({ lateShare: 0.021 }), '2.1 % were late in spike'],
    'schedule slip': [evidence({ slipP99Ms: 51 }), 'p99 51.0 ms against 50.0 ms in spike'],
    'event loop': [evidence({ loopP99Ms: 50.1 }), 'p99 50.1 ms in spike'],
    'main event loop': [evidence({ mainLoopP99Ms: 100.1 }), 'p99 100.1 ms in spike'],
    'census behind': [evidence({ censusBehind: 3 }), '3 commits were unread in spike'],
    resolution: [
      checking(
        'staleness(pos).p99 during spike < 5s',
        atMost('spike', { p99: { low: 2_000, high: 3_001 } }),
      ),
      '"staleness(pos).p99 during spike < 5s" is known to within 1.00 s',
    ],
    'harness too heavy': [
      evidence({ harnessShare: 0.21, machineBusy: 0.91 }),
      '21.0 % of a machine 91.0 % busy in spike',
    ],
    'other programs': [evidence({ foreignShare: 0.151 }), 'other programs took 15.1 % in spike'],
    'other programs in compared phases': [
      rounds(0.14, 0.039, 'query(revenue).p50 after / before < 0.5'),
      'other programs took 3.9 % in after and 14.0 % in before',
    ],
    steal: [evidence({ steal: 0.051 }), '5.1 % went to other machines in spike'],
    'clocks apart': [evidence({}, { clockApartMs: 20.1 }), 'they were 20.1 ms apart'],
    'acknowledged is appended': [
      evidence({}, { appended: [{ ...part, appended: 101 }] }),
      'pos-0 holds 101, and 100 were acknowledged',
    ],
    'canary and census disjoint': [
      { ...evidence({}), canaries: { ...canaries, disjoint: 1 } },
      '1 of 10 contradict each other',
    ],
    'canary polls': [
      { ...evidence({}), canaries: { ...canaries, polls: 100, failedPolls: 51 } },
      '51 of 100 had no answer',
    ],
    'canaries compared': [
      { ...evidence({}), canaries: { ...canaries, compared: 4 } },
      'the reader answered about 4 of 10',
    ],
  };

  test.each(INVALID_RULES)('$rule is broken just beyond its limit', ({ rule, limit }) => {
    const [broken, fact] = trips[rule] as (typeof trips)[string];
    expect(judgeValidity(broken)).toEqual([{ rule, fact, limit }]);
  });

  test('an acknowledged record that is missing breaks it as much as one too many', () => {
    const [found] = judgeValidity(evidence({}, { appended: [{ ...part, appended: 99 }] }));
    expect(found?.fact).toBe('pos-0 holds 99, and 100 were acknowledged');
  });

  test('slip is judged by the freshness that a check asks for', () => {
    const checks = [checkOf('staleness(pos).p99 during spike < 15s')];
    expect(judgeValidity(evidence({ slipP99Ms: 149 }, { scenario: { checks } }))).toEqual([]);
    expect(judgeValidity(evidence({ slipP99Ms: 151 }, { scenario: { checks } }))).toHaveLength(1);
    const strict = [...checks, checkOf('staleness(inventory).p50 < 6s')];
    expect(
      judgeValidity(evidence({ slipP99Ms: 61 }, { scenario: { checks: strict } })),
    ).toHaveLength(1);
  });

  test('a check is judged when the census knows its number to a fifth of the limit', () => {
    const text = 'staleness(pos).p99 during spike < 5s';
    const p99 = (high: number) => ({ p99: { low: 2_000, high } });
    const broken = (...of: Resolution[]) => judgeValidity(checking(text, ...of)).length;
    expect(broken(atMost('spike', p99(3_000)))).toBe(0);
    expect(broken(atMost('spike', p99(3_001)))).toBe(1);
    // Another phase, another stream and another statistic decide other checks.
    expect(broken(atMost(null, p99(3_001)), atMost('before', p99(3_001)))).toBe(0);
    expect(broken(atMost('spike', p99(3_001), 0, 'inventory'))).toBe(0);
    expect(broken(atMost('spike', { max: { low: 0, high: 4_000 } }))).toBe(0);
    // Never visible: there is no number to be known to anything.
    expect(broken(atMost('spike', {}))).toBe(0);
  });

  test('of a ratio both ends count, and of an age the widest interval', () => {
    const p50 = (low: number, high: number) => ({ p50: { low, high } });
    const ratio = (low: number, high: number) =>
      judgeValidity(
        checking(
          'staleness(pos).p50 after / before < 1.5',
          atMost('before', p50(low, high)),
          atMost('after', p50(low, high)),
        ),
      );
    // 1000/880 − 880/1000 is below 0.3, and 1000/850 − 850/1000 above it.
    expect(ratio(880, 1_000)).toEqual([]);
    expect(ratio(850, 1_000)).toMatchObject([{ rule: 'resolution' }]);
    expect(ratio(0, 1_000)).toMatchObject([{ rule: 'resolution' }]);
    const age = (judgedMs: number, of: Resolution['of']) =>
      judgeValidity(checking('age(pos).max during spike < 5s', atMost('spike', {}, judgedMs, of)));
    expect(age(1_000, 'pos')).toEqual([]);
    expect(age(1_001, 'pos')).toMatchObject([{ rule: 'resolution' }]);
    expect(age(1_001, 'inventory')).toEqual([]);
    // The table that determines the age of an answer is not recorded: it may be any.
    const answer = atMost('spike', {}, 1_001, 'inventory');
    expect(
      judgeValidity(checking('answer_age(revenue).max during spike < 5s', answer)),
    ).toMatchObject([{ rule: 'resolution' }]);
  });

  test('the machine of every shard is judged', () => {
    const shard = { number: 2, harnessShare: 0.3, machineBusy: 0.95, steal: 0.01 };
    const found = judgeValidity(evidence({ shards: [shard] }));
    expect(found.map(({ fact }) => fact)).toEqual([
      '30.0 % of a machine 95.0 % busy in spike on the machine of shard 2',
    ]);
  });

  test('what a probe could not do is on the list too', () => {
    const incident = { rule: 'census', fact: 'snapshot 1 was gone', limit: 'every row', atMs: 1 };
    const found = judgeValidity(evidence({}, { incidents: [{ ...incident, probe: 'census' }] }));
    expect(found).toEqual([{ rule: 'census', fact: 'snapshot 1 was gone', limit: 'every row' }]);
  });
});

describe('the verdict', () => {
  const invalid: Invalid[] = [{ rule: 'steal', fact: 'x', limit: 'y' }];
  const untrue = { lost: 1, duplicated: 0, wrong: 0 };
  const fine = { lost: 0, duplicated: 0, wrong: 0 };
  const all: Findings = {
    truth: untrue,
    regressions: null,
    invalid,
    checks: [{ verdict: 'FAIL' }, { verdict: 'NO_DATA' }, { verdict: 'PASS' }],
  };

  test.each<[string, Partial<Findings>, unknown]>([
    ['untrue', {}, { verdict: 'FAIL', exitCode: EXIT.checkFailed }],
    [
      'a row that went back',
      { truth: fine, regressions: { count: 1 }, checks: [] },
      { verdict: 'FAIL', exitCode: EXIT.checkFailed },
    ],
    [
      'none that went back',
      { truth: fine, regressions: { count: 0 } },
      { verdict: 'INVALID', exitCode: EXIT.invalid },
    ],
    ['invalid', { truth: fine }, { verdict: 'INVALID', exitCode: EXIT.invalid }],
    ['failed', { truth: fine, invalid: [] }, { verdict: 'FAIL', exitCode: EXIT.checkFailed }],
    [
      'no data',
      { truth: fine, invalid: [], checks: [{ verdict: 'NO_DATA' }, { verdict: 'PASS' }] },
      { verdict: 'NO_DATA', exitCode: EXIT.noData },
    ],
    [
      'passed',
      { truth: fine, invalid: [], checks: [{ verdict: 'PASS' }] },
      { verdict: 'PASS', exitCode: EXIT.pass },
    ],
  ])('%s comes before all that follows', (_, findings, judged) => {
    expect(judgeRun({ ...all, ...findings })).toEqual(judged);
  });

  test('a table that was not judged is no pass, and takes no other verdict away', () => {
    const truth = { notJudged: [{ what: 'inventory', reason: 'DuckDB timeout after 300 s' }] };
    const none = { regressions: null, invalid: [], checks: [] };
    const run = { truth, ...none };
    expect(judgeRun(run)).toEqual({ verdict: 'NO_DATA', exitCode: EXIT.noData });
    expect(judgeRun({ ...run, truth: { ...truth, lost: 1 } }).verdict).toBe('FAIL');
    expect(judgeRun({ ...run, checks: [{ verdict: 'FAIL' }] }).verdict).toBe('FAIL');
    const invalid = [{ rule: 'steal', fact: '9 %', limit: '5 %' }];
    expect(judgeRun({ ...run, invalid }).verdict).toBe('INVALID');
  });

  test('wrong data fails a run that asks for nothing', () => {
    const found = judgeRun({
      truth: untrue,
      regressions: null,
      invalid: [],
      checks: [],
    });
    expect(found).toEqual({ verdict: 'FAIL', exitCode: EXIT.checkFailed });
  });
});
