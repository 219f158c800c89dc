import { z } from 'zod';

/**
 * Upgrades records of version 1 to version 2: a pure function of the parsed JSON. Version 1 had one shape for every run,
 * with sections that were null or absent; version 2 has one shape per outcome (record.ts). It invents no values: what a
 * record did not keep is null or empty, and named in `notRecorded`.
 */

const fields = z.record(z.string(), z.unknown());
type Fields = z.infer<typeof fields>;

/** The part of version 1 that the upgrade needs; the rest is checked as version 2. */
const versionOne = z.looseObject({
  version: z.literal(1),
  outcome: z.string(),
  t0Ms: z.number().nullable(),
  shard: fields.optional(),
});

/** Fields that some records of version 1 lack, by section, with their replacements. */
const MISSING_FIELDS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  // Before server faults existed, there were none.
  '': { endedMs: null, storeAge: [], changes: [], regressions: null, promises: null },
  canaries: { unsent: null, inCensus: null, polls: null, failedPolls: null },
  producing: { partitions: [] },
  self: { foreign: [] },
};

/**
 * A record of version 1 as version 2, for recordSchema to check. Anything else is returned unchanged, so that the schema
 * reports its errors.
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
    const missing = Object.entries(MISSING_FIELDS[section] ?? {}).filter(
      ([name]) => !(name in of.data),
    );
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

/** Older records have one section or null instead of a list. */
function upgradedCompactions(compactions: unknown): unknown {
  const list = Array.isArray(compactions) ? compactions : [compactions];
  return list.map((one: unknown) => withField(one, 'phase', null));
}

/** Older records do not have the engine that read a table, because there was only one. */
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

/** Applies `change` to each item of a list; empty if there is no list. */
function listed(name: string, list: unknown, change: (item: unknown) => unknown): Fields {
  return Array.isArray(list) ? { [name]: list.map(change) } : {};
}
