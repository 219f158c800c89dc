import type { AddressInfo, Server } from 'node:net';

/** Runs a server of a test on a free port of loopback, until it goes out of scope. */
export async function listening(server: Server): Promise<{ readonly at: string } & Disposable> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    at: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}
