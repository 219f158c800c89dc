import { join } from 'node:path';
import { bytes } from '../../core/readable.ts';
import type { Estimate } from '../estimate.ts';
import { placesOf, roomProblem } from '../room.ts';
import { engineHere } from '../stack/session.ts';
import { lookUp } from './cache.ts';
import type { Finding } from './finding.ts';
import type { StackLock } from './lock.ts';
import { checkMachine } from './machine.ts';
import { minioOnPath } from './minio.ts';
import { onPath } from './on-path.ts';
import {
  checkTools,
  installLine,
  type Prerequisite,
  type Tool,
  thisOs,
  toolsFor,
} from './prerequisites.ts';
import { verifyDeep } from './verify.ts';

export type { Finding } from './finding.ts';

interface DoctorContext {
  readonly cacheDir: string;
  readonly lock: StackLock;
  /** The run whose room is looked for; left out by a run itself, which knows better what it needs. */
  readonly run?: {
    readonly estimate: Pick<Estimate, 'workBytes' | 'keptBytes'>;
    readonly resultsDir: string;
    /** The command line that starts it. */
    readonly command: string;
  };
  /** Leaves out tools that only fetching needs, once everything is fetched: what `run` asks. */
  readonly neededToolsOnly?: boolean;
  /** Reads the whole cache again against its checksums (seconds, hundreds of megabytes). */
  readonly deep: boolean;
  readonly signal: AbortSignal;
}

/** Looks at everything a run needs and changes nothing. Gives one finding per thing, in order. */
export async function doctor(context: DoctorContext): Promise<readonly Finding[]> {
  const { cacheDir, lock } = context;
  const missing = lock.artifacts.filter(
    (artifact) =>
      lookUp(cacheDir, artifact).kind !== 'complete' &&
      !(artifact.name === 'minio' && minioOnPath()),
  );
  const needed = toolsFor(missing);
  const tools = await checkTools(context.neededToolsOnly ? needed : toolsFor(lock.artifacts));
  return [
    ...tools.map((tool) => toolFinding(tool, needed)),
    await cacheFinding(
      context,
      missing.map((artifact) => artifact.name),
    ),
    ...(context.run ? [diskFinding(context.run)] : []),
    ...(await checkMachine({ ...context, toFetch: missing.length > 0 })),
    chromiumFinding(),
    ...(context.neededToolsOnly ? [] : [await engineFinding()]),
  ];
}

/** Whether a run can start: no finding is bad. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every((finding) => finding.state !== 'bad');
}

function toolFinding(found: Prerequisite, needed: readonly Tool[]): Finding {
  const { tool, needs, version, ok, untried } = found;
  if (ok) {
    return untried
      ? { subject: tool, state: 'warn', fact: `${version}, which nobody has tried; needs ${needs}` }
      : { subject: tool, state: 'ok', fact: version ?? '' };
  }
  const fact = version ? `${version}; needs ${needs}` : `not found; needs ${needs}`;
  if (!needed.includes(tool)) {
    return { subject: tool, state: 'ok', fact: `${fact}, to fetch only: nothing is left to fetch` };
  }
  const fix = installLine([tool], thisOs(), process.getuid?.() === 0);
  return { subject: tool, state: 'bad', fact, fix };
}

async function cacheFinding(
  { cacheDir, lock, deep, signal }: DoctorContext,
  missing: readonly string[],
): Promise<Finding> {
  const subject = 'cache';
  const total = lock.artifacts.length;
  if (missing.length > 0) {
    const damaged = lock.artifacts
      .map((artifact) => ({ artifact, state: lookUp(cacheDir, artifact) }))
      .flatMap(({ artifact, state }) =>
        state.kind === 'damaged' ? [`; ${artifact.name}: ${state.fact}`] : [],
      );
    const fact = `${missing.length} of ${total} artifacts to fetch into ${cacheDir}: ${missing.join(', ')}`;
    return { subject, state: 'bad', fact: `${fact}${damaged.join('')}`, fix: 'doorbuster setup' };
  }
  if (!deep) {
    return { subject, state: 'ok', fact: `all ${total} artifacts in ${cacheDir} (sizes match)` };
  }
  for (const artifact of lock.artifacts) {
    if (lookUp(cacheDir, artifact).kind !== 'complete') continue;
    const [wrong] = await verifyDeep(cacheDir, artifact, signal);
    if (wrong) {
      const fix = `rm -r ${join(cacheDir, artifact.name)} && doorbuster setup`;
      return { subject, state: 'bad', fact: wrong, fix };
    }
  }
  return {
    subject,
    state: 'ok',
    fact: `all ${total} artifacts in ${cacheDir}, every byte checked`,
  };
}

/** By the same reckoning as a run refuses by. */
function diskFinding({
  estimate,
  resultsDir,
  command,
}: NonNullable<DoctorContext['run']>): Finding {
  const subject = 'disk';
  const places = placesOf(resultsDir);
  const problem = roomProblem(estimate, places, command);
  if (problem) return { subject, state: 'bad', fact: problem.message, fix: problem.hint };
  const { work, results } = places;
  const free = `${bytes(work.freeBytes)} free in ${work.dir}, ${bytes(results.freeBytes)} in ${results.dir}`;
  const needs = `${bytes(estimate.workBytes)} and ${bytes(estimate.keptBytes)}`;
  return { subject, state: 'ok', fact: `${free}; ${command} takes about ${needs} there` };
}

async function engineFinding(): Promise<Finding> {
  const fact = await engineHere().then(
    ({ name }) => name,
    () => 'none answers; only stack.runtime: containers needs one',
  );
  return { subject: 'containers', state: 'ok', fact };
}

function chromiumFinding(): Finding {
  const found = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => onPath(name));
  const path = found.find((one) => one !== undefined);
  const fact = path ?? 'not found; only the tests that open the report in a browser need it';
  return { subject: 'chromium', state: 'ok', fact };
}
