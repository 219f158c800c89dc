import { type ChildProcess, fork } from 'node:child_process';
import { stackBroke } from '../../../core/errors.ts';
import { limitedSignal } from '../../../core/limited-signal.ts';
import { VIEW } from '../../../record/facts.ts';
import { holdsImages, type ImageDataset, stockView } from '../../../topology/dataset.ts';
import { entryFile } from '../../entry.ts';
import { topicOf } from '../../run-namespace.ts';
import type { FromView, ToView, ViewConfig } from './redis-view-child.ts';
import type { DeployedStage, DeployOptions, StageOf, StageRunner } from './runner.ts';
import type { ViewCounts } from './view-writer.ts';

/** Longest wait until a view has read its topic, ms. */
const READY_WITHIN_MS = 120_000;

/** Keeps the hot rows of a stream of images in Redis: a process per dataset, which reads the topic by itself. */
export const redisView: StageRunner<'redis-view'> = {
  run: 'redis-view',
  servers: ['kafka', 'redis'],
  async requireCapacity(_, { stack }) {
    if (stack.endpoints.redis !== null) return;
    throw stackBroke(
      'the stage redis-view needs a Redis, which these servers do not have',
      'set stack: { runtime: processes }, or take the stage and its dataset out of pipeline.yaml',
    );
  },
  deploy: deployViews,
};

async function deployViews(
  of: StageOf<'redis-view'>,
  options: DeployOptions,
): Promise<DeployedStage> {
  const views: ViewProcess[] = [];
  const dispose = async () => {
    await Promise.all(views.map((view) => view.end()));
  };
  try {
    for (const config of configsOf(of, options)) views.push(new ViewProcess(config));
    const either = limitedSignal(options.signal, READY_WITHIN_MS);
    await Promise.all(views.map((view) => view.ready(either)));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    jobs: [],
    async watch(until) {
      await Promise.race([aborted(until), ...views.map((view) => view.broken())]);
    },
    async drain(until) {
      await Promise.all(views.map((view) => view.drain(until)));
    },
    explain: async () => [],
    processes: () => views.flatMap(({ pid }) => (pid === null ? [] : [{ server: VIEW, pid }])),
    views: () =>
      views.flatMap(({ name, counts }) => (counts === null ? [] : [{ name, ...counts }])),
    [Symbol.asyncDispose]: dispose,
  };
}

/** The views of the datasets whose stream has traffic. */
function configsOf(
  { pipeline, stage, streams }: StageOf<'redis-view'>,
  { stack, hotProducts, extensions }: DeployOptions,
): readonly ViewConfig[] {
  const { manifest, place } = pipeline;
  const { redis, kafka, s3, catalog } = stack.endpoints;
  const everyMs = stage.reconcile_every_ms;
  const source = stockView(manifest.datasets);
  const table =
    everyMs === undefined || source === null
      ? null
      : { s3, catalog, extensions, everyMs, table: `${place.namespace}.${source.name}` };
  return manifest.datasets
    .filter((one): one is ImageDataset => holdsImages(one) && one.visibility === 'redis')
    .filter(({ carries }) => streams.includes(carries))
    .map(({ name, carries }) => ({
      kafka,
      redis: redis as NonNullable<typeof redis>,
      ...{ topic: topicOf(place, carries), stream: carries, hot: stage.hot },
      group: `${place.topicPrefix}doorbuster-${name}`,
      name: `${place.namespace}.${name}`,
      planned: hotProducts(),
      table,
    }));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });
}

/** The process of a view. */
class ViewProcess {
  readonly name: string;
  counts: ViewCounts | null = null;
  readonly #child: ChildProcess;
  readonly #exited: Promise<string>;
  readonly #failed: Promise<string>;
  #ended = false;
  #ending = false;

  constructor(config: ViewConfig) {
    this.name = config.name;
    this.#child = fork(entryFile('harness/pipelines/runners/redis-view-child'), {
      serialization: 'advanced',
      execArgv: [],
      // A session of its own, to which the lower priority applies.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#ended = true;
        resolve(signal ? `was ended by ${signal}` : `ended with exit code ${code}`);
      });
      this.#child.once('error', (error) => resolve(`failed: ${error.message}`));
    });
    this.#failed = this.#message('failed', new AbortController().signal).then(({ error }) => error);
    this.#send({ kind: 'open', config });
  }

  get pid(): number | null {
    return this.#ended ? null : (this.#child.pid ?? null);
  }

  async ready(signal: AbortSignal): Promise<void> {
    await this.#answer('ready', signal);
  }

  /** Rejects when the view cannot continue; resolves when it was ended on purpose. */
  async broken(): Promise<void> {
    const why = await this.#broken();
    if (!this.#ending) throw stackBroke(`the view ${this.name} ${why}`);
  }

  async drain(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const drained = this.#answer('drained', signal);
    this.#send({ kind: 'drain' });
    ({ counts: this.counts } = await drained);
    await this.end();
  }

  async end(): Promise<void> {
    this.#ending = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #broken(): Promise<string> {
    return Promise.race([this.#exited, this.#failed.then((error) => `failed: ${error}`)]);
  }

  async #answer<K extends FromView['kind']>(kind: K, signal: AbortSignal) {
    const answered = new AbortController();
    try {
      return await Promise.race([
        this.#message(kind, answered.signal),
        this.#broken().then((why) => {
          throw stackBroke(`the view ${this.name} ${why}`);
        }),
        aborted(signal).then(() => {
          throw signal.reason;
        }),
      ]);
    } finally {
      answered.abort();
    }
  }

  #message<K extends FromView['kind']>(
    kind: K,
    until: AbortSignal,
  ): Promise<Extract<FromView, { kind: K }>> {
    return new Promise((resolve) => {
      const onMessage = (message: FromView) => {
        if (message.kind === kind) resolve(message as Extract<FromView, { kind: K }>);
      };
      this.#child.on('message', onMessage);
      until.addEventListener('abort', () => this.#child.off('message', onMessage), { once: true });
    });
  }

  #send(message: ToView): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
