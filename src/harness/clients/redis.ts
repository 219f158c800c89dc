import { createClient, ErrorReply } from '@redis/client';
import type { RedisAddress } from './endpoints.ts';

/** A connection to Redis, which reconnects by itself. Its owner closes it. */
export interface Redis {
  /** Rejects at once while there is no connection. */
  send(command: readonly string[]): Promise<unknown>;
  /** Replies to commands that no other client's commands come between. */
  atomically(commands: readonly (readonly string[])[]): Promise<readonly unknown[]>;
  close(): void;
}

/** Whether an error is an answer of Redis, such as one that its memory is full: a repetition gets the same one. */
export function isAnswer(error: unknown): boolean {
  return error instanceof ErrorReply;
}

/** Pause between two attempts to connect, ms. */
const RECONNECT_MS = 100;
const CONNECT_WITHIN_MS = 2_000;
/**
 * A connection on which nothing comes for this long is given up, ms: between us and a container there is a proxy, which
 * can outlive the server, and a command on it would be waited for without end. Pings keep an idle connection.
 */
const SILENT_AFTER_MS = 3_000;
const PING_EVERY_MS = 1_000;

/** Opens a connection; rejects if Redis does not answer. */
export async function openRedis({ host, port }: RedisAddress): Promise<Redis> {
  let wasOpen = false;
  const client = createClient({
    RESP: 2,
    // A command that waits for a server that is away would be answered by one that knows nothing of what was before it.
    disableOfflineQueue: true,
    pingInterval: PING_EVERY_MS,
    socket: {
      ...{ host, port, connectTimeout: CONNECT_WITHIN_MS, socketTimeout: SILENT_AFTER_MS },
      reconnectStrategy: () => (wasOpen ? RECONNECT_MS : false),
    },
  });
  // Without a listener the loss of a connection would end the process; the commands reject in any case.
  client.on('error', () => {});
  await client.connect();
  wasOpen = true;
  return {
    send: (command) => client.sendCommand([...command]),
    async atomically(commands) {
      const multi = client.multi();
      for (const command of commands) multi.addCommand([...command]);
      return await multi.exec();
    },
    close: () => client.destroy(),
  };
}
