import { stackBroke } from '../../core/errors.ts';
import type { Endpoints } from './endpoints.ts';
import { restCatalog } from './rest-catalog.ts';

/** A type of Iceberg's REST interface. */
export type IcebergType =
  | 'string'
  | 'int'
  | 'long'
  | 'boolean'
  | 'binary'
  | StructType
  | {
      readonly type: 'list';
      readonly 'element-id': number;
      readonly element: IcebergType;
      readonly 'element-required': false;
    };

/** A struct; a table's schema is one. The ids of a table's fields are unique. */
export interface StructType {
  readonly type: 'struct';
  readonly fields: readonly {
    readonly id: number;
    readonly name: string;
    readonly required: false;
    readonly type: IcebergType;
  }[];
}

/** Creates a namespace, which may exist, and tables in it, which must not. Rejects with what the catalog answers. */
export async function createTables(
  access: Endpoints['catalog'],
  namespace: string,
  tables: readonly { readonly name: string; readonly schema: StructType }[],
  options: { readonly format: number; readonly signal: AbortSignal },
): Promise<void> {
  const catalog = restCatalog(access);
  const post = async (path: string, body: unknown, fine: readonly number[]) => {
    const { status, text } = await catalog.request('POST', path, options.signal, body);
    if (fine.includes(status)) return;
    throw stackBroke(`the catalog answered HTTP ${status} to POST ${path}: ${text.slice(0, 300)}`);
  };
  await post('/namespaces', { namespace: [namespace] }, [200, 409]);
  for (const { name, schema } of tables) {
    const properties = { 'format-version': String(options.format) };
    const path = `/namespaces/${encodeURIComponent(namespace)}/tables`;
    await post(path, { name, schema, properties }, [200]);
  }
}
