import { join } from 'node:path';
import { lookUp } from './cache.ts';
import type { Finding } from './finding.ts';
import type { StackLock } from './lock.ts';
import { checkMachine } from './machine.ts';
import { minioOnPath, onPath } from './minio.ts';
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

export interface DoctorContext {
  readonly cacheDir: string;
  readonly lock: StackLock;
  /** Where the run's folder and the servers' data will be. */
  readonly resultsDir: string;
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
    ...(await checkMachine({ ...context, toFetch: missing.length > 0 })),
    chromiumFinding(),
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

function chromiumFinding(): Finding {
  const found = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => onPath(name));
  const path = found.find((one) => one !== undefined);
  const fact = path ?? 'not found; only the tests that open the report in a browser need it';
  return { subject: 'chromium', state: 'ok', fact };
}
