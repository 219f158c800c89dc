import { mkdtemp } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { badInput } from '../../core/errors.ts';
import { whenAborted } from '../../core/when-aborted.ts';
import type { ExternalUse } from '../../scenario/scenario.ts';
import { pipelineFor } from '../pipelines/load.ts';
import type { Artifacts } from '../setup/artifacts.ts';
import { temporaryDir } from '../setup/user-dirs.ts';
import {
  type ChosenStack,
  externalStack,
  forgetTenants,
  type OwnRuntime,
} from '../shared-stack.ts';
import { DEFAULT_STACK, persistedStacks } from '../stack/persisted-stack.ts';
import { ResourceLease } from '../stack/resource-lease.ts';
import type { RuntimeKind, StackOptions } from '../stack/stack.ts';
import { down, sharedStack, up } from '../up.ts';
import { type Design, needsOfDesigns, startOwnStack } from './own-stack.ts';
import { runTrial, type TrialResult } from './trial.ts';
import type { LabContext, Trial } from './trial-context.ts';

interface LabSpec {
  /**
   * The scenarios of its trials, which determine the servers and the number of task slots. They agree on the stack: see
   * `refuseOtherStacks`.
   */
  readonly scenarios: readonly [Trial['parsed'], ...Trial['parsed'][]];
  /** Base folder of a relative `pipeline.use` path. */
  readonly baseDir: string;
  /** Runtime of servers that it starts. */
  readonly runtime: RuntimeKind;
  /** The persistent stack to use; without it, the one that the scenario names or one that is started. */
  readonly on?: string;
  /** Whether a stack that it starts stays up. */
  readonly keep: boolean;
  /** Folder of a series of trials that share one stack, and of its logs. */
  readonly seriesDir?: string;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  /** The user's wish to stop. */
  readonly signal: AbortSignal;
  /** Receives progress lines while it opens. */
  readonly onLine: (text: string) => void;
}

/** A stack and the context that its trials share. Its owner disposes it. */
interface Lab extends AsyncDisposable {
  /** The persistent stack that its trials are on, by name; null: there is none. */
  readonly persistent: string | null;
  /** See `runTrial`. One trial at a time. */
  run(trial: Trial): Promise<TrialResult>;
}

/** A lab on a stack that the caller opens and closes, or that every trial starts for itself. */
export function labOn(context: LabContext): Pick<Lab, 'run'> {
  return { run: (trial) => runTrial(context, trial) };
}

/**
 * Opens the stack for the trials of a scenario. Throws DoorbusterError (exit 2) if it is not available, and (exit 3) if
 * it does not start. If every trial has its own stack, nothing is started yet.
 */
export async function openLab(spec: LabSpec): Promise<Lab> {
  const { artifacts, clock, scenarios, baseDir } = spec;
  const [parsed, ...others] = scenarios;
  refuseOtherStacks(parsed, others);
  const designOf = (one: Trial['parsed']) => ({
    scenario: one.scenario,
    pipeline: pipelineFor(one, baseDir),
  });
  const designs = [designOf(parsed), ...others.map(designOf)] as const;
  const needs = { ...spec, parsed, designs, ...needsOfDesigns(designs) };
  const { chosen, persistent, close } = await STACK_SOURCES[stackSourceOf(needs)](needs);
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

/** Throws DoorbusterError (exit 2) unless all scenarios want the same stack: their trials share it. */
function refuseOtherStacks(parsed: Trial['parsed'], others: readonly Trial['parsed'][]): void {
  const wanted = ({ scenario: { stack } }: Trial['parsed']) => ({
    runtime: stack.runtime,
    jit: stack.jit,
    external: JSON.stringify(stack.external),
  });
  const first = wanted(parsed);
  for (const key of ['runtime', 'jit', 'external'] as const) {
    const other = others.find((one) => wanted(one)[key] !== first[key]);
    if (other === undefined) continue;
    throw badInput(
      `the trials share one stack, and stack.${key} is ${first[key]} in ${parsed.file} and ${wanted(other)[key]} in ${other.file}`,
      `give both the same stack.${key}`,
    );
  }
}

/** A lab to be opened, with what its designs need. */
interface StackNeeds extends LabSpec, ReturnType<typeof needsOfDesigns> {
  /** The first scenario. */
  readonly parsed: Trial['parsed'];
  readonly designs: readonly [Design, ...Design[]];
}

/** How a stack was used: whether any trial has a record, and whether any completed. */
interface StackUse {
  readonly recorded: boolean;
  readonly completed: boolean;
}

/** An open stack. */
interface OpenStack {
  readonly chosen: ChosenStack;
  readonly persistent: string | null;
  readonly close: (use: StackUse) => Promise<void>;
}

type StackSource =
  | 'external'
  | 'attached'
  | 'persisted'
  | 'per series'
  | 'per trial'
  | 'without servers';

function stackSourceOf(needs: StackNeeds): StackSource {
  const { parsed, designs, servers, on, keep, seriesDir } = needs;
  if (servers.length === 0) {
    if (on === undefined && !keep) return 'without servers';
    throw badInput(
      `the pipeline ${designs[0].pipeline.manifest.name} runs in this process, on no stack`,
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
const STACK_SOURCES: { readonly [W in StackSource]: (needs: StackNeeds) => Promise<OpenStack> } = {
  async external({ parsed: { scenario }, artifacts, signal }) {
    const on = await externalStack(scenario.stack.external as ExternalUse, { artifacts, signal });
    return { chosen: { kind: 'shared', on }, persistent: null, close: async () => {} };
  },

  attached: (spec) => attached(spec, spec.on as string),

  async persisted(spec) {
    const { servers, flink, jit, runtime, artifacts, clock, signal, onLine } = spec;
    const name = DEFAULT_STACK;
    await up({
      ...{ name, runtime, artifacts, clock, signal, servers, flink, jit },
      onBuilding: (image) => onLine(`building the image of ${image}`),
      onProgress: readyLines(onLine),
    });
    const opened = await attached(spec, name);
    return {
      ...opened,
      async close(use) {
        await opened.close(use);
        // The trial was refused, so the stack that was started for it is not needed.
        if (!use.recorded) await down(name, { clock, onProgress: () => {} });
      },
    };
  },

  async 'per series'(spec) {
    const { designs, runtime, artifacts, clock, onLine } = spec;
    const runDir = resolve(spec.seriesDir as string);
    const name = basename(runDir);
    reportIdleStacks(onLine);
    const workDir = await mkdtemp(join(temporaryDir(), 'doorbuster-'));
    const lease = await ResourceLease.open(workDir, { run: runDir });
    try {
      // The signal applies only until the stack runs: an interrupted trial is cleaned up before its servers end.
      const stack = await untilAborted(spec.signal, (signal) =>
        startOwnStack({
          ...{ runtime, designs, artifacts, clock, signal, runDir, workDir },
          onBuilding: (image) => onLine(`building the image of ${image}`),
          onProgress: readyLines(onLine),
        }),
      );
      return {
        chosen: { kind: 'shared', on: { stack, name, prefix: 'doorbuster' } },
        persistent: null,
        async close({ completed }) {
          try {
            // After an interrupt the user does not want to wait for class archives.
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
    reportIdleStacks(onLine);
    return startedByEachTrial(runtime);
  },

  'without servers': async () => startedByEachTrial('in-process'),
};

/** Nothing is open between the trials. */
function startedByEachTrial(runtime: OwnRuntime): OpenStack {
  return { chosen: { kind: 'own', runtime }, persistent: null, close: async () => {} };
}

/** Runs `work` with a signal that follows `outer` until it is done. */
async function untilAborted<T>(
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const inner = new AbortController();
  using _followed = whenAborted(outer, () => inner.abort(outer.reason));
  return await work(inner.signal);
}

/** Reports the persistent stacks that this lab does not use. */
function reportIdleStacks(onLine: (text: string) => void): void {
  const idle = persistedStacks().map(({ name }) => name);
  if (idle.length === 0) return;
  onLine(`note: ${idle.join(', ')} is up as well, and takes memory: --on ${idle[0]}`);
}

/** A persistent stack; it stays up when the lab is closed. */
async function attached(
  { servers, artifacts, clock, onLine }: StackNeeds,
  name: string,
): Promise<OpenStack> {
  const onProgress = readyLines(onLine);
  const on = await sharedStack(name, { artifacts, clock, used: servers, onProgress });
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
