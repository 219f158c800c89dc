import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { CheckResult } from '../../record/record.ts';
import { datasetsOf, enginesUsed } from '../../topology/manifest.ts';
import type { Connection } from '../clients/duckdb.ts';
import { knownEarly } from '../measure/cannot-pass.ts';
import { checksOf } from '../measure/context.ts';
import { measuringOf } from '../measure/measure.ts';
import {
  type BacklogSoFar,
  backlogSoFar,
  failedSoFar,
  openPhaseSql,
  type PlannedPhase,
} from '../measure/so-far.ts';
import { ChecksFailed } from '../outcome/outcome.ts';
import { reasonOf } from '../reason.ts';
import { EventsSoFar } from './events-so-far.ts';
import type { RunEvent } from './progress.ts';
import type { Session } from './trial-context.ts';

/** Shortest pause between two evaluations, ms. */
const EVERY_MS = 2_000;
/** An evaluation is followed by a pause nineteen times as long: on average it uses a twentieth of one core. */
const REST_FACTOR = 19;

/**
 * Computes while the load runs which checks cannot pass any more, whatever follows, and what the pipeline has not shown yet.
 * It reports both, and with `abortOnFail` it ends the trial at the first such check: the only place that decides it. Its
 * owner disposes it at the end of the last phase.
 */
export function watchChecks(session: Session): AsyncDisposable {
  const { options, scenario, journal } = session;
  const warn = (text: string) => {
    journal.note('step', { text });
    options.onEvent({ kind: 'warning', text });
  };
  if (options.abortOnFail && !scenario.checks.some((check) => knownEarly(check) !== null)) {
    warn('no check of this scenario can be decided before the end of the run');
    if (!options.reportSoFar) return { async [Symbol.asyncDispose]() {} };
  }
  const stopping = new AbortController();
  const signal = AbortSignal.any([session.signal, stopping.signal]);
  const watching = watch(session, signal).catch((error: unknown) => {
    if (!signal.aborted) warn(`the checks are not watched any more: ${reasonOf(error)}`);
  });
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await watching;
    },
  };
}

async function watch(session: Session, signal: AbortSignal): Promise<void> {
  const { facts, load, workDir, options, fail } = session;
  const { clock } = options;
  const sql = await facts.connect();
  let last: Extract<RunEvent, { kind: 'so-far' }> | null = null;
  try {
    const source = { dir: join(workDir, 'facts'), threads: load.workers };
    const events = await EventsSoFar.open(sql, source);
    let pauseMs = EVERY_MS;
    while (true) {
      await clock.sleep(pauseMs, signal);
      const startedMs = clock.monotonicMs();
      const soFar = await evaluated(session, sql, events);
      if (signal.aborted) return;
      last = { kind: 'so-far', ...soFar, failed: soFar.failed.map(({ text }) => text) };
      options.onEvent(last);
      const [first, ...others] = soFar.failed;
      if (options.abortOnFail && first !== undefined) {
        fail(new ChecksFailed([first, ...others]));
        return;
      }
      pauseMs = Math.max(EVERY_MS, REST_FACTOR * (clock.monotonicMs() - startedMs));
    }
  } finally {
    // The checks stay as they are; a backlog that is not computed any more is unknown.
    if (last !== null) options.onEvent({ ...last, backlog: [] });
    sql.close();
  }
}

interface Evaluated {
  /** The text of every check of the trial. */
  readonly checks: readonly string[];
  /** Results of those that cannot pass any more. */
  readonly failed: readonly CheckResult[];
  readonly backlog: readonly BacklogSoFar[];
}

async function evaluated(
  session: Session,
  sql: Connection,
  events: EventsSoFar,
): Promise<Evaluated> {
  const { scenario, pipeline, load, probes, state, options, stack } = session;
  const t0Ms = state.t0Ms as number;
  const current = await phaseUnderWay(session, sql, t0Ms);
  const nowMs = options.clock.nowMs();
  await load.reached(nowMs - t0Ms);
  await events.read();
  // Read before the facts: these may have more.
  const readUntilMs = probes.census.readUntilMs();
  await sql.run(openPhaseSql(current));
  const measuring = await measuringOf(sql, {
    ...{ scenario, t0Ms, endedMs: nowMs },
    datasets: datasetsOf(pipeline.manifest, scenario.traffic),
    ...{ flinkOnOurClock: true, engine: enginesUsed(pipeline.manifest, scenario)[0] },
    ...{ cores: availableParallelism(), servers: stack.servers, clockApartMs: 0 },
    ...{ appended: null, incidents: [], compactions: [], truth: null, promises: null },
  });
  return {
    checks: checksOf(measuring.context).map(({ text }) => text),
    failed: await failedSoFar(measuring, { readUntilMs, dueUntilMs: nowMs }),
    backlog: await backlogSoFar(measuring, readUntilMs),
  };
}

/** The load phase that is under way, with its planned end; null: a phase without a planned end is. */
async function phaseUnderWay(
  { scenario, state }: Session,
  sql: Connection,
  t0Ms: number,
): Promise<PlannedPhase | null> {
  const phase = scenario.phases.find(({ name }) => name === state.phase);
  if (phase?.kind !== 'load') return null;
  const [row] = await sql.rows<{ ms: number | null }>(
    'SELECT max(end_ms) AS ms FROM memory.main.phases',
  );
  const startMs = row?.ms ?? t0Ms;
  return { name: phase.name, measured: phase.measured, startMs, endMs: startMs + phase.forMs };
}
