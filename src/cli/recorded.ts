import { systemClock } from '../core/clock.ts';
import { type ScenarioOnDisk, withRecording } from '../harness/recording/open.ts';
import type { ArtifactSource } from '../harness/setup/artifact-source.ts';
import { defaultCacheDir } from '../harness/setup/cache.ts';
import { isCi } from '../harness/setup/prerequisites.ts';
import type { CommandContext } from './command.ts';
import { setupProgress } from './setup-progress.ts';

/** The scenario with the recording that it replays; a data set is fetched on first use, with progress output. */
export async function recorded(
  scenario: ScenarioOnDisk,
  args: { readonly yes?: boolean },
  { terminal, signal }: CommandContext,
  means: ArtifactSource = {},
): Promise<ScenarioOnDisk> {
  const progress = setupProgress(terminal);
  const cacheDir = defaultCacheDir();
  try {
    return await withRecording(scenario, cacheDir, {
      cacheDir,
      clock: systemClock,
      signal,
      mayInstall: args.yes === true || isCi(),
      onProgress: progress.show,
      onLine: (line) => terminal.say(line),
      ...means,
    });
  } finally {
    progress.end();
  }
}
