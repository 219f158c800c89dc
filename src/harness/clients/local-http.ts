import { Agent, get } from 'node:http';

/** A response with its whole body. */
interface LocalAnswer {
  readonly status: number;
  readonly body: Buffer;
}

interface LocalRequest {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', 'localhost']);

const kept = new Agent({ keepAlive: true });

/** Whether a URL is that of a server on this machine, by plain HTTP. */
export function isLocal({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && LOOPBACK.has(hostname);
}

/**
 * Requests a resource of a server on this machine. It takes half of the CPU time of `fetch`, which is measured
 * as the harness's, and asks for no compression, which would be measured as the server's. Redirects are answers.
 */
export function localGet(
  url: URL,
  { headers, signal }: LocalRequest = {},
  agent: Agent | false = kept,
): Promise<LocalAnswer> {
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { headers: { ...headers, 'accept-encoding': 'identity' }, agent, signal },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }),
        );
        // Also when the connection ends before the body does.
        response.on('error', reject);
      },
    );
    request.on('error', (error) => {
      // A server may close an idle connection just as it is used again.
      const again = agent !== false && request.reusedSocket && signal?.aborted !== true;
      if (again) localGet(url, { headers, signal }, false).then(resolve, reject);
      else reject(error);
    });
  });
}
