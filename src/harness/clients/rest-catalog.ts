import { badInput, stackBroke } from '../../core/errors.ts';
import { masked } from '../../core/masked.ts';
import { withoutSecrets } from './catalog-options.ts';
import type { Endpoints } from './endpoints.ts';
import { httpRequest, jsonOf } from './http.ts';

type Access = Endpoints['catalog'];
type Method = 'GET' | 'DELETE' | 'POST';

/** Requests to an Iceberg REST catalog, with its prefix and authorization. */
interface RestCatalog {
  /** `path` starts after the prefix, for example /namespaces. 404 is a response; a refused credential rejects. */
  request(
    method: Method,
    path: string,
    signal?: AbortSignal,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly text: string }>;
}

/** Sends nothing yet: the catalog's prefix and a token are fetched with the first request. */
export function restCatalog(access: Access): RestCatalog {
  const uri = access.uri.replace(/\/$/, '');
  const authorized = authorization(access);
  const send = async (
    method: Method,
    path: string,
    signal: AbortSignal | undefined,
    body?: unknown,
  ) => {
    const attempt = async (anew: boolean) => {
      const headers = await authorized(anew, signal);
      return httpRequest(`${uri}/v1${path}`, { method, headers, signal, body });
    };
    let answer = await attempt(false);
    // The token may have expired.
    if (answer.status === 401 && access.auth.kind === 'oauth2') answer = await attempt(true);
    if (answer.status === 401 || answer.status === 403) throw refused(access, answer.status);
    return answer;
  };
  let prefix: Promise<string> | undefined;
  const prefixOf = async (signal: AbortSignal | undefined): Promise<string> => {
    const query = new URLSearchParams({ warehouse: access.warehouse });
    const { status, text } = await send('GET', `/config?${query}`, signal);
    if (status !== 200) {
      const words = (jsonOf(text).error as { readonly message?: unknown } | undefined)?.message;
      if (typeof words === 'string') throw unknownWarehouse(access, status, words);
      throw stackBroke(
        `the catalog answered ${status} for its configuration: ${excerpt(access, text)}`,
      );
    }
    const found = (JSON.parse(text) as { overrides?: Record<string, string> }).overrides?.prefix;
    return found === undefined ? '' : `/${found}`;
  };
  return {
    async request(method, path, signal, body) {
      // Retry after a failure.
      prefix ??= prefixOf(signal).catch((error) => {
        prefix = undefined;
        throw error;
      });
      return send(method, `${await prefix}${path}`, signal, body);
    },
  };
}

type Headers = Readonly<Record<string, string>>;

/** Headers of each kind of authentication; `anew` fetches a new token. */
function authorization({
  auth,
}: Access): (anew: boolean, signal: AbortSignal | undefined) => Promise<Headers> {
  if (auth.kind === 'none') return async () => ({});
  if (auth.kind === 'bearer') return async () => ({ authorization: `Bearer ${auth.token}` });
  let token: string | undefined;
  return async (anew, signal) => {
    if (token === undefined || anew) token = await fetchToken(auth, signal);
    return { authorization: `Bearer ${token}` };
  };
}

export type OAuth2 = Extract<Access['auth'], { kind: 'oauth2' }>;

/** OAuth2's client credentials grant, RFC 6749, section 4.4. */
export async function fetchToken(auth: OAuth2, signal: AbortSignal | undefined): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: auth.id,
    client_secret: auth.secret,
    ...(auth.scope === null ? {} : { scope: auth.scope }),
  });
  const { status, text } = await httpRequest(auth.tokenUri, { method: 'POST', form, signal });
  const body = status === 200 ? jsonOf(text) : {};
  if (typeof body.access_token !== 'string') {
    throw badInput(
      `${new URL(auth.tokenUri).host} gives no token for DOORBUSTER_CATALOG_CREDENTIAL (HTTP ${status})`,
      'export DOORBUSTER_CATALOG_CREDENTIAL=id:secret',
    );
  }
  return body.access_token;
}

const VARIABLES: Readonly<Record<Access['auth']['kind'], string>> = {
  none: 'it requires authentication: stack.external.catalog.auth: bearer, or oauth2',
  bearer: 'export DOORBUSTER_CATALOG_TOKEN=…',
  oauth2: 'export DOORBUSTER_CATALOG_CREDENTIAL=id:secret',
};

/** The beginning of a catalog's response, without secrets that it may contain. */
function excerpt({ auth }: Pick<Access, 'auth'>, text: string): string {
  return masked(withoutSecrets(text, { catalog: { auth } })).slice(0, 300);
}

function unknownWarehouse({ uri, warehouse, auth }: Access, status: number, words: string) {
  return badInput(
    `the catalog ${new URL(uri).host} has no configuration for the warehouse ${warehouse} (HTTP ${status}): ${excerpt({ auth }, words)}`,
    'its name is stack.external.catalog.warehouse, or DOORBUSTER_WAREHOUSE',
  );
}

function refused({ uri, auth }: Access, status: number) {
  const whom =
    auth.kind === 'none' ? 'requests without a credential' : `the credential (${auth.kind})`;
  return badInput(
    `the catalog ${new URL(uri).host} refuses ${whom}: HTTP ${status}`,
    VARIABLES[auth.kind],
  );
}
