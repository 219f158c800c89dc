import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { runsSpark } from '../../scenario/scenario.ts';
import { taskSlotsOf } from '../../topology/manifest.ts';
import type { Pipeline } from '../pipelines/load.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { OwnRuntime } from '../shared-stack.ts';
import { startInProcess } from '../stack/in-process.ts';
import { RUNTIMES } from '../stack/runtimes.ts';
import type { Stack, StackOptions } from '../stack/stack.ts';
import { serversUsed } from './servers-used.ts';

/** Options of a stack for the trials of a scenario. */
interface OwnStack extends Pick<StackOptions, 'runDir' | 'signal' | 'onBuilding' | 'onProgress'> {
  readonly runtime: OwnRuntime;
  readonly scenario: Scenario;
  readonly pipeline: Pipeline;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  /** Scratch folder; the servers get a subfolder. */
  readonly workDir: string;
}

/** Starts a stack that ends with its trials. */
export function startOwnStack({
  runtime,
  scenario,
  pipeline,
  workDir,
  ...options
}: OwnStack): Promise<Stack> {
  if (runtime === 'in-process') return startInProcess(options.clock);
  return RUNTIMES[runtime].start({
    ...options,
    workDir: join(workDir, 'stack'),
    servers: serversUsed(pipeline, scenario),
    flink: {
      taskSlots: taskSlotsOf(pipeline.manifest, scenario.pipeline.parallelism),
      checkpointEveryMs: scenario.pipeline.commitEveryMs,
    },
    jit: scenario.stack.jit,
    restarted: scenario.faults.flatMap(({ act, server }) => (act === 'restart' ? [server] : [])),
    auxiliary: runsSpark(scenario) ? ['spark'] : [],
  });
}
