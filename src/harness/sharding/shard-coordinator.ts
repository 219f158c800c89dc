import type { Clock } from '../../core/clock.ts';
import { badInput, type DoorbusterError, stackBroke } from '../../core/errors.ts';
import { openKafkaAdmin } from '../clients/kafka-admin.ts';
import { type Channel, openChannel, type PublishStamps } from '../clients/kafka-channel.ts';
import { type ClockOffset, clockOffset, middleOf, offsetClock } from '../clock-offset.ts';
import type { Load, Share } from '../load/load.ts';
import {
  executeRequest,
  HEARTBEAT_EVERY_MS,
  LeadingLoad,
  type ShardMessage,
  SILENT_AFTER_MS,
} from '../load/shards.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { Stack } from '../stack/stack.ts';

/** The part of one machine in a distributed load. */
export interface Shard {
  readonly share: Share;
  /** Id of the distributed run, the same for all shards. */
  readonly load: string;
}

/** Coordination of the shards of a load, with the broker's clock as their common clock. */
export interface ShardCoordinator extends AsyncDisposable {
  readonly shard: Shard;
  /** This machine's clock, corrected to the broker's. */
  readonly clock: Clock;
  readonly offset: ClockOffset;
  publish(message: ShardMessage): Promise<unknown>;
  /** Subscribes to all messages; earlier ones are delivered first. */
  subscribe(listener: (message: ShardMessage) => void): void;
  /** Publishes that this shard leaves, with the reason; never rejects. */
  leave(why: string): Promise<void>;
  /** Measures the broker's clock again, once: its drift against ours since the start, ms. */
  driftMs(): Promise<number>;
}

/** Number of messages by which the broker's clock is measured. */
const PINGS = 12;
/** Longest wait of the leader for the other shards, and of these for the leader. */
const JOIN_WITHIN_MS = 10 * 60_000;
const REPORT_EVERY_MS = 15_000;
const LEAVE_WITHIN_MS = 3_000;
/** Longest wait until our own first message is received, ms. */
const ECHO_WITHIN_MS = 60_000;

/**
 * Joins the other shards on a topic in the load's namespace. Throws DoorbusterError (exit 2) if this shard number has
 * already joined: two with one number would break each other's load and remove each other's namespace.
 */
export async function joinShards(
  shard: Shard,
  {
    stack,
    place,
    clock,
    signal,
  }: {
    readonly stack: Pick<Stack, 'endpoints'>;
    readonly place: RunNamespace;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<ShardCoordinator> {
  const { kafka } = stack.endpoints;
  const topic = `${place.topicPrefix}control`;
  {
    await using admin = await openKafkaAdmin(kafka);
    await admin.ensureTopic(topic, { clock, signal });
  }
  const pendingMessages: ShardMessage[] = [];
  let listener: (message: ShardMessage) => void = (message) => pendingMessages.push(message);
  /** Broker's stamps of the messages with this shard's number, in the order of the topic. */
  const ownStampsMs: number[] = [];
  const member = `shard-${shard.share.index + 1}`;
  const channel = await openChannel({
    ...{ kafka, topic, member, clock },
    onMessage({ message, kafkaMs }) {
      const received = message as ShardMessage;
      if (received.kind === 'alive' && received.from === shard.share.index)
        ownStampsMs.push(kafkaMs);
      listener(received);
    },
  });
  try {
    const pings = await measureClock(channel, shard);
    const [{ kafkaMs: firstMs }] = pings as [PublishStamps];
    await awaitEcho(() => ownStampsMs.some((atMs) => atMs >= firstMs), { clock, signal, topic });
    const lastMs = ownStampsMs.findLast((atMs) => atMs < firstMs);
    if (lastMs !== undefined) throw duplicateShard(shard, place, firstMs - lastMs);
    const offset = clockOffset(pings);
    let drift: Promise<number> | undefined;
    return {
      shard,
      offset,
      clock: offsetClock(clock, middleOf(offset)),
      publish: (message) => channel.publish(message),
      subscribe(newListener) {
        for (const message of pendingMessages.splice(0)) newListener(message);
        listener = newListener;
      },
      async leave(why) {
        const gone = channel.publish({ kind: 'gone', from: shard.share.index, why });
        // If the topic was removed, no other shard is left.
        await Promise.race([gone.catch(() => undefined), clock.sleep(LEAVE_WITHIN_MS)]);
      },
      driftMs() {
        drift ??= measureClock(channel, shard).then(
          (said) => middleOf(clockOffset(said)) - middleOf(offset),
        );
        return drift;
      },
      [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
    };
  } catch (error) {
    await channel[Symbol.asyncDispose]();
    throw error;
  }
}

/** Resolves when our own first message was received, and thus every message before it. */
async function awaitEcho(
  fact: () => boolean,
  {
    clock,
    signal,
    topic,
  }: { readonly clock: Clock; readonly signal: AbortSignal; readonly topic: string },
): Promise<void> {
  const startedMs = clock.monotonicMs();
  while (!fact()) {
    if (clock.monotonicMs() - startedMs > ECHO_WITHIN_MS) {
      throw stackBroke(
        `a message on the topic ${topic} is not received within ${ECHO_WITHIN_MS / 1_000} s`,
      );
    }
    await clock.sleep(50, signal);
  }
}

function duplicateShard(
  { share, load }: Shard,
  place: RunNamespace,
  agoMs: number,
): DoorbusterError {
  const ago = `${Math.round(agoMs / 1_000)} s ago`;
  return badInput(
    `shard ${share.index + 1} of the load ${load} exists already, last message ${ago}: running, or killed`,
    `--load ${load}_2   # what a killed one has left are the topics ${place.topicPrefix}*, their jobs and the tables of ${place.namespace}`,
  );
}

async function measureClock(channel: Channel, { share }: Shard): Promise<readonly PublishStamps[]> {
  const stamps: PublishStamps[] = [];
  for (let n = 0; n < PINGS; n++) {
    stamps.push(await channel.publish({ kind: 'alive', from: share.index, progress: null }));
  }
  return stamps;
}

/**
 * The leader's load: waits for the other shards, and combines its own share with theirs. Rejects if a shard does not
 * join in time, or has another scenario.
 */
export async function lead(
  own: Load,
  coordinator: ShardCoordinator,
  {
    hash,
    signal,
    onStep,
  }: {
    readonly hash: string;
    readonly signal: AbortSignal;
    readonly onStep: (text: string) => void;
  },
): Promise<LeadingLoad> {
  const { clock, shard } = coordinator;
  const { of } = shard.share;
  const load = new LeadingLoad(own, {
    of,
    publish: (message) => coordinator.publish(message),
    clock,
  });
  const here = new Map<number, string>();
  coordinator.subscribe((message) => {
    if (message.kind === 'here') here.set(message.from, message.hash);
    load.receive(message);
  });
  await coordinator.publish({ kind: 'deployed', hash, threads: own.workers });
  const missing = () =>
    Array.from({ length: of - 1 }, (_, i) => i + 1).filter((shardNo) => !here.has(shardNo));
  const startedMs = clock.monotonicMs();
  let reportedMs = Number.NEGATIVE_INFINITY;
  while (missing().length > 0) {
    load.broken.throwIfAborted();
    const waitedMs = clock.monotonicMs() - startedMs;
    const names = missing().map((shardNo) => shardNo + 1);
    if (waitedMs > JOIN_WITHIN_MS) {
      throw stackBroke(
        `shard ${names.join(', ')} of ${of} did not join within ${JOIN_WITHIN_MS / 60_000} minutes`,
        `doorbuster run … --shard ${names[0]}/${of} --load ${shard.load}`,
      );
    }
    if (clock.monotonicMs() - reportedMs > REPORT_EVERY_MS) {
      reportedMs = clock.monotonicMs();
      onStep(`waiting for shard ${names.join(', ')} of ${of}`);
    }
    await clock.sleep(200, signal);
  }
  const other = [...here].find(([, theirs]) => theirs !== hash);
  if (other !== undefined) {
    throw badInput(
      `shard ${other[0] + 1} replays another scenario`,
      'give every shard the same file, --seed and --set',
    );
  }
  void publishHeartbeats(coordinator, { load, signal, checkSilence: () => load.checkSilence() });
  return load;
}

/** Publishes heartbeats with the progress until the run ends. */
async function publishHeartbeats(
  { clock, shard, publish }: ShardCoordinator,
  {
    load,
    signal,
    checkSilence,
  }: { readonly load: Load; readonly signal: AbortSignal; readonly checkSilence: () => void },
): Promise<void> {
  const enough = AbortSignal.any([signal, load.broken]);
  try {
    while (!enough.aborted) {
      await publish({ kind: 'alive', from: shard.share.index, progress: load.progress });
      checkSilence();
      await clock.sleep(HEARTBEAT_EVERY_MS, enough);
    }
  } catch {
    // Every shard notices by itself a broker that does not answer.
  }
}

/** Waits until the leader has deployed; returns the number of threads of every shard. */
export async function awaitDeployed(
  coordinator: ShardCoordinator,
  { hash, signal }: { readonly hash: string; readonly signal: AbortSignal },
): Promise<{ readonly threads: number }> {
  const { clock, shard } = coordinator;
  const said: { deployed?: Extract<ShardMessage, { kind: 'deployed' }>; gone?: string } = {};
  coordinator.subscribe((message) => {
    if (message.kind === 'deployed') said.deployed = message;
    if (message.kind === 'gone' && message.from === 0) said.gone = message.why;
  });
  const startedMs = clock.monotonicMs();
  while (said.deployed === undefined) {
    if (said.gone !== undefined) throw stackBroke(`the leading shard has ended: ${said.gone}`);
    if (clock.monotonicMs() - startedMs > JOIN_WITHIN_MS) {
      throw stackBroke(
        `the leading shard has deployed nothing within ${JOIN_WITHIN_MS / 60_000} minutes`,
        `doorbuster run … --shard 1/${shard.share.of} --load ${shard.load}`,
      );
    }
    await clock.sleep(200, signal);
  }
  if (said.deployed.hash !== hash) {
    throw badInput(
      'the leading shard replays another scenario',
      'give every shard the same file, --seed and --set',
    );
  }
  return { threads: said.deployed.threads };
}

/**
 * Executes the leader's requests until the load is finished; returns t0 by the broker's clock, epoch ms. Rejects if
 * the leader ends the run or falls silent, or if the load fails.
 */
export async function follow(
  load: Load,
  coordinator: ShardCoordinator,
  { hash, signal }: { readonly hash: string; readonly signal: AbortSignal },
): Promise<number | null> {
  const { clock, shard } = coordinator;
  const from = shard.share.index;
  const over = new AbortController();
  let heardMs = clock.monotonicMs();
  let t0Ms: number | null = null;
  const finished = new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown) => reject(cause);
    over.signal.addEventListener('abort', () => fail(over.signal.reason), { once: true });
    coordinator.subscribe((message) => {
      const fromLeader = message.kind === 'ask' || ('from' in message && message.from === 0);
      if (fromLeader) heardMs = clock.monotonicMs();
      if (message.kind !== 'ask') return;
      if (message.what === 'abort') return over.abort(stackBroke(message.why));
      if (message.what === 'begin') t0Ms = message.t0Ms;
      executeRequest(load, message).then(async (told) => {
        // While the topic exists: the leader removes it after every shard has finished.
        if (message.what === 'finish') await coordinator.driftMs();
        await coordinator.publish({ kind: 'answer', from, id: message.id, ...told });
        if (message.what === 'finish') resolve();
      }, fail);
    });
  });
  const checkSilence = () => {
    const silentMs = clock.monotonicMs() - heardMs;
    if (silentMs <= SILENT_AFTER_MS) return;
    const words = `the leading shard has sent no message for ${Math.round(silentMs / 1_000)} s`;
    over.abort(stackBroke(`${words} (limit ${SILENT_AFTER_MS / 1_000} s)`));
  };
  const ends = AbortSignal.any([signal, over.signal]);
  const onBroken = () => over.abort(load.broken.reason);
  load.broken.addEventListener('abort', onBroken, { once: true });
  signal.addEventListener('abort', () => over.abort(signal.reason), { once: true });
  await coordinator.publish({ kind: 'here', from, hash });
  void publishHeartbeats(coordinator, { load, signal: ends, checkSilence });
  try {
    await finished;
    return t0Ms;
  } finally {
    over.abort(new Error('the share is sent'));
  }
}
