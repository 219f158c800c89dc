import { columnOf, type Dataset, holdsRejected, READ_FROM } from '../../topology/dataset.ts';
import type { TableCommit, TableRow } from '../clients/in-process-tables.ts';
import type { FactRow } from '../facts.ts';
import { isMarker, MARKER_ID } from '../load/marker.ts';
import { inProcessOf } from '../stack/in-process.ts';
import { commitRow, countLive } from './commit-reader.ts';
import { countedStaleness } from './counted-staleness.ts';
import type {
  CommitRead,
  Sighted,
  SourceOpener,
  VisibilityContext,
  VisibilitySource,
} from './visibility.ts';

/** Tables in this process. A commit is visible at once. */
export const inProcess: SourceOpener = { servers: READ_FROM['in-process'], open };

async function open(context: VisibilityContext): Promise<VisibilitySource> {
  const { tables } = inProcessOf(context.stack);
  const nameOf = ({ name }: Dataset) => `${context.place.namespace}.${name}`;
  return {
    follow(dataset) {
      let polled = 0;
      let missedMs: number | null = null;
      return {
        async poll() {
          const seenMs = context.clock.nowMs();
          const history = tables.history(nameOf(dataset));
          const found = history.slice(polled).map((commit) => {
            const { snapshot } = commit;
            const sighted = { snapshot, missedMs, seenMs, snapshots: history.length };
            return {
              ...sighted,
              async read() {
                const done = await read(dataset, commit, sighted, context);
                // Every commit is read once.
                tables.release(nameOf(dataset), snapshot.id);
                return done;
              },
            };
          });
          polled = history.length;
          missedMs = seenMs;
          return { found, gap: null };
        },
      };
    },
    files: async (dataset) => tables.live(nameOf(dataset)),
    async storage(datasets) {
      const files = datasets.flatMap((one) => tables.live(nameOf(one)) ?? []);
      const bytes = files.reduce((total, file) => total + file.bytes, 0);
      return { ...{ objects: files.length, bytes, orphans: 0, orphanBytes: 0, orphanKeys: [] } };
    },
    close: async () => {},
  };
}

const MARKER = new RegExp(MARKER_ID);

async function read(
  dataset: Dataset,
  { snapshot, rows, added, live }: TableCommit,
  found: Sighted & { readonly snapshots: number },
  { facts, clock, t0Ms }: VisibilityContext,
): Promise<CommitRead> {
  const own = (row: TableRow, column: string) => row[columnOf(dataset, column)] ?? null;
  const sightings = rows.map((row, i): FactRow => {
    const payload = holdsRejected(dataset) ? String(own(row, 'payload') ?? '') : null;
    return {
      ...{ table_name: dataset.name, snapshot_id: snapshot.id, row_no: i + 1 },
      event_id: payload === null ? own(row, 'event_id') : (MARKER.exec(payload)?.[0] ?? null),
      ...Object.fromEntries(STAMP_COLUMNS.map((column) => [column, own(row, column)])),
    };
  });
  await facts.append('sightings', sightings);
  await facts.append('commits', [
    commitRow(dataset.name, found, { manifests: [], live, added }, clock.nowMs()),
  ]);
  const { seenMs } = found;
  return {
    rows: rows.length,
    markers: sightings.flatMap(({ event_id: id }) => (isMarker(id) ? [String(id)] : [])),
    staleness: countedStaleness(sightings, { seenMs, sinceMs: t0Ms() ?? seenMs }),
    files: countLive(live),
  };
}

/** Columns of `sightings` that come from the table. */
const STAMP_COLUMNS = [
  'store_id',
  'sku_id',
  'version',
  'occurred_ms',
  'due_ms',
  'kafka_ms',
  'flink_ms',
] as const;
