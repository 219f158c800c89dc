import { EXIT } from '../../core/exit-codes.ts';
import { scenarioJsonSchema } from '../../scenario/json-schema.ts';
import type { Command } from '../command.ts';

export const schemaCommand: Command = {
  command: 'schema',
  describe: 'Print the JSON Schema of scenario files, for editors',
  builder: (yargs) =>
    yargs.example('$0 schema > scenario.schema.json', 'completion in your editor'),
  async run(_args, { terminal }) {
    terminal.result(scenarioJsonSchema());
    return EXIT.pass;
  },
};
