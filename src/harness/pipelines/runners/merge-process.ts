import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { badInput } from '../../../core/errors.ts';
import { FailureStreak } from '../../batches/failure-streak.ts';
import { reasonOf } from '../../reason.ts';
import { innermostCause, logTail } from '../../stack/cause.ts';
import { HOST } from '../../stack/plan.ts';
import { freePort } from '../../stack/ports.ts';
import { claimedPorts, defaultRegistryDir } from '../../stack/registry.ts';
import type { Launched } from '../../stack/server.ts';
import { type SessionOptions, startSessionProcess } from '../../stack/session-process.ts';
import { MERGE_READY, sparkMergeJob } from '../compactions/spark-jvm.ts';

interface MergeOptions extends Omit<SessionOptions, 'onLaunched'> {
  /** Names of its topics, as it reports them. */
  readonly topics: readonly string[];
  /** The argument of `MergeJob.java`. `internal`: see LaunchContext. */
  readonly config: (internal: boolean) => object;
}

/** Lines in which it reports a micro-batch: what became of it, its topic, and an error. */
const REPORT = /^doorbuster-merge-(done|failed) (\S+)(?: (.*))?$/;
const POLL_MS = 200;
/** Pause before a process that ended is started again, ms. */
const RESTART_AFTER_MS = 1_000;

/** A Spark process that merges topics into tables, which is started again when it ends. */
export class MergeProcess implements AsyncDisposable {
  readonly #options: MergeOptions;
  readonly #stopping = new AbortController();
  readonly #drained = new AbortController();
  /** Failures of the process itself, and of the micro-batches of each topic. */
  readonly #ends: FailureStreak;
  readonly #ofTopic: ReadonlyMap<string, FailureStreak>;
  /** null between two processes. */
  #running: Running | null = null;
  /** Started and perhaps not ready. */
  #launched: Launched | null = null;
  #supervised: Promise<void> = Promise.resolve();

  /**
   * Resolves when it reads its topics. Rejects with a DoorbusterError if Spark is not on this machine, or does not start;
   * and with the signal's reason.
   */
  static async start(options: MergeOptions): Promise<MergeProcess> {
    const merging = new MergeProcess(options);
    const first = await merging.#launch(options.signal);
    merging.#supervised = merging.#supervise(first);
    return merging;
  }

  private constructor(options: MergeOptions) {
    const { clock, topics } = options;
    this.#options = options;
    this.#ends = new FailureStreak(clock);
    this.#ofTopic = new Map(topics.map((name) => [name, new FailureStreak(clock)]));
  }

  /** null between two processes, and where it is not a process of this machine. */
  get pid(): number | null {
    return this.#running?.launched.pid ?? null;
  }

  /** See `DeployedStage.watch`. */
  async watch(signal: AbortSignal, underDeclaredFault: () => boolean): Promise<void> {
    const over = AbortSignal.any([signal, this.#stopping.signal, this.#drained.signal]);
    await Promise.all([
      this.#ends.watch('Spark of spark-merge', over, underDeclaredFault),
      ...[...this.#ofTopic].map(([name, failures]) =>
        failures.watch(`merge of ${name}`, over, underDeclaredFault),
      ),
    ]);
  }

  /** Resolves when everything in the topics has been merged; it runs on until it is disposed of. */
  async drain(signal: AbortSignal = new AbortController().signal): Promise<void> {
    while (!this.#drained.signal.aborted) {
      signal.throwIfAborted();
      const { statusCode } = (await this.#post('/drain', signal)) ?? {};
      if (statusCode === 200) this.#drained.abort();
      // A process that has ended is started again, and drained then.
      else await this.#options.clock.sleep(POLL_MS, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#launched?.kill('SIGKILL');
    await this.#supervised;
  }

  async #supervise(first: Running): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    let running: Running | null = first;
    while (!signal.aborted) {
      if (running !== null) {
        const { code, signal: by } = await running.exited;
        this.#running = null;
        if (signal.aborted) return;
        this.#ends.failed(innermostCause(logTail(log)) ?? `it ended with ${by ?? code}`);
      }
      await clock.sleep(RESTART_AFTER_MS, signal).catch(() => {});
      if (signal.aborted) return;
      running = await this.#launch(signal).catch((error) => {
        this.#ends.failed(reasonOf(error));
        return null;
      });
    }
  }

  async #launch(signal: AbortSignal): Promise<Running> {
    const token = randomBytes(16).toString('hex');
    const port = await freePort(claimedPorts(defaultRegistryDir()));
    const program = sparkMergeJob({ ...this.#options, port, token }, this.#options.stack.endpoints);
    const process = await startSessionProcess(
      {
        title: 'Spark of spark-merge',
        readyLine: MERGE_READY,
        onLine: (line) => this.#take(line),
        program: {
          ...program,
          command(at) {
            if (!at.internal) requireJars(at.artifacts.sparkMergeClasspath);
            return program.command(at);
          },
        },
      },
      { ...this.#options, signal, onLaunched: (launched) => this.#follow(launched) },
    );
    this.#running = { ...process, port, token };
    return this.#running;
  }

  #follow(launched: Launched): void {
    this.#launched = launched;
    if (this.#stopping.signal.aborted) launched.kill('SIGKILL');
  }

  #take(line: string): void {
    const [, what, topic = '', error = ''] = REPORT.exec(line) ?? [];
    if (what === 'failed') this.#ofTopic.get(topic)?.failed(error);
    if (what !== 'done') return;
    this.#ofTopic.get(topic)?.succeeded();
    this.#ends.succeeded();
  }

  /** null: no process answered. */
  async #post(path: string, signal: AbortSignal): Promise<IncomingMessage | null> {
    if (this.#running === null) return null;
    const { port, token } = this.#running;
    const sent = request({
      ...{ host: HOST, port, path, method: 'POST', signal },
      headers: { authorization: token },
    });
    sent.end();
    const response = await once(sent, 'response').catch(() => null);
    signal.throwIfAborted();
    response?.[0].resume();
    return response?.[0] ?? null;
  }
}

type Running = Awaited<ReturnType<typeof startSessionProcess>> & {
  readonly port: number;
  readonly token: string;
};

/** Checks that the jars exist: each part of a class path is a file, or all jars of a folder. */
function requireJars(classpath: string): void {
  const absent = classpath.split(':').find((part) => !existsSync(part.replace(/\/\*$/, '')));
  if (absent === undefined) return;
  throw badInput(
    `the stage spark-merge needs jars that are not on this machine: there is no ${absent}`,
    'doorbuster setup --only spark-kafka',
  );
}
