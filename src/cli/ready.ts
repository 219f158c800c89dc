import { systemClock } from '../core/clock.ts';
import { badInput } from '../core/errors.ts';
import { doctor, isHealthy } from '../harness/doctor/doctor.ts';
import type { ArtifactSource } from '../harness/setup/artifact-source.ts';
import type { Artifacts } from '../harness/setup/artifacts.ts';
import { defaultCacheDir } from '../harness/setup/cache.ts';
import type { Needs } from '../harness/setup/needs.ts';
import { isCi } from '../harness/setup/prerequisites.ts';
import { provision } from '../harness/setup/provision.ts';
import type { RuntimeKind } from '../harness/stack/stack.ts';
import type { CommandContext } from './command.ts';
import { findingLine } from './commands/doctor.ts';
import { setupProgress } from './setup-progress.ts';

/** Checks tools, cache and machine before a run. */
export async function ready(
  {
    yes,
    runtime,
    means,
    needs,
  }: {
    readonly yes: boolean;
    readonly runtime: RuntimeKind;
    readonly means: ArtifactSource;
    readonly needs: Needs;
  },
  { terminal, signal }: CommandContext,
): Promise<Artifacts> {
  const cacheDir = defaultCacheDir();
  const progress = setupProgress(terminal);
  const artifacts = await provision({
    cacheDir,
    clock: systemClock,
    signal,
    mayInstall: yes || isCi(),
    ...means,
    needs,
    onProgress: progress.show,
    onLine: (line) => terminal.say(line),
  });
  progress.end();
  const findings = await doctor({
    cacheDir,
    needs,
    runtime,
    deep: false,
    neededToolsOnly: true,
    signal,
  });
  const noted = findings.filter(({ state }) => state !== 'ok');
  for (const finding of noted) terminal.say(findingLine(finding));
  if (!isHealthy(findings)) {
    throw badInput('this machine cannot run a scenario: see the lines above', 'doorbuster doctor');
  }
  return artifacts;
}
