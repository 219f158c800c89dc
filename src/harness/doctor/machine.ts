import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, freemem, loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import { type OwnNiceness, ownNiceness } from '../priority.ts';
import type { Needs } from '../setup/needs.ts';
import { otherOwners } from '../stack/registry.ts';
import type { Finding } from './finding.ts';

const GIB = 1024 ** 3;
/** The cache (1.3 GB), the package clients' own caches (2.5 GB) and unpacked files. */
const DISK_FOR_SETUP_BYTES = 6 * GIB;
/** Kafka's segments and Flink's jars are many files; this is ample for one node. */
const OPEN_FILES = 4_096;
/** A stack listens on about this many ports. */
const PORTS = 12;

interface MachineContext {
  readonly cacheDir: string;
  /** Whether artifacts have to be fetched. */
  readonly toFetch: boolean;
  readonly memory: Needs['memory'];
}

/** Checks everything that a run needs of the machine itself. */
export async function checkMachine(context: MachineContext): Promise<readonly Finding[]> {
  return [
    ...diskFindings(context),
    memoryFinding(context.memory),
    coresFinding(),
    priorityFinding(ownNiceness()),
    await loopbackFinding(),
    openFilesFinding(),
    procFinding(),
    otherRunsFinding(),
  ];
}

function diskFindings({ cacheDir, toFetch }: MachineContext): Finding[] {
  if (!toFetch) return [];
  const subject = 'disk for the cache';
  const { at: existing, freeBytes } = freeSpace(cacheDir);
  const fact = `${gib(freeBytes)} free at ${existing}, needs ${gib(DISK_FOR_SETUP_BYTES)}`;
  if (freeBytes >= DISK_FOR_SETUP_BYTES) return [{ subject, state: 'ok', fact }];
  return [{ subject, state: 'bad', fact, fix: `free some space at ${existing}` }];
}

/** Free space for this user on a folder's file system, at the nearest existing parent folder `at`. */
export function freeSpace(dir: string): {
  readonly at: string;
  readonly freeBytes: number;
  /** Equal for folders on one file system. */
  readonly device: number;
} {
  const at = nearestExisting(resolve(dir));
  const { bavail, bsize } = statfsSync(at);
  return { at, freeBytes: bavail * bsize, device: statSync(at).dev };
}

function nearestExisting(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : nearestExisting(dirname(path));
}

function memoryFinding({ goodBytes, leastBytes }: Needs['memory']): Finding {
  const subject = 'memory';
  const bytes = availableMemory();
  const fact = `${gib(bytes)} available, a run takes about ${gib(goodBytes)}`;
  if (bytes >= goodBytes) return { subject, state: 'ok', fact };
  const state = bytes >= leastBytes ? 'warn' : 'bad';
  return { subject, state, fact, fix: 'end other programs, or use a machine with more memory' };
}

/** Memory that the kernel can provide, within the limit of the container, if any. */
function availableMemory(): number {
  let bytes = freemem();
  try {
    const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    if (kib) bytes = Number(kib) * 1024;
  } catch {
    // No /proc: use Node's free memory.
  }
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(bytes, limit) : bytes;
}

function coresFinding(): Finding {
  const subject = 'cores';
  const cores = availableParallelism();
  const load = loadavg()[0] ?? 0;
  const fact = `${cores}, load ${load.toFixed(1)} over the last minute`;
  if (cores < 2) {
    return { subject, state: 'warn', fact: `${fact}; with one core expect INVALID runs` };
  }
  if (load > cores / 2) {
    const fix = 'wait until other programs have ended';
    return { subject, state: 'warn', fact: `${fact}: the numbers will include other work`, fix };
  }
  return { subject, state: 'ok', fact };
}

/** The servers have a lower priority than the harness, so the harness must not start with a lowered one. */
export function priorityFinding({ of, nice }: OwnNiceness): Finding {
  const subject = 'priority';
  if (nice <= 0)
    return { subject, state: 'ok', fact: `this ${of} has normal priority (nice ${nice})` };
  const fact = `this ${of} has low priority (nice ${nice}): the harness gets too little CPU, and runs become INVALID`;
  const fix =
    of === 'session'
      ? 'setsid --wait doorbuster … (a session of its own starts at nice 0)'
      : 'sudo renice -n 0 -p $$ (in this shell), or start from one that was not niced';
  return { subject, state: 'warn', fact, fix };
}

async function loopbackFinding(): Promise<Finding> {
  const subject = 'ports';
  const servers = Array.from({ length: PORTS }, () => createServer());
  try {
    for (const server of servers) {
      await new Promise<void>((done, failed) => {
        server.once('error', failed);
        server.listen(0, '127.0.0.1', done);
      });
    }
    return { subject, state: 'ok', fact: `${PORTS} free ports on 127.0.0.1` };
  } catch (error) {
    const fact = `cannot listen on 127.0.0.1: ${(error as Error).message}`;
    return { subject, state: 'bad', fact, fix: 'ip link set lo up' };
  } finally {
    for (const server of servers) server.close();
  }
}

function openFilesFinding(): Finding {
  const subject = 'open files';
  const limit = openFileLimit(readIfThere('/proc/self/limits'));
  if (limit === undefined) return { subject, state: 'ok', fact: 'limit unknown (no /proc)' };
  const fact = `limit ${limit}, needs ${OPEN_FILES}`;
  if (limit >= OPEN_FILES) return { subject, state: 'ok', fact };
  return { subject, state: 'bad', fact, fix: `ulimit -n ${OPEN_FILES}` };
}

/** The soft limit in the text of /proc/PID/limits (Node raises its own to the hard one). */
export function openFileLimit(limits: string | undefined): number | undefined {
  const soft = /^Max open files\s+(\S+)/m.exec(limits ?? '')?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

function procFinding(): Finding {
  const subject = '/proc';
  const readable = readIfThere('/proc/self/stat') && readIfThere('/proc/stat');
  if (readable)
    return { subject, state: 'ok', fact: 'readable: resources per server are measured' };
  return {
    subject,
    state: 'bad',
    fact: 'not readable: processor time and memory per server cannot be measured',
    fix: 'run doorbuster on Linux with /proc mounted',
  };
}

/** Other running runs of this user, without leftovers of killed ones. */
function otherRunsFinding(): Finding {
  const subject = 'other runs';
  const others = otherOwners();
  if (others.length === 0) return { subject, state: 'ok', fact: 'none on this machine' };
  return {
    subject,
    state: 'warn',
    fact: `${others.length} on this machine (process ${others.join(', ')}): they share its cores`,
    fix: 'wait until they have ended',
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
