import { createServer } from 'node:http';
import { badInput } from '../core/errors.ts';
import type { LiveMetrics } from './live-metrics.ts';

/** Only this machine may ask, unless another host is named. */
const HOST = '127.0.0.1';
const HINT = '--metrics :9464';

/** An address as typed: `:9464`, `9464` or `HOST:PORT`. Throws DoorbusterError (exit 2) for anything else. */
export function metricsAddress(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits = ''] =
    /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) {
    throw badInput(`--metrics ${text} is not an address: a port, or HOST:PORT`, HINT);
  }
  return { host: bracketed || plain || HOST, port };
}

interface MetricsServer extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves the metrics of a run at /metrics until it is disposed. Throws DoorbusterError (exit 2) if the address cannot be
 * listened on.
 */
export async function serveMetrics(address: string, metrics: LiveMetrics): Promise<MetricsServer> {
  const { host, port } = metricsAddress(address);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (pathname !== '/metrics') {
      response
        .writeHead(404, { 'content-type': 'text/plain' })
        .end('the metrics are at /metrics\n');
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      (error: unknown) => response.writeHead(500).end(`${error}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const fact = error.code === 'EADDRINUSE' ? 'another program listens there' : error.message;
      reject(badInput(`cannot serve metrics on ${host}:${port}: ${fact}`, HINT));
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const listens = server.address();
  const bound = typeof listens === 'object' && listens !== null ? listens.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/metrics`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
