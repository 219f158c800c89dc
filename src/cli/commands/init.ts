import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { badInput, type DoorbusterError, refusedByMachine } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { SHIPPED } from '../../harness/pipelines/load.ts';
import { folder } from '../../harness/setup/user-dirs.ts';
import type { Command } from '../command.ts';
import { type InitFile, initFiles, OWN_PIPELINE } from '../init-files.ts';
import { quoted } from '../reproduce.ts';

export const initCommand: Command = {
  command: 'init <dir>',
  describe: 'Write a scenario, a pipeline of your own and a README into a folder',
  builder: (yargs) =>
    yargs
      .positional('dir', {
        type: 'string',
        demandOption: true,
        describe: 'folder, which is created if it does not exist; no file in it is replaced',
      })
      .option('pipeline', {
        choices: SHIPPED,
        default: SHIPPED[0] as (typeof SHIPPED)[number],
        describe: 'shipped pipeline that is copied',
      })
      .option('json', { type: 'boolean', default: false, describe: 'the written files as JSON' })
      .example('$0 init lakehouse', 'then: cd lakehouse, and what its README.md lists')
      .example('$0 init . --pipeline append-ledger', 'into this folder, from the other design'),
  async run({ dir, pipeline, json }, { terminal }) {
    if (dir === '') throw badInput('init needs the name of a folder', 'doorbuster init lakehouse');
    const files = initFiles(pipeline);
    writeNew(folder(dir), files);
    if (json) {
      const paths = files.map(({ path }) => path);
      terminal.result(
        JSON.stringify({ dir, pipeline: OWN_PIPELINE, from: pipeline, files: paths }, null, 1),
      );
      return EXIT.pass;
    }
    const into = relative('.', dir) === '' ? '' : `cd ${quoted(dir)} && `;
    terminal.result(
      [
        ...['README.md', 'scenario.yaml'].map((name) => `wrote  ${join(dir, name)}`),
        `wrote  ${join(dir, 'pipelines', OWN_PIPELINE)}  (a copy of ${pipeline})`,
        `next   ${into}doorbuster validate scenario.yaml`,
      ].join('\n'),
    );
    return EXIT.pass;
  },
};

/** Writes all files or, if one of them exists or cannot be written, none. */
function writeNew(dir: string, files: readonly InitFile[]): void {
  const paths = files.map(({ path }) => join(dir, path));
  const written: string[] = [];
  const made: string[] = [];
  let path = dir;
  try {
    // A link counts, whether or not it leads anywhere.
    const isThere = (one: string) => lstatSync(one, { throwIfNoEntry: false }) !== undefined;
    const there = paths.find(isThere);
    if (there !== undefined) throw existsAlready(there);
    for (const [index, { text }] of files.entries()) {
      path = paths[index] as string;
      for (const one of missingFolders(dirname(path))) {
        mkdirSync(one);
        made.push(one);
      }
      const file = openSync(path, 'wx');
      written.push(path);
      try {
        writeFileSync(file, text);
      } finally {
        closeSync(file);
      }
    }
  } catch (error) {
    for (const one of written) rmSync(one, { force: true });
    for (const one of made.toReversed()) removeIfEmpty(one);
    const { code, path: file = path } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw existsAlready(file);
    throw refusedByMachine(error, { file, exitCode: EXIT.badInput }) ?? error;
  }
}

function existsAlready(path: string): DoorbusterError {
  return badInput(
    `${path} exists already, and init replaces nothing`,
    'doorbuster init lakehouse   # or another folder that has none of its files',
  );
}

/** A folder and its parents that do not exist, the outermost first. (Node's recursive mkdir never returns below /proc.) */
function missingFolders(dir: string): readonly string[] {
  const missing: string[] = [];
  for (let at = dir; !existsSync(at); at = dirname(at)) missing.unshift(at);
  return missing;
}

/** Another program may have written into it meanwhile. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  }
}
