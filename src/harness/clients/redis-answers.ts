import { once } from 'node:events';
import { connect } from 'node:net';

const WITHIN_MS = 2_000;

/** Whether a Redis server at this address answers PING. Never rejects. */
export async function redisAnswers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    const signal = AbortSignal.timeout(WITHIN_MS);
    await once(socket, 'connect', { signal });
    socket.write('PING\r\n');
    // A server that still loads its data answers -LOADING.
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    return answer.toString('latin1').startsWith('+PONG');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
