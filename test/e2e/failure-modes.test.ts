import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { random } from '../../src/core/random.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { onPath } from '../../src/harness/setup/on-path.ts';
import { killGroup, registrations, sweepLeftovers } from '../../src/harness/stack/registry.ts';
import type { ServerName } from '../../src/harness/stack/stack.ts';
import { readJournal } from '../../src/record/journal.ts';
import type { JournalEntry } from '../../src/record/journal-entries.ts';
import { readRecord } from '../../src/record/read.ts';
import { processesNaming, processesRunning, watchdogsOf } from '../support/processes.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';

const binary = join(packageRoot, 'bin/doorbuster.js');
const SEED = 20261127;
const isRoot = process.getuid?.() === 0;

/** One stream, seconds of load, and the design with the fewest servers: what is tested is how it ends. */
const TINY = `
name: tiny
about: receipts alone, for a moment
seed: 5
starts_at: 2026-11-27T10:00
retail: { stores: 3, skus: 60, assortment: 20, profile: grocery, hours: flat }
traffic:
  pos: { receipts: 3600/store/h }
pipeline: { use: batch, commit_every: 1s }
stack: { jit: c1, partitions: 2 }
phases:
  - { name: load, for: 4s }
`;
/** Long enough for what is done to it to be what ends it. */
const LONG = ['--set', 'phases.load.for=300s'];
/** Where Flink, its jobs or the catalog are what is tested: three more JVMs to start. */
const FLINK = ['--set', 'pipeline.use=cdc-upsert'];

/** How far a run has come, by its own journal. */
const STAGES = {
  'starting servers': (entry) => entry.kind === 'server' && entry.state === 'ready',
  deploying: (entry) => entry.kind === 'step' && entry.text.startsWith('deploying'),
  load: ({ kind }) => kind === 'phase-begin',
  draining: (entry) => entry.kind === 'step' && entry.text === 'stopping the load and draining',
  judging: (entry) => entry.kind === 'step' && entry.text === 'judging',
} as const satisfies Record<string, (entry: JournalEntry) => boolean>;
type Stage = keyof typeof STAGES;

interface Run {
  readonly child: ChildProcess;
  said: string;
  /** Code or signal, once it has ended. */
  readonly ended: Promise<number | string>;
}

interface Start {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A program that starts it in its own way. */
  readonly through?: readonly string[];
}

/** Where one test's runs write, and all that they have started: nothing of it outlives the test. */
class Home implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'doorbuster-hard-'));
  readonly state = join(this.dir, 'state');
  readonly results: string;
  readonly temporary: string;
  readonly #running: Run[] = [];

  /** Results and temporary files may be elsewhere. */
  constructor(elsewhere: { readonly results?: string; readonly temporary?: string } = {}) {
    this.results = resolve(this.dir, elsewhere.results ?? 'results');
    this.temporary = elsewhere.temporary ?? join(this.dir, 'tmp');
    mkdirSync(this.temporary, { recursive: true });
    writeFileSync(join(this.dir, 'tiny.yaml'), TINY);
  }

  /** The built binary with what it is given, everything it writes beneath this test's folder. */
  doorbuster(args: readonly string[], { env, through = [] }: Start = {}): Run {
    const [program, ...rest] = [...through, process.execPath, binary, ...args];
    const child = spawn(program as string, rest, {
      cwd: this.dir,
      env: { ...this.environment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise<number | string>((resolve) => {
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    const run: Run = { child, said: '', ended };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        run.said += chunk;
      });
    }
    this.#running.push(run);
    return run;
  }

  environment(): Readonly<Record<string, string | undefined>> {
    const { temporary, state } = this;
    return { ...process.env, NO_COLOR: '1', TMPDIR: temporary, XDG_STATE_HOME: state };
  }

  start({ args = [], ...how }: Start = {}): Run {
    return this.doorbuster(['run', 'tiny.yaml', '--results', this.results, ...args], how);
  }

  /** The folders of the runs so far, oldest first. */
  runs(): readonly string[] {
    const { results } = this;
    const names = existsSync(results)
      ? readdirSync(results).filter((name) => /tiny/.test(name))
      : [];
    return names.sort().map((name) => join(results, name));
  }

  only(): string {
    return this.runs()[0] as string;
  }

  journal(): readonly JournalEntry[] {
    return this.runs().length > 0 && existsSync(join(this.only(), 'events.ndjson'))
      ? readJournal(this.only()).entries
      : [];
  }

  registry(): string {
    return join(this.state, 'doorbuster', 'stacks');
  }

  /** The servers that are on record. */
  servers() {
    return registrations(this.registry()).flatMap(({ registration }) => registration.servers);
  }

  reaches(run: Pick<Run, 'child' | 'said'>, stage: Stage): Promise<void> {
    return until(() => this.journal().some(STAGES[stage]), 600_000, run);
  }

  /** Nothing of it runs, nothing of it is on the disk but its own folder. */
  async expectNothingLeft(): Promise<void> {
    await until(() => processesNaming(this.dir).length === 0, 30_000);
    await until(() => readdirSync(this.temporary).length === 0, 30_000);
    const strays = this.runs().flatMap((run) =>
      readdirSync(run, { recursive: true }).filter((name) => /\.(tmp|partial)$/.test(`${name}`)),
    );
    expect(strays).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#running.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    // What a failed test has left is not the next one's.
    await sweepLeftovers(clock, this.registry());
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function until(
  what: () => boolean,
  withinMs: number,
  run?: Pick<Run, 'child' | 'said'>,
): Promise<void> {
  const deadline = clock.monotonicMs() + withinMs;
  while (!what()) {
    if (clock.monotonicMs() > deadline) throw new Error(`not in time; ${run?.said ?? ''}`);
    const over = run && (run.child.exitCode !== null || run.child.signalCode !== null);
    if (over && !what()) throw new Error(`it ended before: ${run.said}`);
    await clock.sleep(25);
  }
}

describe.concurrent('kill -9', { timeout: 900_000 }, () => {
  const draw = random(SEED, 'kill -9');

  test.each<[Stage, string, readonly string[]]>([
    ['starting servers', 'with its watchdogs', FLINK],
    ['deploying', 'alone', FLINK],
    ['load', 'with its watchdogs', FLINK],
    ['load', 'alone', []],
    ['judging', 'alone', []],
  ])(
    'while %s, %s: the record holds, and the next start leaves nothing',
    async (stage, how, args) => {
      await using home = new Home();
      const run = home.start({ args });
      await home.reaches(run, stage);
      await clock.sleep(draw.integer(300));
      const servers = home.servers();
      expect(servers.length).toBeGreaterThan(0);
      // In one go, so that no watchdog sees the other end of its pipe close first.
      const doomed = how === 'alone' ? [] : watchdogsOf(run.child.pid as number);
      for (const pid of doomed) killGroup(pid, 'SIGSTOP');
      run.child.kill('SIGKILL');
      expect(await run.ended).toBe('SIGKILL');
      for (const pid of doomed) killGroup(pid, 'SIGKILL');

      expect(readRecord(home.only())).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
      expect(readJournal(home.only()).torn.length).toBeLessThanOrEqual(1);
      if (how === 'alone') await home.expectNothingLeft();
      else expect(processesNaming(home.temporary)).not.toEqual([]);

      // The next start, which gets no further than where its results would go.
      const next = home.doorbuster(['run', 'tiny.yaml', '--results', '/dev/null/results']);
      expect(await next.ended).toBe(2);
      expect(next.said).toContain(`the run ${home.only()} was killed (process ${run.child.pid}): `);
      expect(next.said).toContain(how === 'alone' ? 'its servers had ended' : 'ended ');
      await home.expectNothingLeft();
      expect(readRecord(home.only()).outcome).toBe('interrupted');
      expect(readJournal(home.only()).entries.length).toBeGreaterThan(1);

      const third = home.doorbuster(['run', 'tiny.yaml', '--results', '/dev/null/results']);
      expect(await third.ended).toBe(2);
      expect(third.said).not.toContain('was killed');
    },
  );
});

describe.concurrent('a job that is cancelled', { timeout: 900_000 }, () => {
  /** What a CI sends, in its order, with its pauses shortened: it waits 7.5 s, and then 2.5 s. */
  const CANCELLED: readonly (readonly [NodeJS.Signals, number])[] = [
    ['SIGINT', 750],
    ['SIGTERM', 250],
    ['SIGKILL', 0],
  ];
  const cancel = async (pid: number) => {
    for (const [signal, pauseMs] of CANCELLED) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        // It has ended by then, as it may.
        expect((error as NodeJS.ErrnoException).code).toBe('ESRCH');
        return;
      }
      await clock.sleep(pauseMs);
    }
  };

  test.each<[Stage, readonly string[]]>([
    ['deploying', FLINK],
    ['load', []],
  ])(
    'while %s, itself: the record says interrupted, and nothing is left',
    async (stage, design) => {
      await using home = new Home();
      const run = home.start({ args: [...LONG, ...design] });
      await home.reaches(run, stage);
      expect(home.servers().length).toBeGreaterThan(0);
      await cancel(run.child.pid as number);
      expect([130, 'SIGKILL']).toContain(await run.ended);
      expect(readRecord(home.only())).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
      await home.expectNothingLeft();
    },
  );

  test('by its shell alone: what the shell does not pass on, the kill of the rest ends', async () => {
    await using home = new Home();
    // A second command, so that the shell waits and does not become doorbuster.
    const run = home.start({ args: LONG, through: ['bash', '-c', '"$@"; echo ended', 'step'] });
    await home.reaches(run, 'deploying');
    const [pid] = processesRunning([process.execPath, binary], home.dir);
    const shellEnded = once(run.child, 'exit');
    await cancel(run.child.pid as number);
    await shellEnded;
    // A CI kills what a step has left.
    await cancel(pid as number);
    await run.ended;
    expect(readRecord(home.only())).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    await home.expectNothingLeft();
  });
});

describe.concurrent('a server that is killed', { timeout: 900_000 }, () => {
  const WHEN = {
    kafka: 'load',
    minio: 'load',
    catalog: 'deploying',
    'flink-jobmanager': 'load',
    'flink-taskmanager': 'draining',
    'flink-gateway': 'deploying',
  } as const satisfies Partial<Record<ServerName, Stage>>;

  test.each(Object.entries(WHEN))('%s ends the run, which names it', async (server, stage) => {
    await using home = new Home();
    const design = server === 'kafka' || server === 'minio' ? [] : FLINK;
    const run = home.start({ args: stage === 'load' ? [...LONG, ...design] : design });
    await home.reaches(run, stage);
    const [victim] = home.servers().filter((one) => one.server === server);
    killGroup(victim?.pid as number, 'SIGKILL');
    expect(await run.ended, run.said).toBe(3);
    const record = readRecord(home.only());
    expect(record).toMatchObject({ outcome: 'stack-broke', exitCode: 3, verdict: null });
    expect(record.failures[0]?.message).toContain(
      `${server} exited unexpectedly (killed by SIGKILL)`,
    );
    expect(run.said).toContain(`${server} exited unexpectedly (killed by SIGKILL)`);
    expect(readJournal(home.only()).torn).toEqual([]);
    await home.expectNothingLeft();
  });
});

test.concurrent('a JobManager that hangs ends the run, which names it', {
  timeout: 900_000,
}, async () => {
  await using home = new Home();
  const run = home.start({ args: [...LONG, ...FLINK] });
  await home.reaches(run, 'load');
  const [hung] = home.servers().filter(({ server }) => server === 'flink-jobmanager');
  killGroup(hung?.pid as number, 'SIGSTOP');
  expect(await run.ended, run.said).toBe(3);
  expect(readRecord(home.only())).toMatchObject({ outcome: 'stack-broke', exitCode: 3 });
  expect(run.said).toMatch(/flink-jobmanager has not answered for \d+ s/);
  await home.expectNothingLeft();
});

describe.skipIf(!canMount())(
  'a disk that fills up (needs root)',
  { concurrent: true, timeout: 900_000 },
  () => {
    test('under the results: the record of the beginning stays, and the error names the disk', async () => {
      using disk = smallDisk(16);
      await using home = new Home({ results: join(disk.dir, 'results') });
      // Nothing is noted within a phase: the full disk is met as it ends. Servers write elsewhere, so there are none.
      const alone = `pipeline.use=${join(packageRoot, 'test/pipelines/in-process')}`;
      const run = home.start({ args: ['--set', 'phases.load.for=10s', '--set', alone] });
      await home.reaches(run, 'load');
      disk.fill();
      expect(await run.ended, run.said).toBe(3);
      expect(run.said).toContain('no space is left on its file system');
      expect(run.said).toContain('next  df -h ');
      expect(run.said).not.toContain('a defect of doorbuster itself');
      expect(readRecord(home.only()).outcome).toBe('interrupted');
      expect(readJournal(home.only()).entries.some(STAGES.load)).toBe(true);
      await home.expectNothingLeft();
    });

    test('under the servers: the run ends by what broke first, with a whole record', async () => {
      using disk = smallDisk(512);
      await using home = new Home({ temporary: disk.dir });
      const run = home.start({ args: LONG });
      await home.reaches(run, 'load');
      disk.fill();
      expect(await run.ended, run.said).toBe(3);
      const record = readRecord(home.only());
      expect(record).toMatchObject({ outcome: 'stack-broke', exitCode: 3 });
      expect(record.headline.text).toMatch(/no space|free space|disk|storage/i);
      disk.relieve();
      await home.expectNothingLeft();
    });
  },
);

describe.skipIf(!canMount())('a disk that is too small (needs root)', { concurrent: true }, () => {
  const mainJob = ['run', 'scenarios/black-friday.yaml'];

  test('for what a run writes while it goes on: doctor and run say the same', async () => {
    using disk = smallDisk(64);
    await using home = new Home({ temporary: disk.dir });
    const said = `not enough disk space in ${disk.dir}: the run needs about `;
    const next = `TMPDIR=/a/larger/folder doorbuster ${mainJob.join(' ')}`;
    for (const args of [['doctor'], mainJob]) {
      const run = home.doorbuster([...args, '--results', home.results]);
      expect(await run.ended, run.said).toBe(2);
      expect(run.said).toContain(said);
      expect(run.said).toContain(next);
    }
    expect(home.runs()).toEqual([]);
  });

  test('only for more than stays in the results: neither minds', async () => {
    using disk = smallDisk(64);
    await using home = new Home();
    const doctor = home.doorbuster(['doctor', '--json', '--results', disk.dir]);
    await doctor.ended;
    expect(JSON.parse(doctor.said.slice(doctor.said.indexOf('['))) as unknown[]).toContainEqual(
      expect.objectContaining({ subject: 'disk', state: 'ok' }),
    );
  });
});

describe.concurrent('a terminal that goes away', { timeout: 900_000 }, () => {
  test('interrupts the run, which ends in order, however often that is said', async () => {
    await using home = new Home();
    const command = [process.execPath, binary, 'run', 'tiny.yaml', '--results', home.results];
    const child = spawn('script', ['-qfc', command.join(' '), '/dev/null'], {
      cwd: home.dir,
      env: { ...home.environment(), TERM: 'xterm' },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    await home.reaches({ child, said: '' }, 'starting servers');
    const [pid] = processesRunning([process.execPath, binary], home.dir);
    child.kill('SIGKILL');
    // Twice more is what a user does who gives up; a terminal is not one.
    for (let i = 0; i < 3; i++) {
      await clock.sleep(20);
      process.kill(pid as number, 'SIGHUP');
    }
    await until(() => home.journal().some(({ kind }) => kind === 'run-end'), 60_000);
    expect(home.journal().at(-1)).toMatchObject({ kind: 'run-end', outcome: 'interrupted' });
    expect(readRecord(home.only())).toMatchObject({ outcome: 'interrupted', exitCode: 130 });
    await home.expectNothingLeft();
  });
});

test.concurrent('two runs at once, one of them with unread output, both complete', {
  timeout: 900_000,
}, async () => {
  await using home = new Home();
  const unread = home.start();
  // As `doorbuster run | head -1` leaves it.
  await until(() => unread.said !== '', 60_000, unread);
  unread.child.stdout?.destroy();
  unread.child.stderr?.destroy();
  await home.reaches(unread, 'starting servers');
  const read = home.start();
  const codes = await Promise.all([unread.ended, read.ended]);
  expect(home.runs()).toHaveLength(2);
  home.runs().forEach((run, i) => {
    const record = readRecord(run);
    expect(record.outcome, read.said).toBe('completed');
    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0 });
    expect(record.canaries, 'there is no stock to send a canary to').toMatchObject({ failed: 0 });
    // Two on one machine may well be too slow to be trusted; whatever it comes to is what the code says.
    expect(codes[i]).toBe(record.exitCode);
  });
  const [first, second] = home.runs().map((run) => readJournal(run).entries[0]);
  expect(first).toMatchObject({ kind: 'run-begin', otherRuns: [] });
  expect(second).toMatchObject({ kind: 'run-begin', otherRuns: [unread.child.pid] });
  expect(read.said).toContain(`process ${unread.child.pid}`);
  await home.expectNothingLeft();
});

test.concurrent('servers for which there is no memory are named, with what Java said', {
  timeout: 900_000,
}, async () => {
  await using home = new Home();
  const java = join(home.dir, 'java');
  mkdirSync(join(java, 'bin'), { recursive: true });
  // The real Java, which may not have as much as its heap asks for.
  const limited = `case "$*" in -version) ;; *) ulimit -v 700000 ;; esac\nexec ${onPath('java')} "$@"`;
  writeFileSync(join(java, 'bin', 'java'), `#!/bin/sh\n${limited}\n`, { mode: 0o755 });
  const run = home.start({ env: { JAVA_HOME: java } });
  expect(await run.ended, run.said).toBe(3);
  const { headline, outcome } = readRecord(home.only());
  expect(outcome).toBe('stack-broke');
  expect(headline.text).toMatch(/^(kafka|catalog|flink-\w+) exited /);
  expect(headline.text).toMatch(/memory|heap|space/i);
  await home.expectNothingLeft();
});

describe.concurrent('without permission', () => {
  /** Root without the capability to bypass permissions is like any user. */
  const through = isRoot ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'] : [];
  function locked(at: string): string {
    const path = join(at, 'shut');
    mkdirSync(path);
    chmodSync(path, 0o555);
    return path;
  }

  test.each([
    ['the results', ''],
    ['the registry of runs', 'XDG_STATE_HOME'],
    ['temporary files', 'TMPDIR'],
  ])('to write %s: one clear error, before anything is started', async (_, variable) => {
    await using home = new Home({ results: variable === '' ? 'shut' : 'results' });
    const path = locked(home.dir);
    const run = home.start({ through, env: variable === '' ? {} : { [variable]: path } });
    expect(await run.ended, run.said).toBe(2);
    expect(home.runs()).toEqual([]);
    expect(run.said).toMatch(/error .*shut.*permission denied/);
    expect(run.said).toContain('next  ');
    expect(run.said).not.toContain('    at ');
    await home.expectNothingLeft();
  });

  test('to write the cache: setup says so', async () => {
    await using home = new Home();
    const env = { DOORBUSTER_CACHE: join(locked(home.dir), 'cache') };
    const run = home.doorbuster(['setup'], { through, env });
    expect(await run.ended, run.said).toBe(2);
    expect(run.said).toMatch(/error .*shut.*permission denied/);
    expect(run.said).not.toContain('    at ');
  });
});
