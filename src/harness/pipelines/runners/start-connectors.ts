import type { Clock } from '../../../core/clock.ts';
import { stackBroke } from '../../../core/errors.ts';
import type { ConnectRest } from '../../clients/connect-rest.ts';
import type { Endpoints } from '../../clients/endpoints.ts';
import { troubleOf } from './watch-connectors.ts';

/** Longest wait for the connectors, ms: one runs after seconds, several on a loaded machine take longer. */
const RUNNING_WITHIN_MS = 120_000;
const POLL_MS = 200;

/** Throws DoorbusterError (exit 3) if there is no Kafka Connect, or its worker has other settings than the stage. */
export async function requireWorker(
  stage: { readonly run: string; readonly offset_flush_ms: number },
  { connect }: Pick<Endpoints, 'connect'>,
): Promise<void> {
  if (connect === null) {
    throw stackBroke(
      `the stage ${stage.run} needs a Kafka Connect, which these servers do not have`,
      'set stack: { runtime: processes }, or containers',
    );
  }
  if (connect.offsetFlushMs === stage.offset_flush_ms) return;
  throw stackBroke(
    `the worker of Kafka Connect has offset.flush.interval.ms=${connect.offsetFlushMs}, and the pipeline asks for ${stage.offset_flush_ms}`,
    'run it on a stack of its own, without --on',
  );
}

/** Starts connectors, and waits until all their tasks run. Throws DoorbusterError (exit 3) with the cause if one has failed. */
export async function startConnectors(
  rest: Pick<ConnectRest, 'configure' | 'statuses'>,
  connectors: readonly {
    readonly name: string;
    readonly config: Readonly<Record<string, string>>;
  }[],
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (const { name, config } of connectors) await rest.configure(name, config, signal);
  const startedMs = clock.monotonicMs();
  for (;;) {
    const statuses = await rest.statuses(signal);
    const troubles = connectors.flatMap(({ name }) => {
      // Connect lists a connector a moment after it has accepted it.
      const seen = statuses.find((one) => one.name === name);
      if (seen === undefined) return [{ failed: false, text: `${name} is not started` }];
      return troubleOf(name, seen) ?? [];
    });
    const failed = troubles.find((one) => one.failed);
    if (failed !== undefined) throw stackBroke(`connector ${failed.text}`);
    if (troubles.length === 0) return;
    if (clock.monotonicMs() - startedMs > RUNNING_WITHIN_MS) {
      throw stackBroke(
        `these connectors are not running after ${RUNNING_WITHIN_MS / 1000} s: ${troubles.map(({ text }) => text).join('; ')}`,
        'see connect.log in the run folder',
      );
    }
    await clock.sleep(POLL_MS, signal);
  }
}
