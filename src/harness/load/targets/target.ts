import type { Clock } from '../../../core/clock.ts';
import type { KafkaClient } from '../../../scenario/scenario.ts';
import type { TargetKind } from '../../../topology/manifest.ts';
import type { KafkaAccess, PostgresAddress } from '../../clients/endpoints.ts';
import type { InProcessLog } from '../../clients/in-process-log.ts';
import type { PartitionLog } from '../../clients/kafka-admin.ts';
import type { BatchProducer } from '../../clients/kafka-producer.ts';
import type { ServerName, Stack } from '../../stack/stack.ts';

/** Address of a target. Those of servers can be cloned into another thread. */
export type TargetAddress =
  | { readonly kind: 'kafka'; readonly access: KafkaAccess }
  | { readonly kind: 'postgres'; readonly database: PostgresAddress }
  | { readonly kind: 'in-process'; readonly log: InProcessLog; readonly clock: Clock };
type AddressOf<K extends TargetKind> = Extract<TargetAddress, { kind: K }>;

/** Receives the messages of a load: one file per kind, and one line in targets.ts. */
export interface LoadTarget<K extends TargetKind> {
  readonly kind: K;
  /** The servers that it is on. */
  readonly servers: readonly ServerName[];
  /** Whether producers can run in worker threads. */
  readonly threads: boolean;
  address(stack: Pick<Stack, 'endpoints' | 'inProcess'>): AddressOf<K>;
  /** Creates the topics. A topic that already exists is an error. */
  createTopics(
    address: AddressOf<K>,
    topics: readonly { readonly name: string; readonly partitions: number }[],
    options: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Connects a producer. Rejects with a DoorbusterError when the target does not accept it. */
  openProducer(
    address: AddressOf<K>,
    options: {
      /** Library of a target that clients speak to. */
      readonly client: KafkaClient;
      readonly clientId: string;
      /** Ends the attempts to connect. */
      readonly signal?: AbortSignal;
      readonly onWarning?: (line: string) => void;
    },
  ): Promise<BatchProducer>;
  /** Log offsets of every partition of these topics, by topic. */
  logs(
    address: AddressOf<K>,
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, readonly PartitionLog[]>>;
}
