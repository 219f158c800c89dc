import avro from 'avsc';

/** Longs as bigint: a snapshot id read as a number would silently be another id. */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

/** Writers say `"long"` or `{"type": "long"}`: both. */
function longAsBigint(schema: unknown): typeof long | undefined {
  const type = typeof schema === 'object' && schema !== null && 'type' in schema && schema.type;
  return schema === 'long' || type === 'long' ? long : undefined;
}

/** The records of an Avro object container file. Longs are bigints, bytes are Buffers. */
export function readAvro<T>(bytes: Uint8Array): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const records: T[] = [];
    const decoder = new avro.streams.BlockDecoder({
      parseHook: (schema) => avro.Type.forSchema(schema, { typeHook: longAsBigint }),
    });
    decoder.on('data', (record: T) => records.push(record));
    decoder.on('error', reject);
    decoder.on('end', () => resolve(records));
    decoder.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  });
}
