import type { ProcessStat, Usage } from './proc.ts';

/** Programs of a container engine: what they use is neither a server's nor a stranger's. */
const ENGINE_PROGRAMS: ReadonlySet<string> = new Set([
  ...['dockerd', 'containerd', 'containerd-shim', 'docker-proxy', 'rootlesskit', 'slirp4netns'],
  ...['podman', 'conmon', 'pasta', 'rootlessport', 'netavark'],
]);

/** The account of the engine whose containers are among the roots. */
export const CONTAINER_ENGINE = 'container-engine';
/** The account of the kernel's own threads, where this system shows them. */
export const KERNEL = 'kernel';

interface Member {
  readonly account: string;
  /** Key of the process that would wait for it. */
  parent: string | undefined;
  stat: ProcessStat;
  alive: boolean;
}

/** A process id is given out again; with the moment of its birth it is unique. */
const keyOf = ({ pid, bornTicks }: ProcessStat) => `${pid}/${bornTicks}`;

/**
 * CPU time by account, over every process that ever was in one: a root, or whatever descends from it. A server
 * that is started again goes on where it was, and a child that was born and died between two looks is
 * in the account of whoever waited for it.
 */
export class CpuAccounts {
  readonly #members = new Map<string, Member>();
  readonly #told = new Map<string, number>();

  /** Takes one look at all processes of the machine. `roots` names the account of a process and its descendants. */
  take(processes: ReadonlyMap<number, ProcessStat>, roots: ReadonlyMap<number, string>): void {
    const before = new Map([...this.#members].map(([key, { stat }]) => [key, stat]));
    const gone = new Set(this.#members.keys());
    const accountOf = accounting(processes, roots, this.#members);
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
    this.#creditLastMoments(newlyGone, before);
  }

  /** CPU seconds so far, which never become less, and memory now; undefined: no process was ever in it. */
  usage(account: string): Usage | undefined {
    const members = [...this.#members].filter(([, member]) => member.account === account);
    if (members.length === 0) return undefined;
    let [cpuS, rssBytes] = [0, 0];
    for (const [key, { stat, alive }] of members) {
      cpuS += stat.ownS;
      if (alive) rssBytes += stat.rssBytes;
      // An engine waits for what was in its containers, which is not its own.
      if (account === CONTAINER_ENGINE) continue;
      // What ended among its children and was seen before is counted as theirs.
      cpuS += Math.max(0, stat.reapedS - this.#seenOfChildren(key));
    }
    // A process may be listed before it is waited for: the next look puts that right.
    const told = Math.max(this.#told.get(account) ?? 0, cpuS);
    this.#told.set(account, told);
    return { cpuS: told, rssBytes };
  }

  /** CPU seconds of the processes of an account that have ended, as far as they were seen. */
  endedS(account: string): number {
    return [...this.#members.values()]
      .filter((member) => member.account === account && !member.alive)
      .reduce((sum, { stat }) => sum + totalS(stat), 0);
  }

  #seenOfChildren(key: string): number {
    return [...this.#members.values()]
      .filter(({ parent, alive }) => parent === key && !alive)
      .reduce((sum, { stat }) => sum + totalS(stat), 0);
  }

  /** What a process used after it was seen last is what its parent's account of ended children grew by too much. */
  #creditLastMoments(gone: readonly Member[], before: ReadonlyMap<string, ProcessStat>): void {
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

/** Gives the account of a process: its own, the one that it had, or that of the nearest above it. */
function accounting(
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
    // An engine's own account goes to no container: there may be strangers in some.
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
