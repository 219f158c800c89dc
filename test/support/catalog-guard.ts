import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A proxy in front of a REST catalog that rejects requests without the right token. */
export interface CatalogGuard extends AsyncDisposable {
  readonly uri: string;
  /** Paths of the requests without the token. */
  readonly refused: readonly string[];
  /** Number of tokens that were issued for the credential. */
  issued(): number;
}

/**
 * Forwards requests with `token` to `behind`, and issues that token for the client id and secret at
 * /v1/oauth/tokens, like a catalog with OAuth2.
 */
export async function guardCatalog(
  behind: string,
  its: { readonly token: string; readonly id: string; readonly secret: string },
): Promise<CatalogGuard> {
  const refused: string[] = [];
  let issued = 0;
  const answer = (response: ServerResponse, status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const giveToken = async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    const basic = Buffer.from(`${its.id}:${its.secret}`).toString('base64');
    const known =
      incoming.headers.authorization === `Basic ${basic}` ||
      (form.get('client_id') === its.id && form.get('client_secret') === its.secret);
    if (!known || form.get('grant_type') !== 'client_credentials') {
      return answer(response, 401, { error: 'invalid_client' });
    }
    issued += 1;
    const token = { access_token: its.token, token_type: 'bearer', expires_in: 3_600 };
    return answer(response, 200, token);
  };
  const server = createServer((incoming, response) => {
    if (incoming.url === '/v1/oauth/tokens') return void giveToken(incoming, response);
    if (incoming.headers.authorization !== `Bearer ${its.token}`) {
      refused.push(incoming.url ?? '');
      const error = { message: 'who are you?', type: 'NotAuthorizedException', code: 401 };
      return answer(response, 401, { error });
    }
    const { authorization: _shown, host: _host, ...headers } = incoming.headers;
    const onward = request(
      new URL(incoming.url ?? '/', behind),
      { method: incoming.method, headers },
      (from) => {
        response.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    issued: () => issued,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
