import type { Clock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import { taskSlotsOf } from '../../topology/manifest.ts';
import { pipelineFor } from '../pipelines/load.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { type ChosenStack, externalStack } from '../shared-stack.ts';
import { DEFAULT_STACK, keptStacks } from '../stack/kept.ts';
import type { RuntimeKind, StackOptions } from '../stack/stack.ts';
import { down, sharedStack, up } from '../up.ts';
import { runTrial, type TrialResult } from './trial.ts';
import type { LabContext, Trial } from './trial-context.ts';

/** What a lab is opened with. */
interface LabSpec {
  /** Whose trials it is for: it says which servers there are, with how many task slots. */
  readonly parsed: Trial['parsed'];
  /** Where a relative `pipeline.use` path starts. */
  readonly baseDir: string;
  /** Where servers that are started run. */
  readonly runtime: RuntimeKind;
  /** The persistent stack to use; without it, the one that the scenario names or one that is started. */
  readonly on?: string;
  /** A stack that is started stays up. */
  readonly keep: boolean;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  /** The user's wish to stop. */
  readonly signal: AbortSignal;
  /** Gets what there is to say while it opens, in lines. */
  readonly onLine: (text: string) => void;
}

/** A stack, and what trials on it have in common. Whoever opens it disposes it. */
interface Lab extends AsyncDisposable {
  /** The persistent stack that its trials are on, by name; null: there is none. */
  readonly persistent: string | null;
  /** See `runTrial`. One trial at a time. */
  run(trial: Trial): Promise<TrialResult>;
}

/** A lab on a stack that somebody else opens and closes, or that every trial starts for itself. */
export function labOn(context: LabContext): Pick<Lab, 'run'> {
  return { run: (trial) => runTrial(context, trial) };
}

/**
 * Opens the stack that the trials of a scenario are to run on. Throws DoorbusterError (exit 2) for one that is not to
 * be had, and (exit 3) for one that does not start. Where every trial has a stack of its own, nothing is started yet.
 */
export async function openLab(spec: LabSpec): Promise<Lab> {
  const { artifacts, clock } = spec;
  const { chosen, persistent, close } = await WAYS[wayOf(spec)](spec);
  let recorded = false;
  return {
    persistent,
    async run(trial) {
      const result = await runTrial({ chosen, artifacts, clock }, trial);
      recorded = true;
      return result;
    },
    [Symbol.asyncDispose]: () => close({ recorded }),
  };
}

/** A stack that was opened. */
interface Opened {
  readonly chosen: ChosenStack;
  readonly persistent: string | null;
  /** `recorded`: a trial on it has a record. */
  readonly close: (use: { readonly recorded: boolean }) => Promise<void>;
}

type Way = 'external' | 'attached' | 'persisted' | 'per trial';

function wayOf({ parsed, on, keep }: LabSpec): Way {
  if (parsed.scenario.stack.runtime === 'external') {
    if (on === undefined) return 'external';
    throw badInput(
      `--on ${on} contradicts the scenario, which has runtime: external`,
      'leave out --on, or use a scenario without runtime: external',
    );
  }
  if (on !== undefined) return 'attached';
  return keep ? 'persisted' : 'per trial';
}

/** How each kind of stack is opened and closed. */
const WAYS: { readonly [W in Way]: (spec: LabSpec) => Promise<Opened> } = {
  async external({ parsed: { scenario }, artifacts, signal }) {
    const on = await externalStack(scenario.stack.external as ExternalUse, { artifacts, signal });
    return { chosen: { kind: 'shared', on }, persistent: null, close: async () => {} };
  },

  attached: (spec) => attached(spec, spec.on as string),

  async persisted(spec) {
    const { parsed, runtime, artifacts, clock, signal, onLine } = spec;
    const { scenario } = parsed;
    const name = DEFAULT_STACK;
    await up({
      ...{ name, runtime, artifacts, clock, signal, jit: scenario.stack.jit },
      flink: {
        taskSlots: taskSlotsOf(
          pipelineFor(parsed, spec.baseDir).manifest,
          scenario.pipeline.parallelism,
        ),
        checkpointEveryMs: scenario.pipeline.commitEveryMs,
      },
      onBuilding: (image) => onLine(`building the image of ${image}`),
      onProgress: readyLines(onLine),
    });
    const opened = await attached(spec, name);
    return {
      ...opened,
      async close({ recorded }) {
        await opened.close({ recorded });
        // Started for a trial that was refused: nobody asked for a stack with nothing on it.
        if (!recorded) await down(name, { clock, onProgress: () => {} });
      },
    };
  },

  async 'per trial'({ runtime, onLine }) {
    const idle = keptStacks().map(({ name }) => name);
    if (idle.length > 0) {
      onLine(`note: ${idle.join(', ')} runs as well, and takes memory: --on ${idle[0]} uses it`);
    }
    return { chosen: { kind: 'own', runtime }, persistent: null, close: async () => {} };
  },
};

/** A persistent stack; it stays up when the lab is closed. */
async function attached({ artifacts, clock, onLine }: LabSpec, name: string): Promise<Opened> {
  const on = await sharedStack(name, { artifacts, clock, onProgress: readyLines(onLine) });
  return {
    chosen: { kind: 'shared', on },
    persistent: name,
    close: () => on.stack[Symbol.asyncDispose]() as Promise<void>,
  };
}

function readyLines(onLine: (text: string) => void): StackOptions['onProgress'] {
  return ({ server, state, ms }) => {
    if (state === 'ready') onLine(`${server} ready after ${(ms / 1_000).toFixed(1)} s`);
  };
}
