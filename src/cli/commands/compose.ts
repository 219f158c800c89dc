import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { badInput } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { packageRoot } from '../../harness/entry.ts';
import { serversOfShipped } from '../../harness/experiment/servers-used.ts';
import { readLock } from '../../harness/setup/lock.ts';
import { composeFile } from '../../harness/stack/compose.ts';
import { writeAtomically } from '../../record/write.ts';
import type { Command } from '../command.ts';

export const composeCommand: Command = {
  command: 'compose',
  describe: 'Print a compose.yaml of the servers, for docker compose',
  builder: (yargs) =>
    yargs
      .option('out', { type: 'string', describe: 'output file; must not exist yet' })
      .example('$0 compose --out compose.yaml', 'then: docker compose up -d --wait'),
  async run({ out }, { terminal }) {
    const text = composeFile(readLock(), resolve(packageRoot), serversOfShipped());
    if (out === undefined) {
      terminal.result(text.trimEnd());
      return EXIT.pass;
    }
    if (existsSync(out)) throw badInput(`${out} exists already`, `rm ${out}   # or name another`);
    writeAtomically(out, text, { exitCode: EXIT.badInput });
    terminal.say(`wrote ${out}`);
    return EXIT.pass;
  },
};
