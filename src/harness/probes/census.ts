import type { CommitRead, Followed, FoundCommit } from '../visibility/visibility.ts';
import { follow } from './follow.ts';
import { PollSchedule } from './poll-schedule.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Progress of the census on one table. */
export interface TableProgress {
  readonly commits: number;
  readonly rows: number;
  /** Commits found and not yet read. */
  readonly behind: number;
  /** The last commit that was read; null before the first. */
  readonly last: CommitRead | null;
  /** Of the last commit with rows to count; ms. */
  readonly staleness: CommitRead['staleness'];
}

/** The census: it reads every row of every commit once. */
export interface Census extends RunningProbe {
  /**
   * Resolves when everything that the catalog served at the time of the call has been read. What could
   * not be read is an incident.
   */
  caughtUp(): Promise<void>;
  /** Resolves when everything that the catalog served at the time of the call has been found, even if not read yet. */
  polled(): Promise<void>;
  /** Those of the drain markers that their tables have not shown yet. */
  missingMarkers(wanted: readonly MarkerAt[]): readonly MarkerAt[];
  /** Commits found and not yet read, over all tables. */
  behind(): number;
  progress(): Readonly<Record<string, TableProgress>>;
  /** Per table: everything that the catalog served before this time has been read, epoch ms; -∞ before the first poll. */
  readUntilMs(): Readonly<Record<string, number>>;
}

/** A drain marker, and the table whose sink has to show it. */
export interface MarkerAt {
  readonly table: string;
  readonly id: string;
}

/** Attempts, and the pause between two, on transient errors of the object store or the catalog. */
const ATTEMPTS = 5;
const RETRY_MS = 300;

export const censusProbe: Probe<Census> & { readonly kind: 'census' } = {
  kind: 'census',
  async start(context) {
    return new RunningCensus(context);
  },
};

interface TableState {
  readonly followed: Followed;
  readonly name: string;
  readonly markers: Set<string>;
  commits: number;
  rows: number;
  behind: number;
  last: CommitRead | null;
  staleness: CommitRead['staleness'];
  /** Start of the newest poll whose commits are all queued. */
  polledFromMs: number;
  /** Start of the newest poll whose commits are all read. */
  readUntilMs: number;
  failures: number;
  /** Commits that wait to be read. */
  readonly reading: { last: Promise<void> };
}

class RunningCensus implements Census {
  readonly #context: ProbeContext;
  readonly #tables: readonly TableState[];
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  readonly #loops: Promise<unknown>;

  constructor(context: ProbeContext) {
    this.#context = context;
    this.#signal = AbortSignal.any([context.signal, this.#stopping.signal]);
    // Files are read one after another, so that reading never takes more than one core.
    const files = { last: Promise.resolve() };
    const followed = context.datasets.map((table) => ({
      name: table.name,
      followed: context.visibility.follow(table),
    }));
    this.#tables = followed.map((table) => ({
      ...table,
      reading: table.followed.everyMs === undefined ? files : { last: Promise.resolve() },
      markers: new Set<string>(),
      commits: 0,
      rows: 0,
      behind: 0,
      last: null,
      staleness: null,
      polledFromMs: Number.NEGATIVE_INFINITY,
      readUntilMs: Number.NEGATIVE_INFINITY,
      failures: 0,
    }));
    this.#loops = Promise.all(this.#tables.map((table) => this.#follow(table)));
  }

  async caughtUp(): Promise<void> {
    await this.polled();
    while (this.behind() > 0) await this.#context.clock.sleep(20, this.#signal);
  }

  async polled(): Promise<void> {
    const { clock } = this.#context;
    const askedMs = clock.nowMs();
    const late = (table: TableState) => table.polledFromMs < askedMs;
    while (this.#tables.some(late)) await clock.sleep(20, this.#signal);
  }

  missingMarkers(wanted: readonly MarkerAt[]): readonly MarkerAt[] {
    const seen = new Map(this.#tables.map((table) => [table.name, table.markers]));
    return wanted.filter(({ table, id }) => !seen.get(table)?.has(id));
  }

  behind(): number {
    return this.#tables.reduce((total, table) => total + table.behind, 0);
  }

  progress(): Readonly<Record<string, TableProgress>> {
    return Object.fromEntries(
      this.#tables.map(({ name, commits, rows, behind, last, staleness }) => [
        name,
        { commits, rows, behind, last, staleness },
      ]),
    );
  }

  readUntilMs(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#tables.map(({ name, readUntilMs }) => [name, readUntilMs]));
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    await this.#loops;
    await Promise.all(this.#tables.map(({ reading }) => reading.last));
  }

  /** Polls one table until the probe stops. */
  #follow(table: TableState): Promise<void> {
    const { clock, scenario } = this.#context;
    const schedule = new PollSchedule(scenario.pipeline.commitEveryMs, table.followed.everyMs);
    return follow(table.followed, schedule, {
      clock,
      signal: this.#signal,
      polled: ({ found, gap }, startMs) => {
        for (const one of found) this.#enqueue(table, one);
        if (gap) this.#incident(table, gap);
        table.polledFromMs = startMs;
        table.reading.last = table.reading.last.then(() => {
          table.readUntilMs = startMs;
        });
        table.failures = 0;
      },
      failed: (error) => {
        // The stack reports a source that is down; polls that it missed only widen intervals.
        table.failures = this.#context.underDeclaredFault() ? 0 : table.failures + 1;
        if (table.failures === ATTEMPTS) {
          this.#incident(table, `${ATTEMPTS} polls in a row failed: ${reason(error)}`);
        }
      },
    });
  }

  #enqueue(table: TableState, found: FoundCommit): void {
    table.behind += 1;
    table.reading.last = table.reading.last.then(async () => {
      await this.#read(table, found);
      table.behind -= 1;
    });
  }

  /** Never rejects: a commit that cannot be read is an incident, and the census continues. */
  async #read(table: TableState, found: FoundCommit): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const before = this.#context.underDeclaredFault();
      try {
        const read = await found.read(this.#context.signal);
        table.commits += 1;
        table.rows += read.rows;
        table.last = read;
        table.staleness = read.staleness ?? table.staleness;
        for (const id of read.markers) table.markers.add(id);
        return;
      } catch (error) {
        if (this.#context.signal.aborted) return;
        const underDeclaredFault = before || this.#context.underDeclaredFault();
        if (underDeclaredFault) attempt = 0;
        const gone = !underDeclaredFault && isGone(error);
        if (gone || attempt === ATTEMPTS) {
          const how = gone ? 'was gone before it was read' : 'could not be read';
          this.#incident(table, `snapshot ${found.snapshot.id} ${how}: ${reason(error)}`);
          return;
        }
        await this.#context.clock.sleep(RETRY_MS, this.#context.signal).catch(() => {});
      }
    }
  }

  #incident(table: TableState, fact: string): void {
    this.#context.incident({
      atMs: this.#context.clock.nowMs(),
      probe: 'census',
      rule: 'the census read every commit',
      fact: `${table.name}: ${fact}`,
      limit: 'no commit unread',
    });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the read failed because the object no longer exists, rather than for a transient reason. */
function isGone(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'NoSuchKey' || /\b404\b/.test(error.message);
}
