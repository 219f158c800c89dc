import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { registrations } from '../../src/harness/stack/registry.ts';
import { readJournal } from '../../src/record/journal.ts';
import { parseScenario } from '../../src/scenario/parse.ts';
import { timeline } from '../../src/scenario/timeline.ts';
import { completedRecord } from '../support/completed.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';
import { processesNaming } from '../support/processes.ts';

/**
 * Five minutes of scenarios/soak.yaml with faults that its seed draws, through the built binary. Low in CPU, since another
 * file runs at the same time, and without a verdict on times: what is compared is the truth, and the faults that happened.
 */

const isCi = process.env.CI === 'true';
const why = isCi ? '' : ' (skipped: it takes five minutes; CI=true runs it)';

const FILE = join(packageRoot, 'scenarios/soak.yaml');
/** The same scenario in a tenth of the time, with as many faults as there are servers, one of each. */
const SHORT = ['phases.soak.for=205s', 'random_faults.every=40s', 'random_faults.recovery=25s'];

describe.skipIf(!isCi)(`five minutes of outages drawn by a seed${why}`, () => {
  let dir: string;
  // Not for a file that is skipped, after which nothing would remove it.
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'doorbuster-soak-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('lose nothing, explain every duplicate, and are the ones that the seed draws', {
    timeout: 1_800_000,
  }, async () => {
    mkdirSync(join(dir, 'tmp'));
    const set = SHORT.flatMap((one) => ['--set', one]);
    const run = startDoorbuster(dir, 'run', FILE, ...set, '--results', 'results');
    const code = await run.ended;
    expect([EXIT.pass, EXIT.invalid], run.said()).toContain(code);
    const folder = runIn(join(dir, 'results')) as string;
    const record = completedRecord(folder);

    expect(record.truth).toMatchObject({ lost: 0, duplicated: 0, wrong: 0 });
    expect(record.truth).not.toHaveProperty('notJudged');
    expect(record.producing?.total.appended).toBe(record.producing?.total.acknowledged);
    expect(record.checks.map(({ text, verdict }) => [text, verdict])).toEqual(
      record.checks.map(({ text }) => [text, 'PASS']),
    );
    // Copies were sent and dropped, and no row is without an explanation.
    const kinds = new Map(record.truth.distance.map((one) => [one.fault, one]));
    for (const kind of ['identical', 'redelivery', 'offline']) {
      expect(kinds.get(kind)?.injected, kind).toBeGreaterThan(0);
    }
    expect(kinds.get('none')?.leaked ?? 0).toBe(0);
    expect(kinds.get('none')?.dropped ?? 0).toBe(0);

    const { scenario } = parseScenario(readFileSync(FILE, 'utf8'), { file: FILE, set: SHORT });
    const startOf = new Map(timeline(scenario).map((one) => [one.phase.name, one.startMs]));
    const planned = scenario.faults.map(({ act, server, during, atMs }) => ({
      ...{ act, server, during, intendedMs: (startOf.get(during) as number) + atMs },
    }));
    expect(new Set(planned.map(({ server }) => server)).size).toBe(5);
    expect(record.faults).toMatchObject(planned);
    expect(record.faults).toHaveLength(planned.length);
    const { entries } = readJournal(folder);
    for (const { server, forMs } of scenario.faults) {
      const states = entries.flatMap((entry) =>
        entry.kind === 'fault' && entry.server === server ? [entry.state] : [],
      );
      expect(states, server).toEqual(['asked', 'away', 'back']);
      const it = record.faults?.find((one) => one.server === server);
      expect((it?.backMs ?? Number.NaN) - (it?.startMs ?? 0), server).toBeGreaterThanOrEqual(forMs);
    }

    expect(processesNaming(join(dir, 'tmp'))).toEqual([]);
    expect(registrations(join(dir, 'doorbuster', 'stacks'))).toEqual([]);
    expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  });
});
