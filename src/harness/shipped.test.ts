import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { tapeUntil } from '../../test/support/retail.ts';
import { MIN_SAMPLES, type Stat } from '../core/metrics.ts';
import { samplesFor } from '../core/stats.ts';
import type { TapeEvent } from '../generators/event.ts';
import { expectedCounts } from '../generators/expected/rate.ts';
import { parseScenario } from '../scenario/parse.ts';
import { timedMs, timeline } from '../scenario/timeline.ts';
import { packageRoot } from './entry.ts';
import { estimateOf } from './experiment/estimate.ts';
import { compactionOf } from './pipelines/compactions/compactions.ts';
import { loadPipeline } from './pipelines/load.ts';

vi.setConfig({ testTimeout: 120_000 });

const HOUR_MS = 3_600_000;

/** Every scenario that ships, run dry: all that a run does before it touches the world. */
const files = readdirSync(join(packageRoot, 'scenarios')).filter((file) => file.endsWith('.yaml'));
const textOf = (file: string) => readFileSync(join(packageRoot, 'scenarios', file), 'utf8');
const guide = readFileSync(join(packageRoot, 'docs', 'scenarios.md'), 'utf8');

/** The kinds of `distance(…)` that occur on a tape. */
function kindsOn(events: readonly TapeEvent[]): ReadonlySet<string> {
  return new Set(
    events.flatMap(({ truth: { fault, labels } }) => [
      ...labels,
      ...(fault === null ? [] : [fault.kind === 'duplicate' ? fault.how : fault.kind]),
    ]),
  );
}

describe.each(files)('%s', (file) => {
  const { scenario } = parseScenario(textOf(file), { file });
  // Hours of business time: for `doorbuster impact`, which starts no server.
  const forImpact = timedMs(scenario) > HOUR_MS;

  test('has checks, a pipeline that takes it, and an estimate', () => {
    expect(scenario.checks.map(({ text }) => text)).toEqual(
      expect.arrayContaining(['lost == 0', 'duplicated == 0', 'wrong == 0']),
    );
    const pipeline = loadPipeline(scenario.pipeline.use, packageRoot);
    compactionOf(pipeline, scenario);
    // What a recording holds is known once it has been read.
    if (scenario.traffic.pos?.tape) return;
    const estimate = estimateOf(scenario, pipeline.manifest);
    expect(estimate.timedMs).toBe(timedMs(scenario));
    expect(estimate.events).toBeGreaterThan(0);
    expect(estimate.dataBytes).toBeGreaterThan(estimate.keptBytes);
  });

  test('is in docs/scenarios.md, with what it teaches, a reference result and a picture', () => {
    const entry = guide.split(`\n### ${scenario.name}\n`)[1]?.split(/\n###? /)[0];
    expect(entry).toContain('**Teaches:**');
    expect(entry).toContain('**Reference result:**');
    expect(entry).toMatch(forImpact ? /```\n *staleness/ : /!\[[^\]]+\]\(([^)]+)\)/);
    for (const [, picture] of (entry ?? '').matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)) {
      expect(existsSync(join(packageRoot, 'docs', picture as string)), picture).toBe(true);
    }
  });

  test.skipIf(scenario.traffic.pos?.tape)('has samples for what its checks name', () => {
    const counts = expectedCounts(scenario);
    const few = scenario.checks.flatMap(({ text, metric, of, stat, during, ratio }) => {
      const needed = stat === null ? 0 : samplesFor(stat as Stat);
      if (metric === 'query') return scenario.queries.roundSamples < MIN_SAMPLES ? [text] : [];
      const timed = counts.filter(
        (row) => row.stream === of && (during === null || row.phase === during),
      );
      // How long a round or a compaction takes, and so what is due meanwhile, is known once it has run.
      if (metric !== 'staleness' || ratio !== null || timed.length === 0) return [];
      const expected = timed.reduce((sum, { messages }) => sum + messages, 0);
      return expected < 1.3 * needed ? [`${text}: ${expected.toFixed(0)} of ${needed}`] : [];
    });
    expect(few).toEqual([]);
  });

  test.skipIf(scenario.traffic.pos?.tape || forImpact)(
    'what it is about occurs while it is measured',
    () => {
      const events = tapeUntil(scenario, timedMs(scenario));
      for (const { phase, startMs, endMs } of timeline(scenario)) {
        const due = events.filter(({ dueMs }) => dueMs >= startMs && dueMs < endMs).length;
        const expected = expectedCounts(scenario)
          .filter((row) => row.phase === phase.name)
          .reduce((sum, { messages }) => sum + messages, 0);
        // Baskets are lumpy and an outage moves what was due: this is an order of magnitude, not a law.
        expect(due, phase.name).toBeGreaterThan(expected / 3);
        expect(due, phase.name).toBeLessThan(expected * 3);
      }
      // A check on a distance that nothing could make would hold whatever the pipeline does.
      const judged = scenario.checks.flatMap(({ metric, of }) =>
        metric === 'distance' ? [of] : [],
      );
      expect([...kindsOn(events)]).toEqual(expect.arrayContaining(judged));
    },
  );
});
