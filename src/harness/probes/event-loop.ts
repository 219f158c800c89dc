import type { FactRow } from '../facts.ts';
import { sampleLoopDelay } from '../load/loop-delay.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

const WRITE_MS = 1_000;

/**
 * Samples the event loop delay of the main thread, which stamps what the census and the canaries observe and starts
 * the queries at their intended times. Its rows of `loop_delay` have no worker.
 */
export const eventLoopProbe: Probe & { readonly kind: 'eventLoop' } = {
  kind: 'eventLoop',
  async start(context) {
    return new RunningEventLoop(context);
  },
};

class RunningEventLoop implements RunningProbe {
  readonly #context: ProbeContext;
  readonly #stopping = new AbortController();
  readonly #stopSampling: () => void;
  readonly #writing: Promise<void>;
  #rows: FactRow[] = [];

  constructor(context: ProbeContext) {
    this.#context = context;
    this.#stopSampling = sampleLoopDelay(context.clock, (at_ms, delay_ms) => {
      this.#rows.push({ at_ms, worker: null, delay_ms });
    });
    this.#writing = this.#run().catch(context.fail);
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    this.#stopSampling();
    await this.#writing;
    await this.#write();
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#context;
    const ends = AbortSignal.any([signal, this.#stopping.signal]);
    while (!ends.aborted) {
      await clock.sleep(WRITE_MS, ends).catch(() => {});
      await this.#write();
    }
  }

  async #write(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    if (rows.length > 0) await this.#context.facts.append('loop_delay', rows);
  }
}
