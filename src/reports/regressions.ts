import type { Regressions, RunRecord } from '../record/record.ts';
import { count, duration, moment, plural, ratio } from './format.ts';
import { type Cell, cell } from './section.ts';

/** A report names this many of the record's examples. */
const NAMED = 3;

/** Notes on rows that went back to an older version; empty if there is no upsert table. */
export function regressionNotes({ regressions }: RunRecord): readonly Cell[] {
  if (!regressions) return [];
  const { table, updates } = regressions;
  if (regressions.count === 0) {
    const text =
      updates === 0
        ? `no row of ${table} was replaced, so none could go back to an older version`
        : `none of ${plural(updates, 'update')} of ${table} took a row back to an older version`;
    return [cell(text, updates === 0 ? 'warn' : 'dim')];
  }
  return [cell(regressionsInWords(regressions), 'bad'), ...examples(regressions)];
}

/** One sentence on all regressions: their number, their duration, and whether any lasts. */
export function regressionsInWords(found: Regressions): string {
  const { table, rows, rowSeconds, longestMs, notRecovered } = found;
  const bound = notRecovered > 0 ? '≥' : '';
  const still = notRecovered > 0 ? `; ${count(notRecovered)} had not recovered at the end` : '';
  return (
    `${plural(rows, 'row')} of ${table} went back to an older version, ${plural(found.count, 'time')} in all: ` +
    `${bound}${ratio(rowSeconds)} row·s, ${bound}${duration(longestMs)} at the longest${still}`
  );
}

function examples({ table, examples }: Regressions): readonly Cell[] {
  return examples.slice(0, NAMED).map(({ key, version, after, tMs, forMs, recovered }) => {
    const lasted = `${recovered ? '' : '≥'}${duration(forMs)}`;
    return cell(
      `regression in ${table}: ${key}: version ${version} shown after version ${after}, at ${moment(tMs)}, for ${lasted}`,
      'bad',
    );
  });
}
