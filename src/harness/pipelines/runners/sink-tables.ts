import { WIRE, type WireType } from '../../../generators/wire-schema.ts';
import { type Dataset, holdsRejected } from '../../../topology/dataset.ts';
import type { IcebergType, StructType } from '../../clients/iceberg-tables.ts';

const TYPES: Readonly<Record<WireType, IcebergType>> = {
  STRING: 'string',
  INT: 'int',
  BIGINT: 'long',
  BOOLEAN: 'boolean',
};

/** Where a rejected record was, why the sink did not take it, and its bytes. */
const OF_REJECTED: Readonly<Record<string, IcebergType>> = {
  topic: 'string',
  part: 'int',
  kafka_offset: 'long',
  reason: 'string',
  payload: 'binary',
};

/**
 * The schema of a dataset's table as the sink fills it: the fields of the record, a list of objects as one column, and
 * when the broker appended the record. No column is required: a value that the sink cannot write ends its task.
 */
export function sinkSchema(dataset: Dataset): StructType {
  let id = 0;
  const struct = (types: Readonly<Record<string, IcebergType>>): StructType => ({
    type: 'struct',
    fields: Object.entries(types).map(([name, type]) => ({
      ...{ id: ++id, name, required: false as const },
      type,
    })),
  });
  if (holdsRejected(dataset)) return struct(OF_REJECTED);
  const { fields, lists } = WIRE[dataset.carries];
  const listed = lists.map(({ name, fields: own }) => {
    const element = struct(Object.fromEntries(own.map((one) => [one.name, TYPES[one.type]])));
    return [name, { type: 'list', 'element-id': ++id, element, 'element-required': false }];
  });
  return struct({
    ...Object.fromEntries(
      fields.filter(({ need }) => need !== 'unread').map(({ name, type }) => [name, TYPES[type]]),
    ),
    ...(Object.fromEntries(listed) as Record<string, IcebergType>),
    kafka_ms: 'long',
  });
}
