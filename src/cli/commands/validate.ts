import { EXIT } from '../../core/exit-codes.ts';
import { formatDuration } from '../../core/units.ts';
import { pipelineFor } from '../../harness/pipelines/load.ts';
import { withRecording } from '../../harness/recording/open.ts';
import { defaultCacheDir } from '../../harness/setup/cache.ts';
import { plural } from '../../reports/format.ts';
import { timedMs } from '../../scenario/timeline.ts';
import type { Command } from '../command.ts';
import { readScenario, scenarioOptions } from '../scenario-file.ts';

export const validateCommand: Command = {
  command: 'validate <scenario>',
  describe: 'Check a scenario file: every problem at once, with line and column',
  builder: (yargs) =>
    scenarioOptions(yargs)
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'the resolved scenario as JSON',
      })
      .example('$0 validate scenarios/quick.yaml', 'a summary, or every problem'),
  async run(args, { terminal }) {
    const parsed = readScenario(args);
    const { scenario, overrides, hash, file } = parsed;
    // A missing data set is not fetched for a validation.
    await withRecording(parsed, defaultCacheDir(), null);
    pipelineFor(parsed, process.cwd());
    if (args.json) {
      terminal.result(JSON.stringify({ scenario, overrides, hash }, null, 1));
      return EXIT.pass;
    }
    terminal.result(
      `${file} is a scenario: ${scenario.name}, ${plural(scenario.retail.stores, 'store')}, ` +
        `${plural(scenario.phases.length, 'phase')} (${formatDuration(timedMs(scenario))} timed), ` +
        `${plural(scenario.checks.length, 'check')}, pipeline ${scenario.pipeline.use}`,
    );
    return EXIT.pass;
  },
};
