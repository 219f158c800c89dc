import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { rateAt } from '../src/generators/expected/rate.ts';
import { CpuAccounts } from '../src/harness/clients/cpu-accounts.ts';
import { readProcesses } from '../src/harness/clients/proc.ts';
import { FactFile } from '../src/harness/load/fact-file.ts';
import { follow } from '../src/harness/probes/follow.ts';
import { PollSchedule } from '../src/harness/probes/poll-schedule.ts';
import type { ProbeKind } from '../src/harness/probes/probes.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Scenario } from '../src/scenario/scenario.ts';
import type { Bench, BenchContext, BenchRow } from './bench.ts';
import { ownCpuS, poolThreads, threadsS } from './cpu.ts';
import { type Replay, withReplay } from './replay.ts';

/** A moderate load on the design of the main job, and that of a national chain on the design that sustains it. */
const LOADS = [
  { perSecond: 100, use: 'cdc-upsert', stores: 200 },
  { perSecond: 3_000, use: 'append-ledger', stores: 5_000 },
] as const;
/** Three commit intervals. */
const WINDOW_MS = 15_000;
const SETTLE_MS = 2_000;
const COMMIT_EVERY = '5s';

/** What runs in addition from a step on. `alone`: only during the step. */
interface Step {
  readonly name: string;
  readonly probes: readonly ProbeKind[];
  readonly alone?: (context: BenchContext, replay: Replay, signal: AbortSignal) => Promise<void>;
}

const STEPS: readonly Step[] = [
  { name: 'load alone', probes: [] },
  {
    name: 'job watch alone',
    probes: [],
    alone: (_context, { deployment }, signal) => deployment.watch(signal),
  },
  { name: 'catalog polls alone', probes: [], alone: pollOnly },
  { name: '+ census', probes: ['census'] },
  { name: '+ canary', probes: ['canary'] },
  { name: '+ queries', probes: ['queries'] },
  { name: '+ /proc and event loop', probes: ['resources', 'eventLoop'] },
];

/** CPU time of each part of the harness: the parts start one after another during one replay. */
export const parts: Bench = {
  name: 'parts',
  about: `CPU time of each part of the harness, at ${LOADS.map(({ perSecond }) => perSecond).join(' and ')} events/s`,
  async run(context) {
    const pool = await poolThreads();
    const rows: BenchRow[] = [];
    for (const load of LOADS) {
      const { perSecond } = load;
      const scenario = scenarioAt(load);
      const windows = await withReplay(
        context,
        { name: `parts-${perSecond}`, scenario },
        (replay) => measureSteps(context, replay, pool),
      );
      rows.push(...rowsOf(perSecond, windows));
    }
    return {
      title: `CPU time of the harness by part, ms per second: windows of ${WINDOW_MS / 1_000} s`,
      rows: [...rows, ...(await alone(context))],
      ratios: [],
      notes: [
        'added: difference to the load with the parts before it, without those that ran alone; the census includes its polls',
        'main, producers, pool (DuckDB, files), V8 (compiler, garbage) are threads; readers are processes of their own',
        'the query engine is under test and not part of the harness; its process is in no sum',
      ],
    };
  },
};

/** Receipts, stock and its work orders, at a load that makes so many messages a second. */
function scenarioAt({ perSecond, use, stores }: (typeof LOADS)[number]): Scenario {
  const at = (perStoreHour: number) =>
    parseScenario(
      `
name: parts
seed: 7
starts_at: 2026-11-27T09:00
retail: { stores: ${stores}, skus: 1000, assortment: 200, hours: flat }
traffic:
  pos: { receipts: ${perStoreHour}/store/h }
  wms: {}
  inventory: { preload: none }
pipeline: { use: ${use}, commit_every: ${COMMIT_EVERY} }
stack: { jit: c1 }
queries: { every: 4s, timeout: 10s }
canaries: { rate: 1/s }
phases: [{ name: only, for: 10m }]
`,
      { file: 'parts' },
    ).scenario;
  // The rate is linear in the receipts: nothing else sends.
  const unit = rateAt(at(100), 1_000) / 100;
  return at(Number((perSecond / unit).toFixed(3)));
}

/** CPU seconds of each kind of thread and process so far. */
interface Usage {
  readonly atMs: number;
  readonly events: number;
  readonly main: number;
  readonly producers: number;
  readonly pool: number;
  readonly v8: number;
  readonly readers: number;
  readonly 'query engine': number;
}

interface Window {
  readonly step: Step;
  readonly before: Usage;
  readonly after: Usage;
}

async function measureSteps(
  context: BenchContext,
  replay: Replay,
  pool: ReadonlySet<number>,
): Promise<readonly Window[]> {
  const { clock, signal, say } = context;
  const engines = new Set<number>();
  const usage = () => usageOf(context, replay, { pool, engines });
  await replay.begin();
  const windows: Window[] = [];
  for (const step of STEPS) {
    say(step.name);
    const known = await readerPids();
    for (const kind of step.probes) await replay.start(kind);
    if (step.probes.includes('queries')) {
      for (const pid of await readerPids()) if (!known.has(pid)) engines.add(pid);
    }
    const over = new AbortController();
    const only = step.alone?.(context, replay, AbortSignal.any([signal, over.signal]));
    await clock.sleep(SETTLE_MS, signal);
    const before = await usage();
    await clock.sleep(WINDOW_MS, signal);
    windows.push({ step, before, after: await usage() });
    over.abort();
    await only;
  }
  return windows;
}

/** Polls every table as the census does, and reads no commit. */
async function pollOnly({ clock }: BenchContext, { probes }: Replay, signal: AbortSignal) {
  const { visibility, datasets, scenario } = probes;
  const options = { clock, signal, polled: () => undefined, failed: () => undefined };
  await Promise.all(
    datasets.map((dataset) =>
      follow(
        visibility.follow(dataset),
        new PollSchedule(scenario.pipeline.commitEveryMs),
        options,
      ),
    ),
  );
}

/** Processes of readers: children of this process that are Node as well. */
async function readers() {
  const own = (await readProcesses()).get(process.pid);
  const all = [...(await readProcesses()).values()];
  return all.filter(({ parent, name }) => parent === process.pid && name === own?.name);
}

async function readerPids(): Promise<ReadonlySet<number>> {
  return new Set((await readers()).map(({ pid }) => pid));
}

async function usageOf(
  { clock }: BenchContext,
  { load, producers }: Replay,
  of: { readonly pool: ReadonlySet<number>; readonly engines: ReadonlySet<number> },
): Promise<Usage> {
  const threads = [...threadsS()];
  const sum = (which: (id: number) => boolean) =>
    threads.reduce((total, [id, s]) => (which(id) ? total + s : total), 0);
  const processes = await readers();
  const sumOf = (ofEngine: boolean) =>
    processes.reduce(
      (total, { pid, ownS }) => (of.engines.has(pid) === ofEngine ? total + ownS : total),
      0,
    );
  const isMain = (id: number) => id === process.pid;
  return {
    atMs: clock.monotonicMs(),
    events: load.progress.acknowledged,
    main: sum(isMain),
    producers: sum((id) => producers.has(id)),
    pool: sum((id) => of.pool.has(id)),
    v8: sum((id) => !isMain(id) && !producers.has(id) && !of.pool.has(id)),
    readers: sumOf(false),
    'query engine': sumOf(true),
  };
}

const PARTS = ['main', 'producers', 'pool', 'v8', 'readers'] as const;

function rowsOf(perSecond: number, windows: readonly Window[]): BenchRow[] {
  let baseShare: number | null = null;
  return windows.map(({ step, before, after }) => {
    const seconds = (after.atMs - before.atMs) / 1_000;
    const used = (part: keyof Usage) => ((after[part] - before[part]) / seconds) * 1_000;
    const share =
      (PARTS.reduce((total, part) => total + used(part), 0) / 1_000 / availableParallelism()) * 100;
    const added = baseShare === null ? null : share - baseShare;
    if (step.alone === undefined) baseShare = share;
    return {
      what: `${perSecond}/s ${step.name}`,
      values: {
        'events/s': (after.events - before.events) / seconds,
        ...Object.fromEntries(PARTS.map((part) => [part, used(part)])),
        'query engine': used('query engine'),
        'harness, % of machine': share,
        'added, %': added,
      },
    };
  });
}

const LINES = 100_000;
const SAMPLES = 50;

/** Parts that are too small for a difference of windows: each alone, many times. */
async function alone({ dir }: BenchContext): Promise<BenchRow[]> {
  const cost = async (what: string, n: number, work: () => unknown): Promise<BenchRow> => {
    const before = ownCpuS();
    for (let i = 0; i < n; i++) await work();
    return { what, values: { 'us each': ((ownCpuS() - before) / n) * 1e6 } };
  };
  const file = new FactFile('events', join(dir, 'line.csv'));
  const lines = await cost('a block of 25 lines of facts', LINES / 25, () => {
    for (let i = 0; i < 25; i++) file.append(LINE);
  });
  await file.close();
  const accounts = new CpuAccounts();
  const roots = new Map([[process.pid, 'harness']]);
  const sampled = await cost('a sample of /proc, accounts included', SAMPLES, async () =>
    accounts.sample(await readProcesses(), roots),
  );
  return [lines, sampled];
}

/** A line of `events`, with values of a usual length. */
const [ID, MS] = ['0123456789abcdef0123', 1_793_000_000_123] as const;
const LINE = [
  ...['inventory', ID, 117, 4_711, 12, 35, 33, false, 'original', null, null, null],
  ...[null, 1_299, MS, MS, MS, MS, MS, MS, 3, 123_456, 341, 'row'],
];
