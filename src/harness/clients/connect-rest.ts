import type { Clock } from '../../core/clock.ts';
import { stackBroke } from '../../core/errors.ts';
import { httpRequest, jsonOf } from './http.ts';
import { rootCause } from './root-cause.ts';

/** States of a connector and of a task, as Connect's REST interface names them. */
export type ConnectState =
  | 'UNASSIGNED'
  | 'RUNNING'
  | 'PAUSED'
  | 'STOPPED'
  | 'FAILED'
  | 'RESTARTING'
  | 'DESTROYED';

/** A connector or a task. `failure` is the innermost cause; null: it has not failed. */
interface Part {
  readonly state: ConnectState;
  readonly failure: string | null;
}

export interface ConnectorStatus extends Part {
  readonly name: string;
  /** By number. A connector may be RUNNING while all of its tasks have FAILED. */
  readonly tasks: readonly (Part & { readonly id: number })[];
}

/** The REST interface of Kafka Connect. Stateless: nothing to close. */
export interface ConnectRest {
  /** Every connector, with the state of its tasks. */
  statuses(signal?: AbortSignal): Promise<readonly ConnectorStatus[]>;
  /** Creates a connector, or gives it another configuration. Rejects with what Connect finds wrong with it. */
  configure(
    name: string,
    config: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Removes a connector and stops its tasks. A missing one is not an error. */
  remove(name: string, signal?: AbortSignal): Promise<void>;
}

/** While the workers rebalance, a change is refused with HTTP 409; so it is repeated, ms. */
const [BUSY, AGAIN_MS, BUSY_WITHIN_MS] = [409, 200, 60_000] as const;

/** `uri`: http://host:port of a worker. */
export function connectRest(uri: string, clock: Clock): ConnectRest {
  const change = async (
    method: 'PUT' | 'DELETE',
    path: string,
    signal: AbortSignal | undefined,
    body?: unknown,
  ) => {
    const startedMs = clock.monotonicMs();
    for (;;) {
      const answer = await httpRequest(`${uri}${path}`, { method, body, signal });
      const waitedMs = clock.monotonicMs() - startedMs;
      if (answer.status !== BUSY || waitedMs > BUSY_WITHIN_MS) return answer;
      await clock.sleep(AGAIN_MS, signal);
    }
  };
  const refused = (what: string, status: number, text: string) =>
    stackBroke(`Connect answered HTTP ${status} to ${what}: ${messageOf(text)}`);
  return {
    async statuses(signal) {
      const path = '/connectors?expand=status';
      const { ok, status, text } = await httpRequest(`${uri}${path}`, { signal });
      if (!ok) throw refused(`GET ${path}`, status, text);
      return Object.values(JSON.parse(text) as Record<string, { status: StatusBody }>).map(
        ({ status: { name, connector, tasks } }) => ({
          ...{ name, ...partOf(connector) },
          tasks: tasks.map((task) => ({ id: task.id, ...partOf(task) })),
        }),
      );
    },
    async configure(name, config, signal) {
      const path = `/connectors/${encodeURIComponent(name)}/config`;
      const { ok, status, text } = await change('PUT', path, signal, config);
      if (!ok) throw refused(`PUT ${path}`, status, text);
    },
    async remove(name, signal) {
      const path = `/connectors/${encodeURIComponent(name)}`;
      const { ok, status, text } = await change('DELETE', path, signal);
      if (!ok && status !== 404) throw refused(`DELETE ${path}`, status, text);
    },
  };
}

interface PartBody {
  readonly state: ConnectState;
  readonly trace?: string;
}

interface StatusBody {
  readonly name: string;
  readonly connector: PartBody;
  readonly tasks: readonly (PartBody & { readonly id: number })[];
}

function partOf({ state, trace }: PartBody): Part {
  return { state, failure: trace === undefined ? null : rootCause(trace) };
}

function messageOf(text: string): string {
  const { message } = jsonOf(text);
  return (typeof message === 'string' ? message : text).replace(/\s+/g, ' ').slice(0, 600);
}
