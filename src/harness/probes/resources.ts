import { readFile } from 'node:fs/promises';
import { badInput } from '../../core/errors.ts';
import { ALL_APIS, HARNESS, MACHINE, QUERY_ENGINE } from '../../record/facts.ts';
import { CONTAINER_ENGINE, CpuAccounts, KERNEL } from '../clients/cpu-accounts.ts';
import { httpRequest } from '../clients/http.ts';
import {
  type MachineStat,
  machineShares,
  type ProcessStat,
  parseMachineStat,
  parseMemoryUsed,
  parseS3Counters,
  readProcesses,
  type Usage,
} from '../clients/proc.ts';
import { NO_USAGE } from '../engines/engine.ts';
import type { FactRow } from '../facts.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Samples CPU, memory and object store traffic once per second, and once more at the end. */
export interface ResourceProbe extends RunningProbe {
  /** Takes an additional sample now, at the marks of a run. */
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

/** Context of sampling one machine; `store` is null if no object store is sampled. */
type MachineContext = Pick<
  ProbeContext,
  'clock' | 'facts' | 'signal' | 'processes' | 'queryEngine' | 'underDeclaredFault' | 'fail'
> &
  Pick<ProbeContext, 'store'>;

/** Samples a machine that only produces a part of the load: the harness and the machine as a whole. */
export async function watchMachine(
  context: Pick<ProbeContext, 'clock' | 'facts' | 'signal' | 'fail'>,
): Promise<ResourceProbe> {
  const probe = new RunningResources({
    ...context,
    store: null,
    processes: () => [],
    queryEngine: () => NO_USAGE,
    underDeclaredFault: () => false,
  });
  await probe.sample();
  return probe;
}

class RunningResources implements ResourceProbe {
  readonly #context: MachineContext;
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  readonly #accounts = new CpuAccounts();
  /** Every server that has had an account. */
  readonly #servers = new Set<string>();
  readonly #sampled = new Set<string>();
  #lastMs: number | null = null;
  #harnessS = 0;
  #machine: MachineStat | null = null;
  #storeFailures = 0;

  constructor(context: MachineContext) {
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
    const engine = this.#context.queryEngine();
    const servers = this.#context.processes();
    this.#accounts.sample(
      processes,
      new Map([
        [process.pid, HARNESS],
        ...servers.map(({ server, pid }) => [pid, server] as const),
        ...engine.pids.map((pid) => [pid, QUERY_ENGINE] as const),
      ]),
    );
    for (const { server } of servers) this.#servers.add(server);
    const rows = [...this.#servers, CONTAINER_ENGINE].flatMap((server): FactRow[] => {
      const usage = this.#accounts.usage(server);
      if (usage === undefined) return [];
      // A process that started after the last sample had used nothing at that time.
      const before = this.#lastMs !== null && !this.#sampled.has(server) ? [this.#lastMs] : [];
      this.#sampled.add(server);
      return [
        ...before.map((ms) => rowOf(ms, server, { cpuS: 0, rssBytes: 0 })),
        rowOf(atMs, server, usage),
      ];
    });
    this.#lastMs = atMs;
    const own = this.#accounts.usage(HARNESS) ?? { cpuS: 0, rssBytes: 0 };
    // The engine reports the CPU time of its ended processes. Those that no sample has seen are in the harness's
    // account of ended children.
    const unseenS = Math.max(0, engine.endedCpuS - this.#accounts.endedS(QUERY_ENGINE));
    // A process may have ended after the listing: the harness's CPU time never decreases.
    this.#harnessS = Math.max(this.#harnessS, own.cpuS - unseenS);
    return [
      ...rows,
      rowOf(atMs, QUERY_ENGINE, engine),
      rowOf(atMs, HARNESS, { ...own, cpuS: this.#harnessS }),
    ];
  }

  #machineRow(atMs: number, now: MachineStat, usedBytes: number): FactRow {
    const shares = this.#machine && machineShares(this.#machine, now);
    // Too few ticks since: the next sample has a share of them all.
    if (this.#machine === null || shares !== null) this.#machine = now;
    return {
      at_ms: atMs,
      server: MACHINE,
      // No program on this machine used the stolen time; `busy` includes it, because it was not available.
      cpu_s: now.totalS - now.idleS - now.stealS,
      programs_s: now.programsS - (this.#accounts.usage(KERNEL)?.cpuS ?? 0),
      rss_bytes: usedBytes,
      busy: shares?.busy ?? null,
      steal: shares?.steal ?? null,
    };
  }

  /** Only MinIO has this page: after three failures sampling stops, and there are no rows. */
  async #sampleStore(atMs: number): Promise<void> {
    const { store, facts } = this.#context;
    if (store === null || this.#storeFailures >= 3) return;
    try {
      const url = `${store.endpoint}/minio/metrics/v3/api/requests`;
      const { ok, text, status } = await httpRequest(url, {
        signal: AbortSignal.timeout(SAMPLE_MS),
      });
      if (!ok) throw new Error(`${status}`);
      const { requests, bytesIn, bytesOut } = parseS3Counters(text);
      const total = Object.values(requests).reduce((sum, count) => sum + count, 0);
      await facts.append('s3', [
        { at_ms: atMs, api: ALL_APIS, requests: total, bytes_in: bytesIn, bytes_out: bytesOut },
        ...Object.entries(requests).map(([api, count]) => ({ at_ms: atMs, api, requests: count })),
      ]);
      this.#storeFailures = 0;
    } catch {
      if (!this.#context.underDeclaredFault()) this.#storeFailures += 1;
    }
  }
}

function rowOf(atMs: number, server: string, { cpuS, rssBytes }: Usage): FactRow {
  return { at_ms: atMs, server, cpu_s: cpuS, rss_bytes: rssBytes };
}
