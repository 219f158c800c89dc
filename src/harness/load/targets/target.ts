import type { Clock } from '../../../core/clock.ts';
import type { TargetKind } from '../../../topology/manifest.ts';
import type { InProcessLog } from '../../clients/in-process-log.ts';
import type { PartitionLog } from '../../clients/kafka-admin.ts';
import type { BatchProducer } from '../../clients/kafka-producer.ts';
import type { Stack } from '../../stack/stack.ts';

/** What is needed to send to a target. Of Kafka it can be cloned into another thread. */
export type TargetAddress =
  | { readonly kind: 'kafka'; readonly brokers: readonly string[] }
  | { readonly kind: 'in-process'; readonly log: InProcessLog; readonly clock: Clock };
type AddressOf<K extends TargetKind> = Extract<TargetAddress, { kind: K }>;

/** Where a load goes: one file per kind, and one line in targets.ts. */
export interface LoadTarget<K extends TargetKind> {
  readonly kind: K;
  /** Whether each producing thread can be a thread of its own. */
  readonly threads: boolean;
  address(stack: Pick<Stack, 'endpoints' | 'inProcess'>): AddressOf<K>;
  /** Makes the topics ready for records. One that exists already is an error. */
  createTopics(
    address: AddressOf<K>,
    topics: readonly { readonly name: string; readonly partitions: number }[],
    options: { readonly clock: Clock; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Connects a producer. Rejects with a DoorbusterError when the target does not take it. */
  openProducer(
    address: AddressOf<K>,
    options: { readonly clientId: string; readonly onWarning?: (line: string) => void },
  ): Promise<BatchProducer>;
  /** What every partition of these topics holds, by topic. */
  logs(
    address: AddressOf<K>,
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, readonly PartitionLog[]>>;
}
