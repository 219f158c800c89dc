import type { ProcessStat, Usage } from './proc.ts';

/** Programs of a container engine: their CPU time belongs neither to a server nor to other programs. */
const ENGINE_PROGRAMS: ReadonlySet<string> = new Set([
  ...['dockerd', 'containerd', 'containerd-shim', 'docker-proxy', 'rootlesskit', 'slirp4netns'],
  ...['podman', 'conmon', 'pasta', 'rootlessport', 'netavark'],
]);

/** The account of the engine whose containers are among the roots. */
export const CONTAINER_ENGINE = 'container-engine';
/** The account of the kernel's threads, if this system shows them. */
export const KERNEL = 'kernel';

interface Member {
  readonly account: string;
  /** Key of the parent process, which reaps it. */
  parent: string | undefined;
  stat: ProcessStat;
  alive: boolean;
}

/** Sums over the members of an account; `endedS` is CPU time of those that have ended. */
interface Total {
  cpuS: number;
  rssBytes: number;
  endedS: number;
}

/** Process ids are reused; together with the start time they are unique. */
const keyOf = ({ pid, startTicks }: ProcessStat) => `${pid}/${startTicks}`;

/**
 * CPU time by account, over every process that ever belonged to one: a root and its descendants. A restarted server
 * continues its account. A child that started and ended between two samples is in the account of the process that
 * reaped it.
 */
export class CpuAccounts {
  readonly #members = new Map<string, Member>();
  readonly #totals = new Map<string, Total>();
  readonly #reported = new Map<string, number>();

  /** Takes a sample of all processes of the machine. `roots` names the account of a process and its descendants. */
  sample(processes: ReadonlyMap<number, ProcessStat>, roots: ReadonlyMap<number, string>): void {
    const before = new Map([...this.#members].map(([key, { stat }]) => [key, stat]));
    const gone = new Set(this.#members.keys());
    const accountOf = accountFinder(processes, roots, this.#members);
    for (const stat of processes.values()) {
      const account = accountOf(stat);
      if (account === undefined) continue;
      const key = keyOf(stat);
      gone.delete(key);
      const above = processes.get(stat.parent);
      this.#members.set(key, { account, parent: above && keyOf(above), stat, alive: true });
    }
    const newlyGone = [...gone].flatMap((key) => {
      const member = this.#members.get(key) as Member;
      return member.alive ? [member] : [];
    });
    for (const member of newlyGone) member.alive = false;
    this.#creditUnsampled(newlyGone, before);
    this.#total();
  }

  /** CPU seconds so far, which never decrease, and current memory; undefined: the account never had a process. */
  usage(account: string): Usage | undefined {
    const total = this.#totals.get(account);
    if (total === undefined) return undefined;
    // A process may be listed before it is reaped: the next sample corrects that.
    const cpuS = Math.max(this.#reported.get(account) ?? 0, total.cpuS);
    this.#reported.set(account, cpuS);
    return { cpuS, rssBytes: total.rssBytes };
  }

  /** CPU seconds of the ended processes of an account, as far as they were sampled. */
  endedS(account: string): number {
    return this.#totals.get(account)?.endedS ?? 0;
  }

  /** Adds up the members of each account. Two passes, since thousands of processes may end during a run. */
  #total(): void {
    const endedOf = new Map<string, number>();
    for (const { parent, alive, stat } of this.#members.values()) {
      if (alive || parent === undefined) continue;
      endedOf.set(parent, (endedOf.get(parent) ?? 0) + totalS(stat));
    }
    this.#totals.clear();
    for (const [key, { account, stat, alive }] of this.#members) {
      const total = this.#totals.get(account) ?? { cpuS: 0, rssBytes: 0, endedS: 0 };
      this.#totals.set(account, total);
      total.cpuS += stat.ownS;
      if (alive) total.rssBytes += stat.rssBytes;
      else total.endedS += totalS(stat);
      // An engine reaps the processes of its containers, which are not its own.
      if (account === CONTAINER_ENGINE) continue;
      // Reaped children that were sampled before are counted by themselves.
      total.cpuS += Math.max(0, stat.reapedS - (endedOf.get(key) ?? 0));
    }
  }

  /** Credits an ended process with its CPU time after its last sample: the unexplained growth of its parent's reaped time. */
  #creditUnsampled(gone: readonly Member[], before: ReadonlyMap<string, ProcessStat>): void {
    const credited = new Set<string>();
    for (const { parent } of gone) {
      const waited = parent === undefined ? undefined : this.#members.get(parent);
      const was = parent === undefined ? undefined : before.get(parent);
      if (parent === undefined || !waited?.alive || !was || credited.has(parent)) continue;
      credited.add(parent);
      const ended = gone.filter((one) => one.parent === parent);
      const known = ended.reduce((sum, { stat }) => sum + totalS(stat), 0);
      const more = waited.stat.reapedS - was.reapedS - known;
      const [first] = ended;
      if (more > 0 && first) first.stat = { ...first.stat, ownS: first.stat.ownS + more };
    }
  }
}

function totalS({ ownS, reapedS }: ProcessStat): number {
  return ownS + reapedS;
}

/** A function that finds the account of a process: as a root, as it was before, or that of its nearest ancestor. */
function accountFinder(
  processes: ReadonlyMap<number, ProcessStat>,
  roots: ReadonlyMap<number, string>,
  members: ReadonlyMap<string, Member>,
): (stat: ProcessStat) => string | undefined {
  const inContainers = [...roots.keys()].some((pid) => {
    const parent = processes.get(processes.get(pid)?.parent ?? -1);
    return parent !== undefined && ENGINE_PROGRAMS.has(parent.name);
  });
  const inherited = (stat: ProcessStat): string | undefined => {
    const known = roots.get(stat.pid) ?? members.get(keyOf(stat))?.account;
    // Containers do not inherit the engine's account: some may belong to other programs.
    if (known !== undefined) return known === CONTAINER_ENGINE ? undefined : known;
    if (stat.name === 'kthreadd' && stat.parent === 0) return KERNEL;
    const above = processes.get(stat.parent);
    return above === undefined || above.pid === stat.pid ? undefined : inherited(above);
  };
  return (stat) =>
    inContainers && !roots.has(stat.pid) && ENGINE_PROGRAMS.has(stat.name)
      ? CONTAINER_ENGINE
      : inherited(stat);
}
