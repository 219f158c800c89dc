import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { type Manifest, taskSlotsOf } from '../../topology/manifest.ts';
import type { Pipeline } from '../pipelines/load.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import type { OwnRuntime } from '../shared-stack.ts';
import { withNeeds } from '../stack/components/components.ts';
import { startInProcess } from '../stack/in-process.ts';
import { RUNTIMES } from '../stack/runtimes.ts';
import type { Stack, StackOptions } from '../stack/stack.ts';
import { programsUsed, serversUsed } from './servers-used.ts';

/** What the trials of a stack run. */
export interface Design {
  readonly scenario: Scenario;
  readonly pipeline: Pipeline;
}

/** Options of a stack for the trials of a scenario, or of several. */
interface OwnStack extends Pick<StackOptions, 'runDir' | 'signal' | 'onBuilding' | 'onProgress'> {
  readonly runtime: OwnRuntime;
  readonly designs: readonly [Design, ...Design[]];
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  /** Scratch folder; the servers get a subfolder. */
  readonly workDir: string;
}

/** Starts a stack that ends with its trials. */
export function startOwnStack({ runtime, designs, workDir, ...options }: OwnStack): Promise<Stack> {
  if (runtime === 'in-process') return startInProcess(options.clock, workDir);
  const scenarios = designs.map(({ scenario }) => scenario);
  return RUNTIMES[runtime].start({
    ...options,
    ...needsOfDesigns(designs),
    workDir: join(workDir, 'stack'),
    restarted: scenarios.flatMap(({ faults }) =>
      faults.flatMap(({ act, server }) => (act === 'restart' ? [server] : [])),
    ),
    auxiliary: [
      ...new Set(designs.flatMap(({ scenario, pipeline }) => programsUsed(pipeline, scenario))),
    ],
  });
}

/** The servers of all designs, and what the largest of them needs. A job has its own commit interval. */
export function needsOfDesigns(
  designs: readonly [Design, ...Design[]],
): Pick<StackOptions, 'servers' | 'flink' | 'connect' | 'jit'> {
  const [{ scenario }] = designs;
  return {
    servers: withNeeds(designs.flatMap((design) => serversUsed(design.pipeline, design.scenario))),
    flink: {
      taskSlots: Math.max(
        ...designs.map((design) =>
          taskSlotsOf(design.pipeline.manifest, design.scenario.pipeline.parallelism),
        ),
      ),
      checkpointEveryMs: scenario.pipeline.commitEveryMs,
    },
    connect: connectOf(designs.map(({ pipeline }) => pipeline.manifest)),
    jit: scenario.stack.jit,
  };
}

/** The worker's settings. Throws DoorbusterError (exit 2) for pipelines with different ones: a stack has one worker. */
export function connectOf(manifests: readonly Pick<Manifest, 'stages'>[]): StackOptions['connect'] {
  const wanted = manifests.flatMap(({ stages }) =>
    stages.flatMap((stage) => ('offset_flush_ms' in stage ? [stage.offset_flush_ms] : [])),
  );
  const [first, other] = [...new Set(wanted)];
  if (first === undefined) return undefined;
  if (other === undefined) return { offsetFlushMs: first };
  throw badInput(
    `offset_flush_ms is ${first} in one pipeline and ${other} in another, and it is a setting of the one worker that both would use`,
    'doorbuster run each of them, then: doorbuster compare RECORD RECORD',
  );
}
