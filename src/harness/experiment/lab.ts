import { mkdtemp } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import { taskSlotsOf } from '../../topology/manifest.ts';
import { pipelineFor } from '../pipelines/load.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import { type ChosenStack, externalStack, forgetTenants } from '../shared-stack.ts';
import { DEFAULT_STACK, persistedStacks } from '../stack/persisted-stack.ts';
import { ResourceLease } from '../stack/resource-lease.ts';
import type { RuntimeKind, StackOptions } from '../stack/stack.ts';
import { down, sharedStack, up } from '../up.ts';
import { startOwnStack } from './own-stack.ts';
import { serversUsed } from './servers-used.ts';
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
  /** The folder of trials that are to share a stack: one is started for all of them, and its logs go there. */
  readonly seriesDir?: string;
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
  const use = { recorded: false, completed: false };
  return {
    persistent,
    async run(trial) {
      const result = await runTrial({ chosen, artifacts, clock }, trial);
      use.recorded = true;
      use.completed ||= result.record.outcome === 'completed';
      return result;
    },
    [Symbol.asyncDispose]: () => close(use),
  };
}

/** What trials have made of a stack: one has a record, one has come to its end. */
interface Use {
  readonly recorded: boolean;
  readonly completed: boolean;
}

/** A stack that was opened. */
interface Opened {
  readonly chosen: ChosenStack;
  readonly persistent: string | null;
  readonly close: (use: Use) => Promise<void>;
}

type Way = 'external' | 'attached' | 'persisted' | 'per series' | 'per trial' | 'without servers';

function wayOf({ parsed, baseDir, on, keep, seriesDir }: LabSpec): Way {
  const pipeline = pipelineFor(parsed, baseDir);
  if (serversUsed(pipeline, parsed.scenario).length === 0) {
    if (on === undefined && !keep) return 'without servers';
    throw badInput(
      `the pipeline ${pipeline.manifest.name} runs in this process, on no stack`,
      `leave out ${on === undefined ? '--keep' : `--on ${on}`}`,
    );
  }
  if (parsed.scenario.stack.runtime === 'external') {
    if (on === undefined) return 'external';
    throw badInput(
      `--on ${on} contradicts the scenario, which has runtime: external`,
      'leave out --on, or use a scenario without runtime: external',
    );
  }
  if (on !== undefined) return 'attached';
  if (keep) return 'persisted';
  return seriesDir === undefined ? 'per trial' : 'per series';
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
    const pipeline = pipelineFor(parsed, spec.baseDir);
    const name = DEFAULT_STACK;
    await up({
      ...{ name, runtime, artifacts, clock, signal, jit: scenario.stack.jit },
      servers: serversUsed(pipeline, scenario),
      flink: {
        taskSlots: taskSlotsOf(pipeline.manifest, scenario.pipeline.parallelism),
        checkpointEveryMs: scenario.pipeline.commitEveryMs,
      },
      onBuilding: (image) => onLine(`building the image of ${image}`),
      onProgress: readyLines(onLine),
    });
    const opened = await attached(spec, name);
    return {
      ...opened,
      async close(use) {
        await opened.close(use);
        // Started for a trial that was refused: nobody asked for a stack with nothing on it.
        if (!use.recorded) await down(name, { clock, onProgress: () => {} });
      },
    };
  },

  async 'per series'(spec) {
    const { parsed, baseDir, runtime, artifacts, clock, onLine } = spec;
    const { scenario } = parsed;
    const pipeline = pipelineFor(parsed, baseDir);
    const runDir = resolve(spec.seriesDir as string);
    const name = basename(runDir);
    sayIdle(onLine);
    const workDir = await mkdtemp(join(temporaryDir(), 'doorbuster-'));
    const lease = await ResourceLease.open(workDir, { run: runDir });
    try {
      // Only until it runs: a trial that is interrupted is cleared up before its servers end.
      const stack = await untilAborted(spec.signal, (signal) =>
        startOwnStack({
          ...{ runtime, scenario, pipeline, artifacts, clock, signal, runDir, workDir },
          onBuilding: (image) => onLine(`building the image of ${image}`),
          onProgress: readyLines(onLine),
        }),
      );
      return {
        chosen: { kind: 'shared', on: { stack, name, prefix: 'doorbuster' } },
        persistent: null,
        async close({ completed }) {
          try {
            // Whoever interrupts it does not wait for classes to be written.
            await stack.stop({ keepClasses: completed && !spec.signal.aborted });
          } finally {
            forgetTenants(name);
            await lease.remove();
          }
        },
      };
    } catch (error) {
      await lease.remove();
      throw error;
    }
  },

  async 'per trial'({ runtime, onLine }) {
    sayIdle(onLine);
    return { chosen: { kind: 'own', runtime }, persistent: null, close: async () => {} };
  },

  'without servers': async () => ({
    chosen: { kind: 'own', runtime: 'in-process' },
    persistent: null,
    close: async () => {},
  }),
};

/** Does `work` with a signal that follows `outer` until it is done. */
async function untilAborted<T>(
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  const onAbort = () => inner.abort(outer.reason);
  outer.addEventListener('abort', onAbort, { once: true });
  if (outer.aborted) onAbort();
  try {
    return await work(inner.signal);
  } finally {
    outer.removeEventListener('abort', onAbort);
  }
}

/** Names the persistent stacks that nobody uses now. */
function sayIdle(onLine: (text: string) => void): void {
  const idle = persistedStacks().map(({ name }) => name);
  if (idle.length === 0) return;
  onLine(`note: ${idle.join(', ')} is up as well, and takes memory: --on ${idle[0]}`);
}

/** A persistent stack; it stays up when the lab is closed. */
async function attached(
  { parsed, baseDir, artifacts, clock, onLine }: LabSpec,
  name: string,
): Promise<Opened> {
  const used = serversUsed(pipelineFor(parsed, baseDir), parsed.scenario);
  const on = await sharedStack(name, { artifacts, clock, used, onProgress: readyLines(onLine) });
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
