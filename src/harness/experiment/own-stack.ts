import { join } from 'node:path';
import { taskSlotsOf } from '../../topology/manifest.ts';
import { RUNTIMES } from '../stack/runtimes.ts';
import type { Stack } from '../stack/stack.ts';
import type { RunContext } from './trial-context.ts';

/** A stack of this run's own. */
export function startOwnStack(
  { options, scenario, pipeline, chosen, folder, journal, signal }: RunContext,
  workDir: string,
): Promise<Stack> {
  if (chosen.kind !== 'own') throw new Error('a shared stack runs already');
  return RUNTIMES[chosen.runtime].start({
    runDir: folder.dir,
    workDir: join(workDir, 'stack'),
    artifacts: options.artifacts,
    clock: options.clock,
    signal,
    flink: {
      taskSlots: taskSlotsOf(pipeline.manifest, scenario.pipeline.parallelism),
      checkpointEveryMs: scenario.pipeline.commitEveryMs,
    },
    jit: scenario.stack.jit,
    restarted: scenario.faults.flatMap(({ act, server }) => (act === 'restart' ? [server] : [])),
    beside: scenario.pipeline.compaction.by === 'spark' ? ['spark'] : [],
    onBuilding(image) {
      const text = `building the image of ${image}`;
      journal.note('step', { text });
      options.onEvent({ kind: 'step', text });
    },
    onProgress(line) {
      journal.note('server', line);
      options.onEvent({ kind: 'server', ...line });
    },
  });
}
