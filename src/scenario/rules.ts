import { formatDuration, ratePer } from '../core/units.ts';
import { isSkipped, wallClock } from '../core/wall-clock.ts';
import { judgeFaults } from './fault-rules.ts';
import { atKey, atValue, isWritten, type Problem } from './problems.ts';
import { judgeRandomFaults } from './random-fault-rules.ts';
import { judgeRates } from './rate-rules.ts';
import {
  MAINTENANCE_ACTIONS,
  type MaintenanceAction,
  ON_DEMAND,
  STREAMS,
  type Stream,
} from './scenario.ts';
import { type Draft, draftTimedMs, isCompact } from './schema.ts';
import { judgeServerFaults } from './server-fault-rules.ts';

/** The sections that passed their own schema; a rule does not apply if a section that it needs did not. */
export type Sections = Partial<Draft>;

/** Contradictions between the sections of a scenario, and settings without effect. */
export function judgeSections(sections: Sections, raw: unknown): Problem[] {
  return [
    ...judgeRetail(sections),
    ...judgeClocks(sections),
    ...judgeTraffic(sections, raw),
    ...judgeRates(sections),
    ...judgeFaults(sections, raw),
    ...judgeCanaries(sections),
    ...judgePhases(sections),
    ...judgeServerFaults(sections),
    ...judgeRandomFaults(sections),
    ...judgeStack(sections, raw),
  ];
}

/** Settings of servers that have no effect on external servers. */
function judgeStack({ stack }: Sections, raw: unknown): Problem[] {
  if (stack === undefined) return [];
  if (stack.runtime !== 'external') {
    if (stack.external === undefined) return [];
    const fact = `it has no effect with runtime: ${stack.runtime}: write runtime: external, or leave it out`;
    return [atKey(['stack', 'external'], fact)];
  }
  const problems: Problem[] = [];
  if (isWritten(raw, ['stack', 'jit'])) {
    const fact = 'external servers keep their own JVM settings: leave it out';
    problems.push(atKey(['stack', 'jit'], fact));
  }
  const { auth, token_uri, scope } = stack.external?.catalog ?? {};
  for (const [key, value] of Object.entries({ token_uri, scope })) {
    if (value === undefined || auth === 'oauth2') continue;
    const fact = `it belongs to oauth2, and auth is ${auth}`;
    problems.push(atKey(['stack', 'external', 'catalog', key], fact));
  }
  return problems;
}

function judgeRetail({ retail }: Sections): Problem[] {
  if (retail?.assortment === undefined || retail.assortment <= retail.skus) return [];
  const fact = `a store cannot carry ${retail.assortment} of ${retail.skus} SKUs`;
  return [atValue(['retail', 'assortment'], fact)];
}

function judgeClocks({ retail, starts_at: startsAt, phases }: Sections): Problem[] {
  if (retail?.clocks !== 'us' || startsAt === undefined || phases === undefined) return [];
  if (isSkipped(startsAt)) {
    return [
      atValue(['starts_at'], 'this time does not exist: clocks: us skip from 02:00 to 03:00'),
    ];
  }
  const timedMs = draftTimedMs(phases);
  const changes = (retail.time_zones === 'us' ? [0, 1, 2, 3] : [0]).some((hoursBehind) => {
    const standard = wallClock('standard', startsAt, hoursBehind);
    const changing = wallClock('us', startsAt, hoursBehind);
    return [0, timedMs].some((offsetMs) => standard(offsetMs) !== changing(offsetMs));
  });
  if (changes) return [];
  const fact =
    'no clock changes during the timed phases: leave it out, or begin shortly before 02:00 on 2026-11-01, for example';
  return [atValue(['retail', 'clocks'], fact)];
}

/** The streams a scenario turns on. */
export function streamsOn(traffic: Draft['traffic']): Stream[] {
  return STREAMS.filter((stream) => traffic[stream] !== undefined);
}

function judgeTraffic({ traffic }: Sections, raw: unknown): Problem[] {
  if (!traffic) return [];
  const problems: Problem[] = [];
  if (streamsOn(traffic).length === 0) {
    problems.push(atKey(['traffic'], 'no stream is on: nothing would be sent'));
  }
  for (const follower of ['wms', 'loyalty', 'inventory'] as const) {
    if (!traffic[follower] || traffic.pos) continue;
    problems.push(atKey(['traffic', follower], `${follower} follows receipts: it needs pos`));
  }
  if (traffic.pos && !traffic.pos.receipts.ofEachStore) {
    const fact = 'receipts are counted per store: write 50/store/h';
    problems.push(atValue(['traffic', 'pos', 'receipts'], fact));
  }
  problems.push(...judgeTape(traffic, raw));
  if (traffic.cart?.sessions.ofEachStore) {
    const fact = 'the chain has one web shop: write 12/s';
    problems.push(atValue(['traffic', 'cart', 'sessions'], fact));
  }
  if (traffic.cart && !traffic.inventory && isWritten(raw, ['traffic', 'cart', 'pickup'])) {
    const fact = 'without inventory a pickup changes nothing: leave it out';
    problems.push(atKey(['traffic', 'cart', 'pickup'], fact));
  }
  if (traffic.wms && traffic.wms.delist > 0 && !traffic.inventory) {
    const fact = 'without inventory there is no row to delete: leave it out';
    problems.push(atKey(['traffic', 'wms', 'delist'], fact));
  }
  return problems;
}

function judgeTape({ pos, loyalty }: Draft['traffic'], raw: unknown): Problem[] {
  const at = ['traffic', 'pos'];
  if (pos?.tape === undefined) {
    return pos?.map === undefined
      ? []
      : [atKey([...at, 'map'], 'without a tape it changes nothing: leave it out')];
  }
  const problems: Problem[] = [];
  if (pos.map === undefined && !isWritten(raw, [...at, 'map'])) {
    const fact = 'needs a map: { receipt, store, at, sku, quantity, amount } name its columns';
    problems.push(atKey([...at, 'tape'], fact));
  }
  if (pos.map !== undefined) problems.push(...judgeMap(pos.map, [...at, 'map']));
  if (pos.returns !== undefined) {
    problems.push(atKey([...at, 'returns'], 'the tape contains the returns: leave it out'));
  }
  if (pos.map?.member !== undefined && loyalty?.share !== undefined) {
    const fact = 'the tape contains the members: leave it out';
    problems.push(atKey(['traffic', 'loyalty', 'share'], fact));
  }
  return problems;
}

function judgeMap(
  { amount, price, member, no_member }: NonNullable<NonNullable<Draft['traffic']['pos']>['map']>,
  at: readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  if (amount === undefined && price === undefined) {
    problems.push(atKey(at, '"amount" is missing: the line\'s amount, or price, the unit\'s'));
  }
  if (amount !== undefined && price !== undefined) {
    problems.push(
      atKey(
        [...at, 'price'],
        'amount and price both give the amount of a line: leave one of them out',
      ),
    );
  }
  if (no_member !== undefined && member === undefined) {
    problems.push(atKey([...at, 'no_member'], 'without member it changes nothing: leave it out'));
  }
  return problems;
}

function judgeCanaries({ canaries }: Sections): Problem[] {
  if (!canaries) return [];
  if (canaries.rate.ofEachStore) {
    return [atValue(['canaries', 'rate'], 'canaries are counted for the chain: write 2/s')];
  }
  const perSecond = ratePer('s', canaries.rate);
  if (perSecond >= 0.01 && perSecond <= 100) return [];
  const fact = 'must be from 0.01/s to 100/s: each canary is polled by its key';
  return [atValue(['canaries', 'rate'], fact)];
}

/** Limit of a run's length: its facts are kept in memory, and curves are computed per hour. */
const LONGEST_RUN_MS = 7 * 86_400_000;

function judgePhases({ phases, pipeline }: Sections): Problem[] {
  if (!phases) return [];
  const problems: Problem[] = [];
  const firstSeen = new Map<string, number>();
  const firstDo = phases.findIndex((phase) => 'do' in phase);
  phases.forEach((phase, i) => {
    const first = firstSeen.get(phase.name);
    firstSeen.set(phase.name, first ?? i);
    if (first !== undefined) {
      problems.push(atValue(['phases', i, 'name'], `phase ${first} is called "${phase.name}" too`));
    }
    if ('for' in phase && firstDo >= 0 && i > firstDo) {
      const earlier = phases[firstDo]?.name;
      const fact = `a timed phase cannot follow "${earlier}", whose length is unknown before the run`;
      problems.push(atValue(['phases', i, 'name'], fact));
    }
    if ('for' in phase) problems.push(...judgeTimed(phase, i));
    else problems.push(...judgeUntimed(phase, i, pipeline?.compaction.by));
  });
  if (firstDo === 0) {
    problems.push(atValue(['phases', 0, 'name'], 'the first phase must be a timed one'));
  }
  const timedMs = draftTimedMs(phases);
  if (timedMs > LONGEST_RUN_MS) {
    const fact = `come to ${formatDuration(timedMs)}: ${formatDuration(LONGEST_RUN_MS)} are the most`;
    problems.push(atKey(['phases'], fact));
  }
  if (!phases.some((phase) => 'do' in phase || phase.measured)) {
    problems.push(atKey(['phases'], 'no phase is measured: nothing would be reported'));
  }
  if (pipeline) problems.push(...judgeCompaction(pipeline.compaction, phases));
  return problems;
}

function judgeCompaction(
  compaction: Draft['pipeline']['compaction'],
  phases: Draft['phases'],
): Problem[] {
  if (compaction.by === 'none' || compaction.by === 'flink') return [];
  const at = ['pipeline', 'compaction'];
  const { by, trigger, not_during: notDuring = [], actions = [], scope } = compaction;
  if (trigger === undefined) {
    const needless = (['not_during', 'queries', 'actions', 'scope'] as const)
      .filter((key) => compaction[key] !== undefined)
      .map((key) => atKey([...at, key], 'it belongs to a trigger: write trigger: { every: 20s }'));
    if (phases.some(isCompact)) return needless;
    const fact = `compaction by ${by} happens in a compact phase or by a trigger, and there is none`;
    return [...needless, atValue([...at, 'by'], fact)];
  }
  const problems: Problem[] = [];
  if (phases.some(isCompact)) {
    const fact = 'a compact phase would run into it: take the phase or the trigger out';
    problems.push(atKey([...at, 'trigger'], fact));
  }
  if (Object.values(trigger).every((value) => value === undefined)) {
    const fact = 'needs every, data_files, delete_files, amoro or autocomp';
    problems.push(atValue([...at, 'trigger'], fact));
  }
  problems.push(...judgeActions(actions, by, [...at, 'actions']));
  problems.push(...judgeScope(scope, compaction.actions ?? ['rewrite'], [...at, 'scope']));
  notDuring.forEach((phase, i) => {
    if (phases.some(({ name }) => name === phase)) return;
    const fact = `there is no phase "${phase}": ${phases.map(({ name }) => name).join(', ')}`;
    problems.push(atValue([...at, 'not_during', i], fact));
  });
  if (phases.every(({ name }) => notDuring.includes(name))) {
    problems.push(atKey([...at, 'not_during'], 'leaves no phase in which it could begin'));
  }
  return problems;
}

const isOnDemand = (by: string) => ON_DEMAND.some((kind) => kind === by);

type UntimedDraft = Extract<Draft['phases'][number], { do: string }>;

function judgeUntimed(
  phase: UntimedDraft,
  i: number,
  by: Draft['pipeline']['compaction']['by'] | undefined,
): Problem[] {
  const problems: Problem[] = [];
  if (isCompact(phase) && by !== undefined && !isOnDemand(by)) {
    const fact = `a ${phase.do} phase needs compaction: { by: spark }, not ${by}`;
    problems.push(atValue(['phases', i, 'do'], fact));
  }
  const at = ['phases', i, 'actions'];
  if (phase.do === 'maintain') {
    const actions = phase.actions ?? MAINTENANCE_ACTIONS;
    problems.push(...judgeActions(actions, by, at));
    problems.push(...judgeScope(phase.scope, actions, ['phases', i, 'scope']));
    return problems;
  }
  const fact = 'they belong to do: maintain';
  if (phase.actions !== undefined) problems.push(atKey(at, fact));
  if (phase.scope !== undefined) problems.push(atKey(['phases', i, 'scope'], fact));
  return problems;
}

function judgeScope(
  scope: readonly string[] | undefined,
  actions: readonly MaintenanceAction[],
  at: readonly (string | number)[],
): Problem[] {
  if (scope === undefined) return [];
  const problems: Problem[] = [];
  if (actions.includes('rewrite')) {
    const fact =
      "the pipeline's compact.sql says which tables are rewritten: write actions without rewrite, such as [orphans, expire]";
    problems.push(atKey(at, fact));
  }
  if (new Set(scope).size < scope.length) problems.push(atKey(at, 'names a table twice'));
  return problems;
}

function judgeActions(
  actions: readonly MaintenanceAction[],
  by: string | undefined,
  at: readonly (string | number)[],
): Problem[] {
  const problems: Problem[] = [];
  if (by === 'in-process' && actions.some((action) => action !== 'rewrite')) {
    const fact =
      'tables in this process have no manifests and no snapshots: rewrite is all there is';
    problems.push(atKey(at, fact));
  }
  if (new Set(actions).size < actions.length) problems.push(atKey(at, 'names an action twice'));
  const [orphans, expire] = [actions.indexOf('orphans'), actions.indexOf('expire')];
  if (expire >= 0 && orphans > expire) {
    const fact =
      'what expire deletes would be counted as an orphan too: write orphans before expire';
    problems.push(atKey(at, fact));
  }
  return problems;
}

type TimedDraft = Extract<Draft['phases'][number], { for: number }>;

function judgeTimed(phase: TimedDraft, i: number): Problem[] {
  if (phase.load === 0 && phase.measured) {
    const fact = 'without load nothing is due, so nothing is measured: add measured: false';
    return [atValue(['phases', i, 'load'], fact)];
  }
  if (phase.load === 0 && phase.shape !== 'flat') {
    return [
      atValue(['phases', i, 'shape'], `without load there is no ${phase.shape}: leave it out`),
    ];
  }
  return [];
}
