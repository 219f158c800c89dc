import type { RunRecord } from '../record/record.ts';
import { count } from './format.ts';
import { cell, left, right, type Section } from './section.ts';

/** Outcomes of all changes: those with a staleness sample, and those without. */
export function changesSection(record: RunRecord): Section | null {
  const rows = record.changes ?? [];
  if (rows.length === 0) return null;
  const order = new Map(record.phases.map(({ name }, i) => [name, i]));
  const sorted = rows.toSorted((a, b) => (order.get(a.phase) ?? 0) - (order.get(b.phase) ?? 0));
  const dim = (n: number) => cell(count(n), n === 0 ? 'dim' : 'plain');
  return {
    id: 'changes',
    title: 'What the samples are',
    about:
      'Each original change is one sample: it was shown itself, a newer version of its row was visible first (superseded) or had been appended before it (guarded), or it was never visible. Copies, originals that reuse an id (mistaken) and damaged ones give no sample and are counted here.',
    tables: [
      {
        columns: [
          left('phase'),
          left('stream'),
          ...['shown', 'superseded', 'guarded', 'never', 'copies', 'mistaken', 'damaged'].map(
            right,
          ),
        ],
        rows: sorted.map((row) => [
          cell(row.phase),
          cell(row.stream),
          dim(row.shown),
          dim(row.superseded),
          dim(row.guarded),
          cell(count(row.never), row.never > 0 ? 'bad' : 'dim'),
          dim(row.copies),
          dim(row.mistaken),
          dim(row.damaged),
        ]),
      },
    ],
    notes: [],
  };
}
