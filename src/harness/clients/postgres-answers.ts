import { once } from 'node:events';
import { connect } from 'node:net';

const WITHIN_MS = 2_000;
/** Version 3.0 of the protocol. */
const PROTOCOL = 196_608;
/** The server accepts a session, or asks for a password. */
const AUTHENTICATION = 'R'.charCodeAt(0);

/**
 * Whether a Postgres server at this address accepts sessions. One that starts, recovers or stops answers with an error.
 * Never rejects.
 */
export async function postgresAnswers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    const signal = AbortSignal.timeout(WITHIN_MS);
    await once(socket, 'connect', { signal });
    socket.write(startup());
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
    return answer[0] === AUTHENTICATION;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function startup(): Buffer {
  const parameters = Buffer.from('user\0doorbuster\0database\0postgres\0\0', 'latin1');
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + parameters.length, 0);
  head.writeInt32BE(PROTOCOL, 4);
  return Buffer.concat([head, parameters]);
}
