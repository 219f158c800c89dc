import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { stackBroke } from '../../core/errors.ts';
import { HOST, PORTS, type PortName, type Ports } from './plan.ts';

/**
 * Below the range from which Linux serves outgoing connections: a port found free there could be
 * taken by any client before the server binds it.
 */
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 32_000;
const MAX_ATTEMPTS = 200;

/** A free port on loopback for each name, none of them in `taken`. */
export async function freePorts(taken: ReadonlySet<number>): Promise<Ports> {
  const found = new Map<PortName, number>();
  const used = new Set(taken);
  for (const name of PORTS) {
    const port = await freePort(used);
    used.add(port);
    found.set(name, port);
  }
  return Object.fromEntries(found) as Ports;
}

/** A free port on loopback that is not in `used`. */
export async function freePort(used: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (!used.has(port) && (await isFree(port))) return port;
  }
  throw stackBroke(
    `no free port on ${HOST} between ${LOWEST_PORT} and ${HIGHEST_PORT} in ${MAX_ATTEMPTS} tries`,
    'ss -ltn   # shows what listens on this machine',
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
