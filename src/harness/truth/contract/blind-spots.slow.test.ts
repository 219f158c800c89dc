import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { events, images, rejected } from '../../../../test/support/datasets.ts';
import { FIRST_CANARY_SKU, MARKER_STORE } from '../../../generators/event.ts';
import { type FactRow, type Facts, openFacts } from '../../facts.ts';
import type { TablesUnderTest } from '../tables-under-test.ts';
import { judgeContract } from './oracle.ts';

/** Right tables of one run, in which one row is then changed in any way: the oracle must find it. */

const COLUMNS = {
  pos: ['event_id', 'store_id', 'kafka_ms'],
  inventory: ['store_id', 'sku_id', 'version', 'on_hand', 'deleted'],
  dead_letter: ['topic', 'part', 'kafka_offset'],
} as const;
type Name = keyof typeof COLUMNS;
type Cell = string | number | boolean | null;
type Row = Readonly<Record<string, Cell>>;
type Tables = Readonly<Record<Name, readonly Row[]>>;

vi.setConfig({ testTimeout: 300_000 });

let facts: Facts;
beforeAll(async () => {
  facts = await openFacts();
  await facts.run(`
    CREATE TABLE got_pos (event_id VARCHAR, store_id INTEGER, kafka_ms BIGINT);
    CREATE TABLE got_inventory (store_id INTEGER, sku_id INTEGER, version BIGINT, on_hand INTEGER,
      deleted BOOLEAN);
    CREATE TABLE got_dead_letter (topic VARCHAR, part INTEGER, kafka_offset BIGINT)`);
});
afterAll(() => facts.close());
beforeEach(() => facts.run('DELETE FROM events'));

const message = (stream: string, at: number, more: FactRow): FactRow => ({
  ...{ stream, event_id: `${stream}-${at}`, store_id: 1 + (at % 3), role: 'original' },
  ...{ expect: 'row', occurred_ms: at, due_ms: at, sent_ms: at, acked_ms: at, kafka_ms: at },
  ...{ part: at % 2, kafka_offset: at, bytes: 1 },
  ...more,
});
const UNANSWERED = { acked_ms: null, kafka_ms: null, kafka_offset: null };

interface Run {
  readonly events: readonly FactRow[];
  /** What every row demands, and nothing else. */
  readonly demanded: Tables;
  /** Right as well: markers, canaries, and what was never answered and got through all the same. */
  readonly allowed: Tables;
}

/** A run with every kind of message in it; `ledger` says which table the images make. */
function aRun(ledger: boolean): Run {
  const events: FactRow[] = [];
  const add = (stream: string, more: FactRow = {}) => {
    const event = message(stream, events.length, more);
    events.push(event);
    return event;
  };
  // Every image has an on-hand of its own, so that no change of its version goes unseen.
  const image = (store: number, sku: number, version: number, more: FactRow = {}) =>
    add('inventory', {
      ...{ store_id: store, sku_id: sku, version, on_hand: 100 + events.length },
      ...{ deleted: sku === 3, ...more },
    });
  const receipts = [add('pos'), add('pos'), add('pos')];
  const { event_id, store_id } = receipts[1] as FactRow;
  const copy = { fault: 'duplicate', how: 'identical', role: 'copy', expect: 'duplicate' };
  add('pos', { ...copy, event_id: event_id as string, store_id: store_id as number });
  const unheard = add('pos', UNANSWERED);
  add('pos', UNANSWERED);
  const letters = [
    add('pos', { expect: 'dead_letter', fault: 'malformed', how: 'truncated' }),
    add('inventory', { expect: 'dead_letter', sku_id: 1, version: 9, on_hand: 1 }),
  ];
  const older = [image(1, 1, 1), image(2, 1, 1)];
  const newest = [image(1, 1, 2), image(1, 2, 4, { on_hand: 0 }), image(2, 3, 1)];
  // Newer than the one that was answered: it got through.
  const newer = image(2, 1, 2, UNANSWERED);
  const alone = image(3, 5, 1, UNANSWERED);
  image(1, 2, 5, UNANSWERED);
  const marker = add('pos', { event_id: 'marker-0', store_id: MARKER_STORE, role: 'marker' });
  const letter = add('pos', { store_id: MARKER_STORE, role: 'marker', expect: 'dead_letter' });
  const ours = [
    image(MARKER_STORE, 1, 1, { role: 'marker', on_hand: 0 }),
    image(1, FIRST_CANARY_SKU, 1, { role: 'canary', on_hand: 0 }),
  ];
  const rowsOf = (name: Name, of: readonly FactRow[]): readonly Row[] =>
    of.map((event) => {
      const cellOf = (column: string) => (column === 'topic' ? event.stream : event[column]);
      // When an unanswered message was appended, only the table knows.
      const cells = COLUMNS[name].map((column) => [column, cellOf(column) ?? 77]);
      return Object.fromEntries(cells) as Row;
    });
  return {
    events,
    demanded: {
      pos: rowsOf('pos', receipts),
      inventory: rowsOf('inventory', ledger ? [...older, ...newest] : [...newest, newer]),
      dead_letter: rowsOf('dead_letter', letters),
    },
    allowed: {
      pos: rowsOf('pos', [unheard, marker]),
      inventory: rowsOf('inventory', [...ours, alone, ...(ledger ? [newer] : [])]),
      dead_letter: rowsOf('dead_letter', [letter]),
    },
  };
}

const judgement = (ledger: boolean) => {
  const judged: TablesUnderTest = {
    datasets: [events('pos'), images(ledger ? 'ledger' : 'upsert'), rejected()],
    copies: { pos: 'got_pos', inventory: 'got_inventory', dead_letter: 'got_dead_letter' },
    ...{ absent: [], notRead: [], readBy: {} },
  };
  return judgeContract(facts.rows, judged);
};

/** Puts the rows in place, and counts what CONTRACT has against them. */
async function found(tables: Tables, ledger: boolean): Promise<number> {
  for (const [name, rows] of Object.entries(tables)) {
    const values = rows.map((row) => `(${Object.values(row).map(literal).join(', ')})`);
    await facts.run(`DELETE FROM got_${name}`);
    if (values.length > 0) await facts.run(`INSERT INTO got_${name} VALUES ${values.join(', ')}`);
  }
  const { lost, duplicated, wrongCopy, wrong, examples } = await judgement(ledger);
  const count = lost.count + duplicated.count + wrongCopy.count + wrong.units;
  // Whatever is counted can be looked up.
  expect(examples.length > 0).toBe(count > 0);
  return count;
}

const literal = (cell: Cell) => (typeof cell === 'string' ? `'${cell}'` : String(cell));

/** Other values of a column: NULL, values that other rows have, and values that were never sent. */
const OTHERS: Readonly<Record<string, readonly Cell[]>> = {
  event_id: [null, 'pos-0', 'pos-1', 'pos-6', 'marker-0', 'marker-9', 'canary-1', ''],
  store_id: [null, MARKER_STORE, -1, 1, 2, 3, 99],
  kafka_ms: [null, 0, 1, 4, 999],
  sku_id: [null, 0, -5, 1, 2, 3, FIRST_CANARY_SKU, FIRST_CANARY_SKU + 1],
  version: [null, 0, 1, 2, 3, 4, 5, 9, 99],
  on_hand: [null, 0, -1, 7, 108, 1_000],
  deleted: [null, true, false],
  topic: [null, 'pos', 'inventory', 'wms', ''],
  part: [null, 0, 1, 12],
  kafka_offset: [null, 0, 6, 7, 18, 99],
};

type Change = (rows: readonly Row[], at: number) => readonly Row[];

const drop: Change = (rows, at) => rows.filter((_, i) => i !== at);
const copy: Change = (rows, at) => [...rows, rows[at] as Row];
const changed = (name: Name) =>
  fc
    .constantFrom(...COLUMNS[name])
    .chain((column) =>
      fc
        .constantFrom<Cell>(...(OTHERS[column] as readonly Cell[]))
        .map<Change>(
          (value) => (rows, at) =>
            rows.map((row, i) => (i === at ? { ...row, [column]: value } : row)),
        ),
    );
const stranger = (name: Name) =>
  fc
    .record(
      Object.fromEntries(
        COLUMNS[name].map((c) => [c, fc.constantFrom(...(OTHERS[c] as readonly Cell[]))]),
      ),
    )
    .map<Change>((row) => (rows) => [...rows, row as Row]);

const mutations = fc
  .constantFrom<Name>('pos', 'inventory', 'dead_letter')
  .chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof(fc.constant(drop), fc.constant(copy), changed(name), stranger(name)),
      fc.nat(),
    ),
  );

/** Columns by which a marker or a canary is known. */
const IDENTITY: Readonly<Record<Name, readonly string[]>> = {
  pos: ['event_id', 'store_id'],
  inventory: ['store_id', 'sku_id', 'version'],
  dead_letter: ['topic', 'part', 'kafka_offset'],
};

test.each([
  ['an upsert table', false],
  ['a ledger', true],
])(
  'property: a row that is lost, repeated, changed or made up is found in %s',
  async (_, ledger) => {
    const { events, demanded, allowed } = aRun(ledger);
    await facts.append('events', events);
    const whole = (name: Name, rows: readonly Row[]): Tables => ({
      ...demanded,
      pos: [...demanded.pos, ...allowed.pos],
      inventory: [...demanded.inventory, ...allowed.inventory],
      dead_letter: [...demanded.dead_letter, ...allowed.dead_letter],
      [name]: [...rows, ...allowed[name]],
    });
    expect(await found(demanded, ledger)).toBe(0);
    expect(await found(whole('pos', demanded.pos), ledger)).toBe(0);
    await fc.assert(
      fc.asyncProperty(mutations, async ([name, change, nth]) => {
        const before = demanded[name];
        const after = change(before, nth % before.length);
        fc.pre(JSON.stringify(after) !== JSON.stringify(before));
        const added = after.length > before.length ? after.at(-1) : undefined;
        const same = (row: Row) =>
          IDENTITY[name].every((column) => row[column] === added?.[column]);
        fc.pre(added === undefined || !allowed[name].some(same));
        expect(await found(whole(name, after), ledger)).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  },
);

test.each([
  ['an upsert table', false],
  ['a ledger', true],
])(
  'a row that a range of numbers would hide in %s has a count and an example',
  async (_, ledger) => {
    const { events, demanded } = aRun(ledger);
    await facts.append('events', events);
    const added = async (row: Row) => {
      await found({ ...demanded, inventory: [...demanded.inventory, row] }, ledger);
      return await judgement(ledger);
    };
    const row = { store_id: 1, sku_id: 1, version: 2, on_hand: 5, deleted: false };
    for (const store_id of [null, -1, 3, MARKER_STORE]) {
      const { duplicatedByKind } = await added({ ...row, store_id });
      const id = `${store_id ?? 'NULL'}/1${ledger ? ' v2' : ''}`;
      expect(duplicatedByKind).toEqual({ unknown: { count: 1, examples: [id] } });
    }
    // A product of the canaries that no canary had.
    const canary = await added({ ...row, sku_id: FIRST_CANARY_SKU, version: 7 });
    expect(canary.duplicatedByKind.unknown?.count).toBe(1);
    const above = await added({ ...row, version: 99 });
    expect(above.duplicatedByKind).toEqual({
      unknown: { count: 1, examples: [ledger ? '1/1 v99' : '1/1'] },
    });
    // In place of the row that is demanded, it is that one which is lost as well.
    const inventory = demanded.inventory.map((one) =>
      one.store_id === 1 && one.sku_id === 1 && one.version === 2 ? { ...one, version: 99 } : one,
    );
    await found({ ...demanded, inventory }, ledger);
    expect(await judgement(ledger)).toMatchObject({
      lost: { count: 1, examples: [ledger ? '1/1 v2' : '1/1'] },
      duplicatedByKind: { unknown: { count: 1 } },
    });
  },
);

test('a receipt under another store is lost in its own, and unknown in the other', async () => {
  const { events, demanded } = aRun(false);
  await facts.append('events', events);
  const pos = demanded.pos.map((row, i) => (i === 0 ? { ...row, store_id: 3 } : row));
  await found({ ...demanded, pos }, false);
  expect(await judgement(false)).toMatchObject({
    lost: { count: 1, examples: ['pos-0'] },
    duplicatedByKind: { unknown: { count: 1, examples: ['pos-0 in store 3'] } },
  });
});

test('a newer image that was never answered may be shown, and not other than it was sent', async () => {
  const { events, demanded, allowed } = aRun(false);
  await facts.append('events', events);
  const shown = [...demanded.inventory, ...allowed.inventory];
  expect(await found({ ...demanded, inventory: shown }, false)).toBe(0);
  const off = shown.map((row) =>
    row.sku_id === 5 ? { ...row, on_hand: (row.on_hand as number) - 4 } : row,
  );
  await found({ ...demanded, inventory: off }, false);
  expect((await judgement(false)).wrong).toEqual({ count: 1, examples: ['3/5'], units: 4 });
});

test('an unanswered damaged record may be among the dead letters, once', async () => {
  const { events, demanded } = aRun(false);
  const lost = message('pos', 40, { ...UNANSWERED, expect: 'dead_letter', part: 0 });
  await facts.append('events', [...events, lost]);
  const more = (...offsets: readonly number[]) => [
    ...demanded.dead_letter,
    ...offsets.map((kafka_offset) => ({ topic: 'pos', part: 0, kafka_offset })),
  ];
  expect(await found({ ...demanded, dead_letter: more(50) }, false)).toBe(0);
  expect(await found({ ...demanded, dead_letter: more(50, 51) }, false)).toBe(1);
});
