import { join } from 'node:path';
import { bytes } from '../../core/readable.ts';
import { lookUp } from '../setup/cache.ts';
import { minioOnPath } from '../setup/minio.ts';
import type { Needs } from '../setup/needs.ts';
import { onPath } from '../setup/on-path.ts';
import {
  checkTools,
  installLine,
  type Prerequisite,
  type Tool,
  thisOs,
  toolsFor,
} from '../setup/prerequisites.ts';
import { temporaryDirFix, temporaryDirState } from '../setup/user-dirs.ts';
import { verifyDeep } from '../setup/verify.ts';
import { engineHere } from '../stack/session.ts';
import type { RuntimeKind } from '../stack/stack.ts';
import { type DiskNeeds, diskSpaceProblem, foldersOf } from './disk-space.ts';
import type { Finding } from './finding.ts';
import { checkMachine } from './machine.ts';

export type { Finding } from './finding.ts';

interface DoctorContext {
  readonly cacheDir: string;
  /** Needs of the run on this machine. */
  readonly needs: Needs;
  /** Runtime of the servers: container images contain the servers' files. */
  readonly runtime: RuntimeKind;
  /** The run whose disk space is checked; absent if a run itself calls, which makes its own check. */
  readonly run?: {
    readonly estimate: Pick<DiskNeeds, 'dataBytes' | 'factsBytes' | 'keptBytes'>;
    readonly dataDir: string | null;
    readonly resultsDir: string;
    /** The command line that starts it. */
    readonly command: string;
  };
  /** Leaves out tools that only fetching needs, if everything is fetched: for `run`. */
  readonly neededToolsOnly?: boolean;
  /** Reads the whole cache again against its checksums (seconds, hundreds of megabytes). */
  readonly deep: boolean;
  readonly signal: AbortSignal;
}

const NODE_ALONE: readonly Tool[] = ['node'];

/** Checks everything that a run needs, without changing anything. Returns one finding per subject, in order. */
export async function doctor(context: DoctorContext): Promise<readonly Finding[]> {
  const { cacheDir } = context;
  const { artifacts, memory, tools: programs } = context.needs;
  const inImages = context.runtime === 'containers';
  const missing = artifacts.filter(
    (artifact) =>
      lookUp(cacheDir, artifact).kind !== 'complete' &&
      !(artifact.name === 'minio' && minioOnPath()),
  );
  const needed = inImages ? NODE_ALONE : [...toolsFor(artifacts, missing), ...programs];
  const all = inImages ? NODE_ALONE : [...toolsFor(artifacts), ...programs];
  const tools = await checkTools(context.neededToolsOnly ? needed : all);
  const names = missing.map((artifact) => artifact.name);
  return [
    ...tools.map((tool) => toolFinding(tool, needed)),
    await (inImages ? imagesFinding(context, names) : cacheFinding(context, names)),
    ...(context.run ? [diskFinding(context.run)] : []),
    ...(await checkMachine({ cacheDir, memory, toFetch: !inImages && missing.length > 0 })),
    chromiumFinding(),
    ...(context.neededToolsOnly ? [] : [await engineFinding(context.runtime)]),
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
      ? { subject: tool, state: 'warn', fact: `${version}, which is untested; needs ${needs}` }
      : { subject: tool, state: 'ok', fact: version ?? '' };
  }
  const fact = version ? `${version}; needs ${needs}` : `not found; needs ${needs}`;
  if (!needed.includes(tool)) {
    return {
      subject: tool,
      state: 'ok',
      fact: `${fact}; needed only to fetch, and the cache is complete`,
    };
  }
  const fix = installLine([tool], thisOs(), process.getuid?.() === 0);
  return { subject: tool, state: 'bad', fact, fix };
}

async function cacheFinding(
  { cacheDir, needs, deep, signal }: DoctorContext,
  missing: readonly string[],
): Promise<Finding> {
  const subject = 'cache';
  const { artifacts } = needs;
  const total = artifacts.length;
  if (missing.length > 0) {
    const damaged = artifacts
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
  for (const artifact of artifacts) {
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

/** Uses the same estimate as the check at the start of a run. */
function diskFinding({
  estimate,
  dataDir,
  resultsDir,
  command,
}: NonNullable<DoctorContext['run']>): Finding {
  const subject = 'disk';
  const { dir: temporary, problem: missing } = temporaryDirState();
  if (missing !== null) {
    const fact = `the folder for temporary files, ${temporary}, ${missing}`;
    return { subject, state: 'bad', fact, fix: temporaryDirFix(temporary) };
  }
  const places = foldersOf(resultsDir, dataDir);
  const problem = diskSpaceProblem(estimate, places, command);
  if (problem) return { subject, state: 'bad', fact: problem.message, fix: problem.hint };
  const { data, work, results } = places;
  const dirs = [
    ...new Map([data, work, results].flatMap((one) => (one ? [[one.dir, one]] : []))).values(),
  ];
  const free = dirs.map((one) => `${bytes(one.freeBytes)} free in ${one.dir}`).join(', ');
  const { dataBytes, factsBytes, keptBytes } = estimate;
  const takes = `${command} takes about ${bytes(dataBytes + factsBytes)}, and ${bytes(keptBytes)} for good`;
  return { subject, state: 'ok', fact: `${free}; ${takes}` };
}

/** With a container engine nothing else is needed: artifacts that are not in the cache are fetched while images are built. */
async function imagesFinding(context: DoctorContext, missing: readonly string[]): Promise<Finding> {
  if (missing.length === 0) return cacheFinding(context, missing);
  const fact = `${missing.join(', ')}: fetched in build stages, with the first run that needs their image`;
  return { subject: 'cache', state: 'ok', fact };
}

async function engineFinding(runtime: RuntimeKind): Promise<Finding> {
  const subject = 'containers';
  const found = await engineHere().catch(() => undefined);
  if (found !== undefined) return { subject, state: 'ok', fact: found.name };
  if (runtime === 'processes') {
    const fact = 'no engine answers; with an engine, a run needs no Java, Maven, pip or Go';
    return { subject, state: 'ok', fact };
  }
  const fix =
    'docker info   # shows the cause; or set stack.runtime: processes, which needs no engine';
  return { subject, state: 'bad', fact: 'no engine answers', fix };
}

function chromiumFinding(): Finding {
  const found = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => onPath(name));
  const path = found.find((one) => one !== undefined);
  const fact = path ?? 'not found; only the tests that open the report in a browser need it';
  return { subject: 'chromium', state: 'ok', fact };
}
