import { EXIT } from '../../core/exit-codes.ts';
import { loadPipeline, type Pipeline, submissions } from '../../harness/pipelines/load.ts';
import { fillPlaceholders, placeholderValues } from '../../harness/pipelines/placeholders.ts';
import { ownNamespace } from '../../harness/run-namespace.ts';
import { wrapped } from '../../reports/terminal.ts';
import { parseScenario } from '../../scenario/parse.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { type Dataset, holdsImages } from '../../topology/dataset.ts';
import { decoderOn } from '../../topology/decode-sql.ts';
import {
  type ExplainedSql,
  explainMermaid,
  explainSql,
  explainText,
} from '../../topology/explain.ts';
import { streamsOf } from '../../topology/manifest.ts';
import { splitStatements } from '../../topology/statements.ts';
import { type Topology, type TopologyDataset, topologyOf } from '../../topology/topology.ts';
import type { Command } from '../command.ts';
import { readScenario } from '../scenario-file.ts';

/** Scenario for the placeholders of a pipeline if none is given: the defaults of every key. */
const DEFAULTS = `
name: defaults
retail: { stores: 1 }
traffic: { pos: {}, wms: {}, cart: { sessions: 1/s }, loyalty: {}, inventory: {} }
phases: [{ name: load, for: 1s }]
`;
/** Placeholder for the broker's address: a stack's ports are known only after its start. */
const BROKER = { brokers: ['localhost:9092'] };

export const explainCommand: Command = {
  command: 'explain <pipeline>',
  describe: 'Show the stages, datasets and queries of a pipeline, and the SQL it submits',
  builder: (yargs) =>
    yargs
      .positional('pipeline', {
        type: 'string',
        demandOption: true,
        describe: 'a folder of pipelines/ by its name, or any by its path',
      })
      .option('scenario', {
        type: 'string',
        describe: 'the scenario that placeholders and streams are taken from; default: defaults',
      })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        describe: 'override a key of the scenario: --set pipeline.commit_every=5s (repeatable)',
      })
      // Without defaults: with `default: false` options would conflict as if they were given.
      .option('sql', {
        type: 'boolean',
        describe: 'all of the SQL, in the order in which Flink gets it',
      })
      .option('mermaid', { type: 'boolean', describe: 'a Mermaid flowchart' })
      .option('json', { type: 'boolean', describe: 'the topology and the SQL' })
      .conflicts({ sql: ['mermaid', 'json'], mermaid: 'json' })
      .example('$0 explain cdc-upsert', 'stages with their inputs and outputs, on one screen')
      .example(
        '$0 explain ./mine --sql',
        'the SQL of a folder of yours, the generated part included',
      ),
  async run({ pipeline: use, scenario: file, set, sql, mermaid, json }, { terminal }) {
    const { scenario } =
      file === undefined
        ? parseScenario(DEFAULTS, { file: 'defaults', set })
        : readScenario({ scenario: file, set });
    const { topology, statements } = explained(loadPipeline(use, process.cwd()), scenario);
    terminal.result(
      json
        ? JSON.stringify({ ...topology, sql: statements }, null, 1)
        : mermaid
          ? explainMermaid(topology)
          : sql
            ? explainSql(statements)
            : explainText(topology, statements, {
                wrap: (text) => wrapped(text, terminal.columns).join('\n'),
                command: `doorbuster explain ${use}`,
              }),
    );
    return EXIT.pass;
  },
};

/** The pipeline as a graph, and its SQL as a run of this scenario submits it on its own stack. */
function explained(
  pipeline: Pipeline,
  scenario: Scenario,
): { readonly topology: Topology; readonly statements: ExplainedSql } {
  const { manifest, tables, compact, queries } = pipeline;
  const streams = streamsOf(manifest).filter((stream) => scenario.traffic[stream] !== null);
  const onFlink = manifest.stages.some(({ run }) => run === 'flink-sql');
  const decoder = decoderOn(scenario.stack.runtime);
  const jobs = onFlink ? submissions(pipeline, decoder, streams) : [];
  const values = placeholderValues(scenario.pipeline, BROKER, ownNamespace(manifest));
  const filled = (text: string) => fillPlaceholders({ text }, values);
  return {
    topology: topologyOf({
      ...{ manifest, submissions: jobs, compact, queries },
      datasets: manifest.datasets.map(datasetOf),
      views: manifest.datasets
        .filter(({ visibility }) => visibility === 'redis')
        .map(({ name }) => name),
    }),
    statements: {
      tables: splitStatements(tables.text).map(({ text, line }) => ({
        source: `${tables.path}:${line}`,
        text: filled(text),
      })),
      jobs: jobs.map((one) => ({ ...one, text: filled(one.text) })),
    },
  };
}

function datasetOf(dataset: Dataset): TopologyDataset {
  const { name, carries, semantics, copies } = dataset;
  const kept = copies === undefined ? {} : { copies };
  return holdsImages(dataset)
    ? {
        ...{ name, carries, semantics, key: dataset.key, version: dataset.version },
        ...(dataset.subset === null ? {} : { subset: dataset.subset }),
        ...kept,
      }
    : { name, carries, semantics, key: dataset.firstOf, version: null, ...kept };
}
