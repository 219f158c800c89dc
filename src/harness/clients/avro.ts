import avro, { type Type } from 'avsc';

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

/** Writers use both `"long"` and `{"type": "long"}`. */
function longAsBigint(schema: unknown): typeof long | undefined {
  const type = typeof schema === 'object' && schema !== null && 'type' in schema && schema.type;
  return schema === 'long' || type === 'long' ? long : undefined;
}

/** Types by the text of their schema: the library compiles code for each, which takes longer than to decode a manifest. */
const TYPES = new Map<string, Type>();

function typeOf(schema: Parameters<typeof avro.Type.forSchema>[0]): Type {
  const text = JSON.stringify(schema);
  const type = TYPES.get(text) ?? avro.Type.forSchema(schema, { typeHook: longAsBigint });
  TYPES.set(text, type);
  return type;
}

/** The records of an Avro object container file. Longs are bigints, bytes are Buffers. */
export function readAvro<T>(bytes: Uint8Array): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const records: T[] = [];
    const decoder = new avro.streams.BlockDecoder({ parseHook: typeOf });
    decoder.on('data', (record: T) => records.push(record));
    // Every block ends with the file's sync marker. The decoder silently drops a truncated block, so
    // check for the marker at the end of the file.
    let marker: Buffer | null = null;
    decoder.on('metadata', (_type: unknown, _codec: string, header: { readonly sync: Buffer }) => {
      marker = header.sync;
    });
    decoder.on('error', reject);
    decoder.on('end', () => {
      if (marker?.equals(bytes.subarray(-marker.length))) resolve(records);
      else reject(new Error(`an Avro file of ${bytes.byteLength} bytes is cut short`));
    });
    decoder.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  });
}
