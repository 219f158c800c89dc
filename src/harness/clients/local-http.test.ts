import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { isLocal, localGet } from './local-http.ts';

/** A server on this machine that counts its connections. */
async function serving(
  listener: RequestListener,
): Promise<
  AsyncDisposable & { readonly url: URL; readonly server: Server; connections(): number }
> {
  const server = createServer(listener);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a`),
    server,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a server is local by plain HTTP on the loopback address only', () => {
  const local = (url: string) => isLocal(new URL(url));
  expect(['http://127.0.0.1:8181', 'http://localhost:9000/x'].map(local)).toEqual([true, true]);
  const others = ['https://127.0.0.1', 'http://10.0.0.1:8181', 'http://127.0.0.1.example.com'];
  expect(others.map(local)).toEqual([false, false, false]);
});

test('a body arrives as it is, without compression, and a connection is used again', async () => {
  const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 256));
  await using on = await serving((request, response) => {
    response.statusCode = request.headers['accept-encoding'] === 'identity' ? 200 : 500;
    response.setHeader('x-key', String(request.headers['x-key']));
    response.end(body);
  });
  for (let i = 0; i < 3; i++) {
    const answer = await localGet(on.url, { headers: { 'x-key': '1' } });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(body)).toBe(true);
  }
  expect(on.connections()).toBe(1);
});

test('a request on a connection that the server closes is sent again, once', async () => {
  let requests = 0;
  await using on = await serving((request, response) => {
    requests += 1;
    // The second request finds the connection closed without an answer.
    if (requests === 2) request.socket.destroy();
    else response.end(`answer ${requests}`);
  });
  const text = async () => (await localGet(on.url)).body.toString();
  expect(await text()).toBe('answer 1');
  expect(await text()).toBe('answer 3');
  expect(on.connections()).toBe(2);
});

test('a server that always closes the connection is an error, and so is a body that ends early', async () => {
  await using closing = await serving((request) => request.socket.destroy());
  await expect(localGet(closing.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
  await using short = await serving((request, response) => {
    response.setHeader('content-length', 100);
    response.write('only this');
    setImmediate(() => request.socket.destroy());
  });
  await expect(localGet(short.url)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('an aborted request rejects, and is not sent again', async () => {
  const stop = new AbortController();
  let requests = 0;
  await using on = await serving((_, response) => {
    requests += 1;
    if (requests === 1) response.end();
    else stop.abort();
  });
  await localGet(on.url);
  await expect(localGet(on.url, { signal: stop.signal })).rejects.toMatchObject({
    name: 'AbortError',
  });
  expect(requests).toBe(2);
});
