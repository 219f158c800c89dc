import { compareSamples } from '../core/two-samples.ts';
import type { ComparisonPlan, RecordedDesign } from '../record/comparison-plan.ts';
import { laneDifferences } from '../record/environment.ts';
import type { Metric, RunRecord } from '../record/record.ts';
import { differencesOf, differenceText } from '../scenario/differences.ts';
import { parseScenario } from '../scenario/parse.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { type Measure, measuresOf } from './measures.ts';
import {
  isCounted,
  type ListedTrial,
  listedTrial,
  metricsOf,
  type Spread,
  spreadOf,
} from './repetition.ts';

/** A number of a design, compared with that of the first design. null is +∞. */
interface Change {
  readonly kind: 'ratio' | 'difference';
  readonly estimate: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly coverage: number;
  /** `undecided`: too few trials; `no difference`: the interval contains one. */
  readonly found: 'lower' | 'higher' | 'no difference' | 'undecided';
}

/** One number of all designs. */
export interface ComparedNumber {
  readonly unit: string;
  readonly better: Metric['better'];
  /** One per design, in their order. `change` is null for the first design, and without data. */
  readonly designs: readonly { readonly spread: Spread; readonly change: Change | null }[];
}

/** Designs under the same traffic, side by side. */
export interface Comparison extends ComparisonPlan {
  readonly version: 1;
  readonly scenario: string;
  /** Reasons not to trust the comparison, the first ones first. */
  readonly warnings: readonly string[];
  readonly designs: readonly {
    readonly label: string;
    readonly pipeline: string;
    readonly tier: number | null;
    readonly headline: string;
    readonly counted: number;
    readonly trials: readonly ListedTrial[];
  }[];
  /** Settings in which the designs differ, as text; null: the design has no such setting. */
  readonly settings: readonly {
    readonly path: string;
    readonly values: readonly (string | null)[];
  }[];
  readonly measures: readonly (ComparedNumber & Pick<Measure, 'id' | 'title'>)[];
  readonly metrics: readonly (ComparedNumber & {
    readonly name: Metric['name'];
    readonly of: string | null;
    readonly phase: string | null;
    readonly stat: string | null;
  })[];
}

/** Least coverage of an interval that decides: that of three trials against three. */
const DECIDING = 0.9 - 1e-9;

/**
 * Compares every design with the first one. Numbers of trials that are INVALID or did not complete are in none of
 * them. `forced`: what makes the designs incomparable is a warning.
 */
export function comparisonOf(
  plan: ComparisonPlan,
  designs: readonly RecordedDesign[],
  forced: readonly string[] = [],
): Comparison {
  const counted = designs.map(({ trials }) => trials.filter(isCounted));
  const first = designs.flatMap(({ trials }) => trials).map(({ record }) => record);
  return {
    version: 1,
    ...plan,
    scenario: first[0]?.scenario.name ?? '',
    warnings: [...forced, ...warningsOf(plan, designs, counted)],
    designs: designs.map(({ label, trials }, i) => {
      const { pipeline } = trials[0]?.record ?? {};
      return {
        label,
        pipeline: pipeline?.name ?? '',
        tier: pipeline?.tier ?? null,
        headline: pipeline?.headline ?? '',
        counted: counted[i]?.length ?? 0,
        trials: trials.map(listedTrial),
      };
    }),
    settings: settingsOf(designs),
    measures: measuresOf(counted.flat().map(({ record }) => record))
      .map(({ id, title, unit, better, of }) => ({
        ...{ id, title },
        ...compared(
          unit,
          better,
          counted.map((trials) => spreadOf(trials, of)),
        ),
      }))
      .filter(hasData),
    metrics: allMetrics(counted),
  };
}

function hasData({ designs }: ComparedNumber): boolean {
  return designs.some(({ spread }) => spread.n > 0);
}

function compared(
  unit: string,
  better: Metric['better'],
  spreads: readonly Spread[],
): ComparedNumber {
  return {
    ...{ unit, better },
    designs: spreads.map((spread, i) => ({
      spread,
      change: i === 0 ? null : changeOf(spread, spreads[0] as Spread),
    })),
  };
}

const numbersOf = ({ values }: Spread) => values.map(({ value }) => value ?? Infinity);

function changeOf(over: Spread, under: Spread): Change | null {
  if (over.n === 0 || under.n === 0) return null;
  const { kind, estimate, low, high, coverage } = compareSamples(numbersOf(over), numbersOf(under));
  const same = kind === 'ratio' ? 1 : 0;
  const found =
    coverage < DECIDING
      ? 'undecided'
      : low > same
        ? 'higher'
        : high < same
          ? 'lower'
          : 'no difference';
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    kind,
    estimate: finite(estimate),
    low: finite(low),
    high: finite(high),
    coverage,
    found,
  };
}

const keyOf = ({
  name,
  of,
  phase,
  stat,
}: Omit<Comparison['metrics'][number], keyof ComparedNumber>) => [name, of, phase, stat].join('\n');

/** Every statistic that any design has. */
function allMetrics(counted: readonly (readonly RecordedDesign['trials'][number][])[]) {
  const tables = counted.map(
    (trials) => new Map(metricsOf(trials).map((one) => [keyOf(one), one])),
  );
  const wanted = new Map(tables.flatMap((table) => [...table]));
  return [...wanted].map(([key, { name, of, phase, stat, unit, better }]) => ({
    ...{ name, of, phase, stat },
    ...compared(
      unit,
      better,
      tables.map(
        (table, i) =>
          table.get(key)?.spread ?? { n: 0, missing: counted[i]?.length ?? 0, values: [] },
      ),
    ),
  }));
}

function warningsOf(
  { repeat }: ComparisonPlan,
  designs: readonly RecordedDesign[],
  counted: readonly (readonly unknown[])[],
): readonly string[] {
  const few = designs.flatMap(({ label, trials }, i) => {
    const n = counted[i]?.length ?? 0;
    if (n >= Math.max(repeat, trials.length)) return [];
    return [`${label}: ${n} of ${Math.max(repeat, trials.length)} trials count`];
  });
  const least = Math.min(...counted.map(({ length }) => length));
  if (least >= 3) return few;
  return [
    ...few,
    `with fewer than 3 trials of a design no difference is decided: two runs of one design differ as well (--repeat 3)`,
  ];
}

/** The resolved scenario of a record; null: this version no longer reads it. */
export function scenarioOf({ scenario, seed }: RunRecord): Scenario | null {
  const set = scenario.overrides.map(({ path, value }) => `${path}=${value}`);
  try {
    return parseScenario(scenario.text, { file: scenario.file, set, seed }).scenario;
  } catch {
    return null;
  }
}

function scenariosOf(designs: readonly RecordedDesign[]): readonly (Scenario | null)[] {
  return designs.map(({ trials }) => (trials[0] ? scenarioOf(trials[0].record) : null));
}

/** The settings in which the designs differ. Seeds are those of the trials, and not listed. */
function settingsOf(designs: readonly RecordedDesign[]): Comparison['settings'] {
  const scenarios = scenariosOf(designs);
  if (scenarios.some((one) => one === null)) return [];
  return differencesOf(scenarios as readonly Scenario[])
    .filter(({ path }) => path !== 'seed')
    .map(({ path, values }) => ({
      path,
      values: values.map((value) => (value === undefined ? null : String(value))),
    }));
}

/**
 * Why the records of the designs must not be compared, one sentence each; empty: they may be. Other machines, servers
 * and traffic make other numbers, whatever the design.
 */
export function incomparable(designs: readonly RecordedDesign[]): readonly string[] {
  const [first, ...others] = designs.map(({ label, trials }) => ({
    label,
    seeds: trials
      .map(({ seed }) => seed)
      .sort((a, b) => a - b)
      .join(', '),
    record: trials[0]?.record,
  }));
  const scenarios = scenariosOf(designs);
  return others.flatMap(({ label, seeds, record }, i) => {
    if (!first?.record || !record) return [];
    const both = `${first.label} and ${label}`;
    const lane = laneDifferences(first.record.environment, record.environment);
    return [
      ...(lane.length === 0 ? [] : [`${both} ran in different lanes: ${lane.join('; ')}`]),
      ...otherTraffic(both, scenarios[0] ?? null, scenarios[i + 1] ?? null),
      ...(seeds === first.seeds ? [] : [`${both} have different seeds: ${first.seeds}; ${seeds}`]),
      ...(first.record.scenario.recording?.sha256 === record.scenario.recording?.sha256
        ? []
        : [`${both} replay different recordings`]),
    ];
  });
}

export function otherTraffic(
  both: string,
  a: Scenario | null,
  b: Scenario | null,
): readonly string[] {
  if (a === null || b === null) {
    return [
      `the traffic of ${both} is not known to be the same: this version does not read their scenarios`,
    ];
  }
  const traffic = differencesOf([a, b]).filter((one) => one.traffic && one.path !== 'seed');
  if (traffic.length === 0) return [];
  const shown = traffic.slice(0, 3).map(differenceText);
  const more = traffic.length > 3 ? ` and ${traffic.length - 3} more` : '';
  return [`${both} have different traffic: ${shown.join(', ')}${more}`];
}
