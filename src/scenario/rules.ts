import { ratePer } from '../core/units.ts';
import type { Problem } from './problems.ts';
import { STREAMS, type Stream } from './scenario.ts';
import type { Draft } from './schema.ts';

/** The sections that passed their own schema; a rule is silent while one that it needs did not. */
export type Sections = Partial<Draft>;

/** What the sections of a scenario say against each other: nothing written may be without effect. */
export function judgeSections(sections: Sections, raw: unknown): Problem[] {
  return [
    ...judgeRetail(sections),
    ...judgeTraffic(sections, raw),
    ...judgeFaults(sections),
    ...judgeCanaries(sections),
    ...judgePhases(sections),
  ];
}

const value = (path: Problem['path'], message: string): Problem => ({ path, at: 'value', message });
const key = (path: Problem['path'], message: string): Problem => ({ path, at: 'key', message });

function judgeRetail({ retail }: Sections): Problem[] {
  if (retail?.assortment === undefined || retail.assortment <= retail.skus) return [];
  const fact = `a store cannot carry ${retail.assortment} of ${retail.skus} SKUs`;
  return [value(['retail', 'assortment'], fact)];
}

/** The streams a scenario turns on. */
export function streamsOn(traffic: Draft['traffic']): Stream[] {
  return STREAMS.filter((stream) => traffic[stream] !== undefined);
}

function judgeTraffic({ traffic }: Sections, raw: unknown): Problem[] {
  if (!traffic) return [];
  const problems: Problem[] = [];
  if (streamsOn(traffic).length === 0) {
    problems.push(key(['traffic'], 'no stream is on: nothing would be sent'));
  }
  for (const follower of ['wms', 'loyalty', 'inventory'] as const) {
    if (!traffic[follower] || traffic.pos) continue;
    problems.push(key(['traffic', follower], `${follower} follows receipts: it needs pos`));
  }
  if (traffic.pos && !traffic.pos.receipts.ofEachStore) {
    const fact = 'receipts are counted per store: write 50/store/h';
    problems.push(value(['traffic', 'pos', 'receipts'], fact));
  }
  if (traffic.pos && traffic.pos.receipts.count === 0) {
    problems.push(value(['traffic', 'pos', 'receipts'], 'no receipts: leave pos out instead'));
  }
  if (traffic.cart?.sessions.ofEachStore) {
    const fact = 'the web shop is one for the chain: write 12/s';
    problems.push(value(['traffic', 'cart', 'sessions'], fact));
  }
  if (traffic.cart && traffic.cart.sessions.count === 0) {
    problems.push(value(['traffic', 'cart', 'sessions'], 'no sessions: leave cart out instead'));
  }
  if (traffic.cart && !traffic.inventory && has(raw, ['traffic', 'cart', 'pickup'])) {
    const fact = 'without inventory a pickup changes nothing: it is dead';
    problems.push(key(['traffic', 'cart', 'pickup'], fact));
  }
  return problems;
}

function judgeFaults({ traffic }: Sections): Problem[] {
  const problems: Problem[] = [];
  for (const kind of ['duplicates', 'malformed'] as const) {
    const fault = traffic?.faults[kind];
    if (fault?.rate !== 0) continue;
    const fact = `a rate of 0% makes every option of ${kind} dead: leave ${kind} out instead`;
    problems.push(value(['traffic', 'faults', kind, 'rate'], fact));
  }
  const duplicates = traffic?.faults.duplicates;
  if (duplicates && duplicates.delay_max < duplicates.delay) {
    const fact = 'the longest retry delay is shorter than the first';
    problems.push(value(['traffic', 'faults', 'duplicates', 'delay_max'], fact));
  }
  return problems;
}

function judgeCanaries({ canaries }: Sections): Problem[] {
  if (!canaries) return [];
  if (canaries.rate.ofEachStore) {
    return [value(['canaries', 'rate'], 'canaries are counted for the chain: write 2/s')];
  }
  const perSecond = ratePer('s', canaries.rate);
  if (perSecond > 0 && perSecond <= 100) return [];
  const fact = 'must be above 0/s and 100/s at most: each one is polled by its key';
  return [value(['canaries', 'rate'], fact)];
}

function judgePhases({ phases, pipeline }: Sections): Problem[] {
  if (!phases) return [];
  const problems: Problem[] = [];
  const firstSeen = new Map<string, number>();
  const firstDo = phases.findIndex((phase) => 'do' in phase);
  phases.forEach((phase, i) => {
    const first = firstSeen.get(phase.name);
    firstSeen.set(phase.name, first ?? i);
    if (first !== undefined) {
      problems.push(value(['phases', i, 'name'], `phase ${first} is called "${phase.name}" too`));
    }
    if ('for' in phase && firstDo >= 0 && i > firstDo) {
      const earlier = phases[firstDo]?.name;
      const fact = `a timed phase cannot follow "${earlier}", whose length is not known beforehand`;
      problems.push(value(['phases', i, 'name'], fact));
    }
    if ('for' in phase) problems.push(...judgeTimed(phase, i));
    if ('do' in phase && phase.do === 'compact' && pipeline && pipeline.compaction.by !== 'spark') {
      const fact = `a compact phase needs compaction: { by: spark }, not ${pipeline.compaction.by}`;
      problems.push(value(['phases', i, 'do'], fact));
    }
  });
  if (firstDo === 0) {
    problems.push(value(['phases', 0, 'name'], 'the first phase must be a timed one'));
  }
  if (!phases.some((phase) => 'do' in phase || phase.measured)) {
    problems.push(key(['phases'], 'no phase is measured: nothing would be reported'));
  }
  if (pipeline?.compaction.by === 'spark' && !phases.some(isCompact)) {
    const fact = 'compaction by spark happens in a compact phase, and there is none';
    problems.push(value(['pipeline', 'compaction', 'by'], fact));
  }
  return problems;
}

const isCompact = (phase: Draft['phases'][number]) => 'do' in phase && phase.do === 'compact';

type TimedDraft = Extract<Draft['phases'][number], { for: number }>;

function judgeTimed(phase: TimedDraft, i: number): Problem[] {
  if (phase.load === 0 && phase.measured) {
    const fact = 'without load nothing is due, so nothing is measured: add measured: false';
    return [value(['phases', i, 'load'], fact)];
  }
  if (phase.load === 0 && phase.shape !== 'flat') {
    return [value(['phases', i, 'shape'], `without load there is no ${phase.shape}: it is dead`)];
  }
  return [];
}

/** Whether a key was written, rather than filled in. */
function has(raw: unknown, path: Problem['path']): boolean {
  let at: unknown = raw;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return false;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at !== undefined;
}
