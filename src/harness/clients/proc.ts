import { readdirSync, readFileSync } from 'node:fs';
import { yieldToEventLoop } from '../../core/yield-to-event-loop.ts';

/** Linux reports CPU time in hundredths of a second (USER_HZ), whatever its own tick. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
/** Processes read between two yields to the event loop: about 2 ms. */
const PROCESSES_AT_ONCE = 64;

/** Fields of /proc/<pid>/stat. */
export interface ProcessStat {
  readonly pid: number;
  /** The program's name, cut off after 15 characters. */
  readonly name: string;
  readonly parent: number;
  /** Start time, in ticks since boot. */
  readonly startTicks: number;
  /** CPU seconds of the process itself. */
  readonly ownS: number;
  /** CPU seconds of its ended and reaped children. */
  readonly reapedS: number;
  readonly rssBytes: number;
}

/** Parses /proc/<pid>/stat. The name in parentheses may hold anything, parentheses too. */
export function parseProcessStat(text: string): ProcessStat {
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return {
    pid,
    name: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')),
    parent: field(4),
    startTicks: field(22),
    ownS: (field(14) + field(15)) / TICKS_PER_SECOND,
    reapedS: (field(16) + field(17)) / TICKS_PER_SECOND,
    rssBytes: field(24) * PAGE_BYTES,
  };
}

/** Reads a process; null if it no longer exists, or the system has no /proc. */
export function readProcess(pid: number | undefined): ProcessStat | null {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** Every visible process of this machine, by its id. */
export async function readProcesses(): Promise<ReadonlyMap<number, ProcessStat>> {
  const found = new Map<number, ProcessStat>();
  let read = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    // /proc does not wait for a disk: synchronous reads take a quarter of the CPU of the thread pool's.
    if (++read % PROCESSES_AT_ONCE === 0) await yieldToEventLoop();
    const stat = readProcess(Number(name));
    if (stat) found.set(stat.pid, stat);
  }
  return found;
}

/** The machine's CPU seconds since it started, all cores together. */
export interface MachineStat {
  readonly totalS: number;
  readonly idleS: number;
  readonly stealS: number;
  /** Of programs and of the kernel on their behalf, without interrupts. */
  readonly programsS: number;
}

/** Parses the first line of /proc/stat. Guest time is part of user time already. */
export function parseMachineStat(text: string): MachineStat {
  const line = text.slice(0, text.indexOf('\n'));
  const [user, nice, system, idle, iowait, irq, softirq, steal] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((field) => Number(field) / TICKS_PER_SECOND) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    totalS: user + nice + system + idle + iowait + irq + softirq + steal,
    idleS: idle + iowait,
    stealS: steal,
    programsS: user + nice + system,
  };
}

/**
 * Fewer clock ticks of all cores than this make no share: a tick is a fiftieth then, and the rules of a valid run judge
 * shares of a twentieth. A second of one core has 100.
 */
const LEAST_TICKS = 50;

/** Shares of all cores between two readings of /proc/stat, 0..1; null: too few ticks passed between them to say. */
export function machineShares(
  before: MachineStat,
  now: MachineStat,
): { readonly busy: number; readonly steal: number } | null {
  const passedS = now.totalS - before.totalS;
  if (Math.round(passedS * TICKS_PER_SECOND) < LEAST_TICKS) return null;
  return {
    busy: (passedS - (now.idleS - before.idleS)) / passedS,
    steal: (now.stealS - before.stealS) / passedS,
  };
}

/** Bytes in use by /proc/meminfo: total less available. */
export function parseMemoryUsed(text: string): number {
  const kilobytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN);
  return (kilobytes('MemTotal') - kilobytes('MemAvailable')) * 1024;
}

/** CPU seconds since the start, and resident memory now. */
export interface Usage {
  readonly cpuS: number;
  readonly rssBytes: number;
}

/** Request counts by API, and bytes over all of them, since the object store started. */
interface S3Counters {
  readonly requests: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Parses MinIO's metrics (v3, /api/requests) in Prometheus' text format. */
export function parseS3Counters(text: string): S3Counters {
  const requests: Record<string, number> = {};
  let [bytesIn, bytesOut] = [0, 0];
  for (const [, metric, labels, value] of text.matchAll(/^(\w+)\{([^}]*)\}\s+(\S+)$/gm)) {
    if (!labels?.includes('type="s3"')) continue;
    if (metric === 'minio_api_requests_total') {
      const name = /name="([^"]*)"/.exec(labels)?.[1] ?? 'unknown';
      requests[name] = (requests[name] ?? 0) + Number(value);
    } else if (metric === 'minio_api_requests_traffic_received_bytes') bytesIn += Number(value);
    else if (metric === 'minio_api_requests_traffic_sent_bytes') bytesOut += Number(value);
  }
  return { requests, bytesIn, bytesOut };
}
