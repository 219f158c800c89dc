import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../harness/entry.ts';
import type { SHIPPED } from '../harness/pipelines/load.ts';
import { scenarioJsonSchema } from '../scenario/json-schema.ts';

/** Name of the pipeline that `init` writes, and of its folder; `templates/init` names it as well. */
export const OWN_PIPELINE = 'mine';

/** A file that `init` writes. */
export interface InitFile {
  /** Relative to the folder that is created. */
  readonly path: string;
  readonly text: string;
}

/**
 * The files of a new folder: a scenario with its schema for editors, a copy of a shipped pipeline under its own name, and a
 * page with the commands.
 */
export function initFiles(shipped: (typeof SHIPPED)[number]): readonly InitFile[] {
  const template = (name: string) =>
    textOf('templates/init', name).replaceAll('{{pipeline}}', shipped);
  const folder = join('pipelines', shipped);
  return [
    { path: 'README.md', text: template('README.md') },
    { path: 'scenario.yaml', text: template('scenario.yaml') },
    { path: 'scenario.schema.json', text: scenarioJsonSchema() },
    ...filesBelow(folder).map((name) => {
      const text = textOf(folder, name);
      return {
        path: join('pipelines', OWN_PIPELINE, name),
        text: name === 'pipeline.yaml' ? renamed(text, shipped) : text,
      };
    }),
  ];
}

/** Reports and records name a pipeline: a copy needs a name of its own. */
function renamed(manifest: string, shipped: string): string {
  return manifest.replace(`\nname: ${shipped}\n`, `\nname: ${OWN_PIPELINE}\n`);
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(packageRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name).slice(join(packageRoot, folder, '/').length),
    )
    .toSorted();
}

function textOf(folder: string, name: string): string {
  return readFileSync(join(packageRoot, folder, name), 'utf8');
}
