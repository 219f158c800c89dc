import { STOCK, type Stream } from '../../../scenario/scenario.ts';
import { CAPTURED, type CapturedTable, capturedTableOf } from '../../../topology/captured.ts';
import type { StageUse } from '../../../topology/stages.ts';
import type { PostgresAddress } from '../../clients/endpoints.ts';
import { schemaOf } from '../../clients/store-tables.ts';
import { type RunNamespace, topicOf } from '../../run-namespace.ts';

/** A connector of Debezium that reads one table. Its replication slot and its publication are called like it. */
interface Capture {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

interface CapturesOf {
  readonly stage: Extract<StageUse, { run: 'debezium' }>;
  readonly streams: readonly Stream[];
  readonly place: RunNamespace;
  readonly database: PostgresAddress;
  /** Partitions of each topic. */
  readonly partitions: number;
}

/** The connectors of a stage: one per table that the streams are in. */
export function capturesOf(of: CapturesOf): readonly Capture[] {
  const tables = CAPTURED.filter((table) =>
    of.streams.some((stream) => capturedTableOf(stream) === table),
  );
  return tables.map((table) => captureOf(of, table));
}

type Settings = Readonly<Record<string, string>>;

/** What a connector does with the rows of each table. */
const OWN: { readonly [T in CapturedTable]: (of: CapturesOf, table: string) => Settings } = {
  outbox: outboxSettings,
  stock: stockSettings,
};

function captureOf(of: CapturesOf, table: CapturedTable): Capture {
  const { database, place, stage } = of;
  const { host, port } = database.internal;
  // A slot has a name in the whole server; a prefix has only lower-case letters, digits and `_`, as a slot may have.
  const name = `${place.topicPrefix}${table}`;
  const qualified = `${schemaOf(place.topicPrefix)}.${table}`;
  const config = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': host,
    'database.port': String(port),
    'database.user': database.user,
    'database.dbname': database.database,
    'topic.prefix': name,
    'table.include.list': qualified,
    'slot.name': name,
    'publication.name': name,
    'publication.autocreate.mode': 'filtered',
    // First the rows that are there, then the log from that moment on.
    'snapshot.mode': 'initial',
    // The default of 500 is most of the time from a commit to its message.
    'poll.interval.ms': '10',
    'producer.override.linger.ms': '0',
    'tombstones.on.delete': 'false',
    // A database that was away is asked again at once, and for ever.
    'retriable.restart.connector.wait.ms': '1000',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    ...OWN[table](of, qualified),
    ...stage.settings,
  };
  return { name, config };
}

/** A row of the outbox is a message: its payload as it is, in the topic and the partition that it names. */
function outboxSettings(): Settings {
  return {
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    ...transforms({
      route: {
        type: 'io.debezium.transforms.outbox.EventRouter',
        'table.field.event.id': 'id',
        'table.field.event.key': 'store_id',
        'table.field.event.payload': 'payload',
        // The time of a message is when the database wrote its row.
        'table.field.event.timestamp': 'at',
        'table.fields.additional.placement': 'part:partition',
        'route.by.field': 'topic',
        'route.topic.replacement': '$1',
      },
    }),
  };
}

/**
 * A change of a row is the image after it, or of a deleted row the last one before, with `__deleted`, in the partition of
 * its store.
 */
function stockSettings({ place, partitions }: CapturesOf, table: string): Settings {
  return {
    'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
    'value.converter.schemas.enable': 'false',
    'message.key.columns': `${table}:store_id`,
    ...transforms({
      place: {
        type: 'io.debezium.transforms.partitions.PartitionRouting',
        'partition.payload.fields': 'change.part',
        'partition.topic.num': String(partitions),
        'partition.hash.function': 'java',
      },
      image: {
        type: 'io.debezium.transforms.ExtractNewRecordState',
        'delete.tombstone.handling.mode': 'rewrite',
      },
      store: {
        type: 'org.apache.kafka.connect.transforms.ExtractField$Key',
        field: 'store_id',
      },
      after: { type: 'org.apache.kafka.connect.transforms.HoistField$Value', field: 'after' },
      topic: {
        type: 'org.apache.kafka.connect.transforms.RegexRouter',
        regex: '.*',
        replacement: topicOf(place, STOCK),
      },
    }),
  };
}

/** Settings of transforms, in this order. */
function transforms(named: Readonly<Record<string, Settings>>): Settings {
  const entries = Object.entries(named).flatMap(([name, own]) =>
    Object.entries(own).map(([key, value]) => [`transforms.${name}.${key}`, value]),
  );
  return { transforms: Object.keys(named).join(','), ...Object.fromEntries(entries) };
}
