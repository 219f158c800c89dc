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
import type { Place } from '../place.ts';
import type { Stack } from '../stack/stack.ts';

/** The part of one machine in a load that several make together. */
export interface Shard {
  readonly share: Share;
  /** What all of them call the load. */
  readonly load: string;
}

/** Where the shards of a load meet, with the broker's clock as everybody's. */
export interface ShardCoordinator extends AsyncDisposable {
  readonly shard: Shard;
  /** This machine's clock, put right. */
  readonly clock: Clock;
  readonly offset: ClockOffset;
  say(message: ShardMessage): Promise<unknown>;
  /** Tells everything that is said from now on, and before it everything that was. */
  listen(hear: (message: ShardMessage) => void): void;
  /** Tells the others that it goes, and why; never rejects. */
  leave(why: string): Promise<void>;
  /** Looks at the broker's clock again, once: how far it has moved against ours by then, ms. */
  driftMs(): Promise<number>;
}

/** Messages that the broker's clock is judged by. */
const PINGS = 12;
/** Longest wait for the other shards, and of them for the leader. */
const MEET_WITHIN_MS = 10 * 60_000;
const TELL_EVERY_MS = 15_000;
const LEAVE_WITHIN_MS = 3_000;
/** Longest wait for our own first word to come round, ms. */
const ECHO_WITHIN_MS = 60_000;

/**
 * Joins the others on a topic of their own, at the place of the load. Throws DoorbusterError (exit 2) when
 * this shard has been there before: two of one number would break each other's load, and clear each other's place.
 */
export async function meet(
  shard: Shard,
  {
    stack,
    place,
    clock,
    signal,
  }: {
    readonly stack: Pick<Stack, 'endpoints'>;
    readonly place: Place;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<ShardCoordinator> {
  const { brokers } = stack.endpoints.kafka;
  const topic = `${place.topicPrefix}control`;
  {
    await using admin = await openKafkaAdmin(brokers);
    await admin.ensureTopic(topic, { clock, signal });
  }
  const heard: ShardMessage[] = [];
  let listener: (message: ShardMessage) => void = (message) => heard.push(message);
  /** When somebody spoke as this shard, by the broker's clock, in the order of the topic. */
  const asUs: number[] = [];
  const member = `shard-${shard.share.index + 1}`;
  const channel = await openChannel({
    ...{ brokers, topic, member, clock },
    onMessage({ message, kafkaMs }) {
      const said = message as ShardMessage;
      if (said.kind === 'alive' && said.from === shard.share.index) asUs.push(kafkaMs);
      listener(said);
    },
  });
  try {
    const pings = await pinged(channel, shard);
    const [{ kafkaMs: firstMs }] = pings as [PublishStamps];
    await echoed(() => asUs.some((atMs) => atMs >= firstMs), { clock, signal, topic });
    const lastMs = asUs.findLast((atMs) => atMs < firstMs);
    if (lastMs !== undefined) throw second(shard, place, firstMs - lastMs);
    const offset = clockOffset(pings);
    let drift: Promise<number> | undefined;
    return {
      shard,
      offset,
      clock: offsetClock(clock, middleOf(offset)),
      say: (message) => channel.publish(message),
      listen(hear) {
        for (const message of heard.splice(0)) hear(message);
        listener = hear;
      },
      async leave(why) {
        const gone = channel.publish({ kind: 'gone', from: shard.share.index, why });
        // Where the topic is gone already, nobody is left to be told.
        await Promise.race([gone.catch(() => undefined), clock.sleep(LEAVE_WITHIN_MS)]);
      },
      driftMs() {
        drift ??= pinged(channel, shard).then(
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

/** Everybody hears all that was said before his own first word, and then that. */
async function echoed(
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

function second({ share, load }: Shard, place: Place, agoMs: number): DoorbusterError {
  const ago = `${Math.round(agoMs / 1_000)} s ago`;
  return badInput(
    `shard ${share.index + 1} of the load ${load} exists already, last message ${ago}: running, or killed`,
    `--load ${load}_2   # what a killed one has left are the topics ${place.topicPrefix}*, their jobs and the tables of ${place.namespace}`,
  );
}

async function pinged(channel: Channel, { share }: Shard): Promise<readonly PublishStamps[]> {
  const said: PublishStamps[] = [];
  for (let n = 0; n < PINGS; n++) {
    said.push(await channel.publish({ kind: 'alive', from: share.index, progress: null }));
  }
  return said;
}

/**
 * The leader's load: his own share, and the others', who are waited for. Rejects when one does not come, or
 * brings another scenario.
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
  const load = new LeadingLoad(own, { of, publish: (message) => coordinator.say(message), clock });
  const here = new Map<number, string>();
  coordinator.listen((message) => {
    if (message.kind === 'here') here.set(message.from, message.hash);
    load.receive(message);
  });
  await coordinator.say({ kind: 'deployed', hash, threads: own.workers });
  const missing = () =>
    Array.from({ length: of - 1 }, (_, i) => i + 1).filter((shardNo) => !here.has(shardNo));
  const startedMs = clock.monotonicMs();
  let toldMs = Number.NEGATIVE_INFINITY;
  while (missing().length > 0) {
    load.broken.throwIfAborted();
    const waitedMs = clock.monotonicMs() - startedMs;
    const names = missing().map((shardNo) => shardNo + 1);
    if (waitedMs > MEET_WITHIN_MS) {
      throw stackBroke(
        `shard ${names.join(', ')} of ${of} did not join within ${MEET_WITHIN_MS / 60_000} minutes`,
        `doorbuster run … --shard ${names[0]}/${of} --load ${shard.load}`,
      );
    }
    if (clock.monotonicMs() - toldMs > TELL_EVERY_MS) {
      toldMs = clock.monotonicMs();
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
  void signsOfLife(coordinator, { load, signal, look: () => load.checkSilence() });
  return load;
}

/** Says that it is there, and how it gets on, until the run is over. */
async function signsOfLife(
  { clock, shard, say }: ShardCoordinator,
  {
    load,
    signal,
    look,
  }: { readonly load: Load; readonly signal: AbortSignal; readonly look: () => void },
): Promise<void> {
  const enough = AbortSignal.any([signal, load.broken]);
  try {
    while (!enough.aborted) {
      await say({ kind: 'alive', from: shard.share.index, progress: load.progress });
      look();
      await clock.sleep(HEARTBEAT_EVERY_MS, enough);
    }
  } catch {
    // A broker that does not answer is noticed by everybody.
  }
}

/** Waits until the leader has deployed; gives how many threads every shard has. */
export async function awaitDeployed(
  coordinator: ShardCoordinator,
  { hash, signal }: { readonly hash: string; readonly signal: AbortSignal },
): Promise<{ readonly threads: number }> {
  const { clock, shard } = coordinator;
  const said: { deployed?: Extract<ShardMessage, { kind: 'deployed' }>; gone?: string } = {};
  coordinator.listen((message) => {
    if (message.kind === 'deployed') said.deployed = message;
    if (message.kind === 'gone' && message.from === 0) said.gone = message.why;
  });
  const startedMs = clock.monotonicMs();
  while (said.deployed === undefined) {
    if (said.gone !== undefined) throw stackBroke(`the leading shard has ended: ${said.gone}`);
    if (clock.monotonicMs() - startedMs > MEET_WITHIN_MS) {
      throw stackBroke(
        `the leading shard has deployed nothing within ${MEET_WITHIN_MS / 60_000} minutes`,
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
 * Does what the leader asks, until it is finished; gives when the load began, by the broker's clock, epoch ms. Rejects
 * when the leader ends the run, falls silent, or when the load breaks.
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
    coordinator.listen((message) => {
      const fromLeader = message.kind === 'ask' || ('from' in message && message.from === 0);
      if (fromLeader) heardMs = clock.monotonicMs();
      if (message.kind !== 'ask') return;
      if (message.what === 'abort') return over.abort(stackBroke(message.why));
      if (message.what === 'begin') t0Ms = message.t0Ms;
      executeRequest(load, message).then(async (told) => {
        // While the topic is still there: the leader removes it once everybody has finished.
        if (message.what === 'finish') await coordinator.driftMs();
        await coordinator.say({ kind: 'answer', from, id: message.id, ...told });
        if (message.what === 'finish') resolve();
      }, fail);
    });
  });
  const look = () => {
    const silentMs = clock.monotonicMs() - heardMs;
    if (silentMs <= SILENT_AFTER_MS) return;
    const words = `the leading shard has sent no message for ${Math.round(silentMs / 1_000)} s`;
    over.abort(stackBroke(`${words} (limit ${SILENT_AFTER_MS / 1_000} s)`));
  };
  const ends = AbortSignal.any([signal, over.signal]);
  const onBroken = () => over.abort(load.broken.reason);
  load.broken.addEventListener('abort', onBroken, { once: true });
  signal.addEventListener('abort', () => over.abort(signal.reason), { once: true });
  await coordinator.say({ kind: 'here', from, hash });
  void signsOfLife(coordinator, { load, signal: ends, look });
  try {
    await finished;
    return t0Ms;
  } finally {
    over.abort(new Error('the share is sent'));
  }
}
