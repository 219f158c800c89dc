import type { RunRecord, ShardRecord } from '../record/record.ts';
import { stockOf } from '../record/stock.ts';
import { ageSection } from './age.ts';
import { changesSection } from './changes.ts';
import { faultSection } from './faults.ts';
import { count, duration, moment, plural } from './format.ts';
import { canarySection, costSection, healthSection, producingSection } from './judged.ts';
import { maintenanceSection } from './maintenance.ts';
import {
  checkSection,
  compactionSections,
  filesSection,
  stalenessSection,
  waterfallSection,
} from './observed.ts';
import { promisesSection } from './promises.ts';
import { querySection, trickleSection } from './queries.ts';
import { type Cell, cell, type Section, verdictTone } from './section.ts';
import { notJudged, truthSection } from './truth.ts';

/** A record as text and tables, which terminal, Markdown and HTML render. */
export interface Summary {
  readonly verdict: Cell;
  readonly headline: string;
  readonly warnings: readonly string[];
  /** To be read before any number: what was not judged, broken INVALID rules and failed servers. */
  readonly alarms: readonly string[];
  readonly identity: readonly { readonly name: string; readonly value: string }[];
  readonly reproduce: string;
  readonly sections: readonly Section[];
}

/** The verdict as a cell; a run that was not judged has none. */
function verdictCell(record: RunRecord): Cell {
  if (record.outcome === 'completed' || record.outcome === 'aborted')
    return verdictTone(record.verdict);
  return {
    // A part is not judged: the merge is.
    part: cell('PART', 'warn'),
    interrupted: cell('INTERRUPTED', 'warn'),
    'stack-broke': cell('STACK BROKE', 'bad'),
    crashed: cell('CRASHED', 'bad'),
  }[record.outcome];
}

/** Converts a record to text and tables. Pure; sections that the run did not reach are left out. */
export function summarize(record: RunRecord): Summary {
  const sections = [
    stalenessSection(record),
    faultSection(record),
    changesSection(record),
    waterfallSection(record),
    ageSection(record),
    querySection(record),
    trickleSection(record),
    ...compactionSections(record),
    maintenanceSection(record),
    filesSection(record),
    truthSection(record),
    promisesSection(record),
    canarySection(record),
    producingSection(record),
    healthSection(record),
    costSection(record),
    checkSection(record),
  ];
  return {
    verdict: verdictCell(record),
    headline: record.headline.text,
    warnings: record.headline.warnings,
    alarms: [
      ...notJudged(record.truth).map(({ text }) => text),
      ...record.invalid.map(({ rule, fact, limit }) => `${rule}: ${fact} (limit: ${limit})`),
      ...record.failures.map(
        ({ server, message, cause, tMs }) =>
          `${server}${tMs === null ? '' : ` at ${moment(tMs)}`}: ${message}${cause ? ` — ${cause}` : ''}`,
      ),
    ],
    identity: identity(record),
    reproduce: record.reproduce,
    sections: sections.filter((section) => section !== null),
  };
}

/** The recording, its checksum, and how much of it was replayed. */
function tapeLine(recording: NonNullable<RunRecord['scenario']['recording']>): string {
  const { file, sha256, receipts, stores, products, measures, from, to, replayed } = recording;
  const turned = recording.turned ?? 0;
  const again =
    replayed === null || replayed <= receipts
      ? ''
      : `, begun again ${plural(Math.ceil(replayed / receipts) - 1, 'time')} under new ids`;
  return (
    `${file} (sha256 ${sha256.slice(0, 12)}): ${plural(receipts, 'receipt')} of ${plural(stores, 'store')} and ` +
    `${plural(products, 'product')}, ${from.slice(0, 10)} to ${to.slice(0, 10)}` +
    `${measures === 0 ? '' : `, ${plural(measures, 'line')} with a measure as one unit`}` +
    `${turned === 0 ? '' : `, ${plural(turned, 'line')} brought back at a positive amount turned round`}` +
    `${replayed === null ? '' : `; ${count(replayed)} replayed${again}`}`
  );
}

function stackLine({ name, namespace, kept }: NonNullable<RunRecord['stack']>): string {
  const then = kept ? 'its topics and tables were kept' : 'its topics and tables were removed';
  return `${name}, a shared stack, as ${namespace}; ${then}`;
}

/** All shards of a merged run, or the one shard of this record. */
function shardsLine(shards: readonly ShardRecord[]): string {
  const [{ load, number, of } = { load: '', number: 0, of: 0 }] = shards;
  const unsure = Math.max(
    ...shards.map(({ clock }) => clock.widthMs / 2 + Math.abs(clock.driftMs)),
  );
  const which = shards.length === of ? `all ${of}` : `${number} of ${of}`;
  return `${which} of the load ${load}; clocks within ${duration(unsure)} of the broker's`;
}

function identity(record: RunRecord): Summary['identity'] {
  const { scenario, pipeline, environment } = record;
  const shards = record.shards ?? (record.outcome === 'part' ? [record.shard] : []);
  const versions = Object.entries(environment.versions).map(
    ([name, version]) => `${name} ${version}`,
  );
  const compaction = pipeline.compaction === 'none' ? 'none' : `by ${pipeline.compaction}`;
  const keys =
    pipeline.tableKeys === null ? '' : `, ${count(pipeline.tableKeys)} keys in ${stockOf(record)}`;
  const overrides = scenario.overrides.map(({ path, value }) => `${path}=${value}`).join(', ');
  return [
    { name: 'run', value: record.id },
    { name: 'scenario', value: `${scenario.name} — ${scenario.about || scenario.file}` },
    ...(scenario.recording === null ? [] : [{ name: 'tape', value: tapeLine(scenario.recording) }]),
    { name: 'seed', value: `${record.seed}${overrides ? ` (set: ${overrides})` : ''}` },
    {
      name: 'pipeline',
      value: `${pipeline.name}${pipeline.tier === null ? '' : ` (tier ${pipeline.tier})`}: ${pipeline.headline}`,
    },
    {
      name: 'tables',
      value: `format ${pipeline.format}, commit every ${duration(pipeline.commitEveryMs)}, parallelism ${pipeline.parallelism}, compaction ${compaction}${keys}`,
    },
    {
      name: 'machine',
      value: `${environment.cpu}, ${environment.cores} cores, ${Math.round(environment.memoryBytes / 2 ** 30)} GiB, ${environment.os}, lane ${environment.lane}`,
    },
    { name: 'servers', value: `${environment.runtime}: ${versions.join(', ')}` },
    ...(record.stack === undefined ? [] : [{ name: 'stack', value: stackLine(record.stack) }]),
    ...(shards.length === 0 ? [] : [{ name: 'shards', value: shardsLine(shards) }]),
    {
      name: 'doorbuster',
      value: `${environment.doorbuster}${environment.commit ? ` at ${environment.commit.slice(0, 12)}${environment.commit.endsWith('+') ? ' (changed)' : ''}` : ''}, node ${environment.node}`,
    },
    {
      name: 'started',
      value: `${record.startedAt}${record.tookMs === null ? '' : `, took ${duration(record.tookMs)}`}`,
    },
  ];
}
