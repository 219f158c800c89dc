import { join } from 'node:path';
import { rateAt } from '../src/generators/expected/rate.ts';
import { packageRoot } from '../src/harness/entry.ts';
import { openLab } from '../src/harness/experiment/lab.ts';
import type { RunEvent } from '../src/harness/experiment/progress.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import { usedBytes } from '../test/support/memory.ts';
import { VirtualClock } from '../test/support/virtual-clock.ts';
import type { Bench, BenchRow } from './bench.ts';

const PER_SECOND = 1_000;
const MINUTES = 60;
const EVERY_MS = 600_000;
/** Interval of the samples of the resident memory in between, real ms. */
const PEAK_EVERY_MS = 100;

function scenarioAt(receipts: number) {
  const file = 'memory.yaml';
  const text = `
name: memory
seed: 7
starts_at: 2026-11-27T09:00
retail: { stores: 100, skus: 400, assortment: 200, hours: flat }
traffic:
  pos: { receipts: ${receipts}/store/h }
  wms: {}
  inventory: { preload: assortment }
  faults: { duplicates: { rate: 5%, delay: 500ms, delay_max: 4s }, malformed: { rate: 1% } }
pipeline: { use: '${join(packageRoot, 'test/pipelines/in-process')}', commit_every: 10s }
queries: { every: 10s, timeout: 60s, cold: 0 }
phases: [{ name: load, for: ${MINUTES}m }]
checks: [lost == 0, duplicated == 0, wrong == 0]
`;
  return { ...parseScenario(text, { file }), file };
}

/** A whole trial of an hour on a virtual clock: memory of this process every ten minutes, and while it is judged. */
export const memory: Bench = {
  name: 'memory',
  about: `memory over ${MINUTES} virtual minutes of ${PER_SECOND} events a second, without servers`,
  async run({ dir, artifacts, signal, say }) {
    // The rate is linear in the receipts: nothing else sends.
    const unit = rateAt(scenarioAt(100).scenario, 60_000) / 100;
    const parsed = scenarioAt(Math.round(PER_SECOND / unit));
    const samples = new Samples(say);
    using clock = new VirtualClock(Date.UTC(2026, 10, 27, 9));
    const onStack = { runtime: 'processes', keep: false, onLine: say } as const;
    await using lab = await openLab({
      ...{ ...onStack, baseDir: dir, artifacts, clock, signal },
      scenarios: [parsed],
    });
    const { record } = await lab.run({
      ...{ parsed, baseDir: dir, resultsDir: join(dir, 'results'), signal },
      reproduce: 'npm run bench -- memory',
      onEvent: (event) => samples.on(event),
    });
    await samples.end();
    if (record.outcome !== 'completed') throw new Error(record.headline?.text ?? record.outcome);
    const { truth, producing } = record;
    return {
      title: `${producing.total.acknowledged} messages in ${MINUTES} virtual minutes, pipeline in this process`,
      rows: samples.rows,
      ratios: samples.ratios(),
      notes: [
        'in use: after a collection, on the heap and outside of it, without the memory of DuckDB; work that lies in the stores for hours is a part of it, and grows until as much is done as begun',
        'peak: largest resident memory since the line before; pages that were freed stay resident',
        `log, stage and tables are in this process too: the log holds a commit interval, the stage the ids of 10 minutes, the tables 128 MB`,
        'facts: at most 1,024 MB; the rest is on disk',
        'duplicated: events under the one id that a store repeats for ever (constant_id), after the stage has forgotten it',
        `lost ${truth.lost}, duplicated ${truth.duplicated}, wrong ${truth.wrong}: n = 1 run`,
      ],
    };
  },
};

const MB = 1e6;

/** Memory at the marks of a trial, and the peaks between them. */
class Samples {
  readonly rows: BenchRow[] = [];
  readonly #say: (line: string) => void;
  readonly #timer: NodeJS.Timeout;
  #peak = 0;
  #nextMs = EVERY_MS;

  constructor(say: (line: string) => void) {
    this.#say = say;
    this.#timer = setInterval(() => this.#seePeak(), PEAK_EVERY_MS);
  }

  on(event: RunEvent): void {
    if (event.kind === 'tick' && event.tick.load !== null && event.tick.elapsedMs >= this.#nextMs) {
      void this.#take(`${this.#nextMs / 60_000} minutes`, event.tick.load.acknowledged);
      this.#nextMs += EVERY_MS;
    }
    if (event.kind !== 'step') return;
    this.#say(event.text);
    if (event.text === 'judging') void this.#take('drained, files of facts loaded', null);
  }

  async end(): Promise<void> {
    await this.#take('judged, record written', null);
    clearInterval(this.#timer);
  }

  /** Of the last line during the load and the first ones. */
  ratios() {
    const during = this.rows.filter(({ what }) => what.endsWith('minutes'));
    const [first, last] = [during[0], during.at(-1)];
    const ratio = (column: string) => Number(last?.values[column]) / Number(first?.values[column]);
    const of = `${last?.what} / ${first?.what}`;
    return [
      { name: `in use, ${of}`, ratio: ratio('in use MB') },
      { name: `resident, ${of}`, ratio: ratio('resident MB') },
    ];
  }

  async #take(what: string, messages: number | null): Promise<void> {
    const peak = this.#peak;
    this.#peak = 0;
    const inUse = await usedBytes();
    const rss = process.memoryUsage.rss();
    const values = { 'in use MB': inUse / MB, 'resident MB': rss / MB, 'peak MB': peak / MB };
    this.rows.push({ what, values: { messages, ...values } });
    this.#say(`${what}: ${Math.round(inUse / MB)} MB in use, ${Math.round(rss / MB)} MB resident`);
  }

  #seePeak(): void {
    this.#peak = Math.max(this.#peak, process.memoryUsage.rss());
  }
}
