import { readdir, readFile } from 'node:fs/promises';
import { badInput } from '../../core/errors.ts';
import { ALL_APIS, HARNESS, MACHINE, QUERY_ENGINE } from '../../record/facts.ts';
import {
  type MachineStat,
  type ProcessStat,
  parseMachineStat,
  parseMemoryUsed,
  parseProcessStat,
  parseS3Counters,
  usageOf,
} from '../clients/proc.ts';
import type { FactRow } from '../facts.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Resources at work: one sample per second, and one more at the end. */
export interface ResourceProbe extends RunningProbe {
  /** Takes a sample now, beside the regular ones: at the marks of a run. */
  sample(): Promise<void>;
}

const SAMPLE_MS = 1_000;

export const resourceProbe: Probe<ResourceProbe> & { readonly kind: 'resources' } = {
  kind: 'resources',
  async start(context) {
    await readFile('/proc/stat', 'utf8').catch(() => {
      throw badInput('CPU and memory are read from /proc, which this system does not have');
    });
    const probe = new RunningResources(context);
    await probe.sample();
    return probe;
  },
};

class RunningResources implements ResourceProbe {
  readonly #context: ProbeContext;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  /** CPU seconds of each server process when it was last seen alive. */
  readonly #serverCpu = new Map<number, number>();
  #ownCpuS = 0;
  #machine: MachineStat | null = null;
  #storeFailures = 0;

  constructor(context: ProbeContext) {
    this.#context = context;
    this.#loop = this.#run().catch(context.fail);
  }

  async sample(): Promise<void> {
    const { clock, facts } = this.#context;
    const atMs = clock.nowMs();
    const [stat, memory, processes] = await Promise.all([
      readFile('/proc/stat', 'utf8'),
      readFile('/proc/meminfo', 'utf8'),
      readProcesses(),
    ]);
    const rows = this.#processRows(atMs, processes);
    rows.push(this.#machineRow(atMs, parseMachineStat(stat), parseMemoryUsed(memory)));
    await facts.append('resources', rows);
    await this.#sampleStore(atMs);
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    await this.#loop;
    await this.sample();
  }

  async #run(): Promise<void> {
    const { clock, signal } = this.#context;
    const ends = AbortSignal.any([signal, this.#stopping.signal]);
    for (;;) {
      await clock.sleep(SAMPLE_MS, ends).catch(() => {});
      if (ends.aborted) return;
      await this.sample();
    }
  }

  #processRows(atMs: number, processes: ReadonlyMap<number, ProcessStat>): FactRow[] {
    const rows: FactRow[] = [];
    for (const { server, pid } of this.#context.processes()) {
      const usage = usageOf(pid, processes);
      if (!usage) continue;
      this.#serverCpu.set(pid, usage.cpuS);
      rows.push({ at_ms: atMs, server, cpu_s: usage.cpuS, rss_bytes: usage.rssBytes });
    }
    const engine = this.#context.queryEngine();
    const { cpuS: engineS, rssBytes: engineBytes } = engine;
    rows.push({ at_ms: atMs, server: QUERY_ENGINE, cpu_s: engineS, rss_bytes: engineBytes });
    const others = new Set([...this.#serverCpu.keys(), ...engine.pids]);
    const own = usageOf(process.pid, processes, others);
    // What ended among them is in our account of ended children: it is taken out again.
    let endedS = engine.endedCpuS;
    for (const [pid, cpuS] of this.#serverCpu) if (!processes.has(pid)) endedS += cpuS;
    // An engine may have ended since its processes were listed: it is taken off too early then, and
    // what the harness has used never becomes less.
    this.#ownCpuS = Math.max(this.#ownCpuS, (own?.cpuS ?? 0) - endedS);
    const cpuS = this.#ownCpuS;
    rows.push({ at_ms: atMs, server: HARNESS, cpu_s: cpuS, rss_bytes: own?.rssBytes ?? 0 });
    return rows;
  }

  #machineRow(atMs: number, now: MachineStat, usedBytes: number): FactRow {
    const before = this.#machine;
    this.#machine = now;
    const passedS = before ? now.totalS - before.totalS : 0;
    const share = (s: number) => (passedS > 0 ? s / passedS : null);
    return {
      at_ms: atMs,
      server: MACHINE,
      // Stolen time is nobody's here; for `busy` it is time that was not to be had.
      cpu_s: now.totalS - now.idleS - now.stealS,
      rss_bytes: usedBytes,
      busy: before && share(passedS - (now.idleS - before.idleS)),
      steal: before && share(now.stealS - before.stealS),
    };
  }

  /** Another object store than MinIO has no such page: then there are no rows, and nobody asks on. */
  async #sampleStore(atMs: number): Promise<void> {
    const { endpoints, facts } = this.#context;
    if (this.#storeFailures >= 3) return;
    try {
      const url = `${endpoints.s3.endpoint}/minio/metrics/v3/api/requests`;
      const response = await fetch(url, { signal: AbortSignal.timeout(SAMPLE_MS) });
      if (!response.ok) throw new Error(`${response.status}`);
      const { requests, bytesIn, bytesOut } = parseS3Counters(await response.text());
      const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
      await facts.append('s3', [
        { at_ms: atMs, api: ALL_APIS, requests: total, bytes_in: bytesIn, bytes_out: bytesOut },
        ...Object.entries(requests).map(([api, count]) => ({ at_ms: atMs, api, requests: count })),
      ]);
      this.#storeFailures = 0;
    } catch {
      if (!this.#context.excused()) this.#storeFailures += 1;
    }
  }
}

async function readProcesses(): Promise<ReadonlyMap<number, ProcessStat>> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    // A process may end between being listed and being read.
    pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)),
  );
  const found = stats.filter((text) => text !== null).map(parseProcessStat);
  return new Map(found.map((stat) => [stat.pid, stat]));
}
