import { z } from 'zod';

/**
 * Records of version 1, as version 2: a pure function of what JSON gave. Version 1 had one shape for every run, with
 * sections that were null or absent; version 2 has one shape per outcome (record.ts). Nothing is made up: what a
 * record did not keep is null or empty, and named in `notRecorded`.
 */

const fields = z.record(z.string(), z.unknown());
type Fields = z.infer<typeof fields>;

/** What the upgrade has to know of a record of version 1; the rest is checked as version 2. */
const versionOne = z.looseObject({
  version: z.literal(1),
  outcome: z.string(),
  t0Ms: z.number().nullable(),
  shard: fields.optional(),
});

/** What version 1 left out in some records, by section, and what stands for it. */
const LEFT_OUT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  // Before servers could be taken away, none was.
  '': { endedMs: null, storeAge: [], changes: [], regressions: null, promises: null },
  canaries: { unsent: null, inCensus: null, polls: null, failedPolls: null },
  producing: { partitions: [] },
  self: { foreign: [] },
};

/**
 * A record of version 1 as one of version 2, for recordSchema to check; anything else as it is, so that the schema
 * says what is wrong with it.
 */
export function upgradeV1(value: unknown): unknown {
  const known = versionOne.safeParse(value);
  if (!known.success) return value;
  const { shard, compaction, compactions, ...record } = known.data;
  const whole: Fields = {
    ...record,
    version: 2,
    scenario: withRecording(record.scenario),
    environment: withField(record.environment, 'classArchives', null),
    ...listed('shards', record.shards, upgradedShard),
    compactions: upgradedCompactions(compactions ?? compaction ?? []),
  };
  if (shard !== undefined && record.outcome === 'completed') {
    return { ...whole, ...nothing, outcome: 'part', shard: upgradedShard(shard), notRecorded: [] };
  }
  if (record.t0Ms === null) return { ...whole, ...nothing, notRecorded: [] };
  return measured(whole);
}

/** In version 1 the sections of a run of which nothing was measured were null, empty or absent. */
const nothing = {
  measured: false,
  ...{ endedMs: null, faults: [], storeAge: [], changes: [], regressions: null, promises: null },
};

function measured(record: Fields): Fields {
  const notRecorded: string[] = [];
  const completed = (section: string): unknown => {
    const of = fields.safeParse(section === '' ? record : record[section]);
    if (!of.success) return record[section];
    const missing = Object.entries(LEFT_OUT[section] ?? {}).filter(([name]) => !(name in of.data));
    notRecorded.push(...missing.map(([name]) => (section === '' ? name : `${section}.${name}`)));
    return { ...of.data, ...Object.fromEntries(missing) };
  };
  const whole = completed('') as Fields;
  return {
    ...whole,
    measured: true,
    faults: record.faults ?? [],
    canaries: completed('canaries'),
    producing: completed('producing'),
    self: completed('self'),
    truth: upgradedTruth(record.truth),
    notRecorded,
  };
}

/** Before there could be several, there was one section, or null. */
function upgradedCompactions(compactions: unknown): unknown {
  const list = Array.isArray(compactions) ? compactions : [compactions];
  return list.map((one: unknown) => withField(one, 'phase', null));
}

/** Which engine read a table was not kept before there was a choice. */
function upgradedTruth(truth: unknown): unknown {
  const known = z.looseObject({ tables: z.array(fields) }).safeParse(truth);
  if (!known.success) return truth;
  return { ...known.data, tables: known.data.tables.map((row) => ({ readBy: null, ...row })) };
}

function withRecording(scenario: unknown): unknown {
  const known = z.looseObject({ recording: fields.nullish() }).safeParse(scenario);
  if (!known.success) return scenario;
  const { recording = null } = known.data;
  return { ...known.data, recording: recording && { turned: null, ...recording } };
}

function upgradedShard(shard: unknown): unknown {
  const known = z.looseObject({ clock: fields }).safeParse(shard);
  if (!known.success) return shard;
  return { cores: null, ...known.data, clock: { apartMs: null, ...known.data.clock } };
}

function withField(section: unknown, name: string, value: unknown): unknown {
  const known = fields.safeParse(section);
  return known.success ? { [name]: value, ...known.data } : section;
}

/** The list with each of its items changed; nothing where there is none. */
function listed(name: string, list: unknown, change: (item: unknown) => unknown): Fields {
  return Array.isArray(list) ? { [name]: list.map(change) } : {};
}
