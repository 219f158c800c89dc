import yargs from 'yargs';
import { z } from 'zod';
import { allCommands } from '../../src/cli/commands.ts';
import { EXIT, EXIT_MEANINGS } from '../../src/core/exit-codes.ts';
import { HOPS, LEVELS, METRICS, type MetricKind, QUERIES, STATS } from '../../src/core/metrics.ts';
import { DURATION, FACTOR, PERCENT, RATE } from '../../src/core/units.ts';
import { scenarioSchema } from '../../src/scenario/schema.ts';
import { manifestSchema } from '../../src/topology/manifest.ts';

/** Generates the pages of docs/reference from the schemas, the commands and the maps of names, as Markdown. */

const GENERATED =
  '<!-- Generated from the source. `npm run reference` writes this page; do not edit it. -->';

function page(title: string, ...blocks: readonly string[]): string {
  return `${[`# ${title}`, GENERATED, ...blocks].join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Every command with its help, at the width of a page. */
export async function cliReference(): Promise<string> {
  const commands = await allCommands();
  const sections: string[] = [];
  for (const command of commands) {
    const name = command.command.split(' ')[0] as string;
    const help = await new Promise<string>((resolve) => {
      yargs()
        .locale('en')
        .scriptName('doorbuster')
        .version(false)
        .wrap(100)
        .command({ ...command, handler: () => {} })
        .parse([name, '--help'], (_error: unknown, _argv: unknown, output: string) =>
          resolve(output),
        );
    });
    sections.push(`## ${name}\n\n\`\`\`\n${help.trimEnd()}\n\`\`\``);
  }
  const index = table(
    ['command', 'purpose'],
    commands.map(({ command, describe }) => {
      const name = command.split(' ')[0];
      return [`[${name}](#${name})`, describe];
    }),
  );
  return page(
    'CLI',
    'Results go to stdout, progress and errors to stderr. [Exit codes](exit-codes.md) are part of the interface.',
    index,
    ...sections,
  );
}

type Schema = z.core.JSONSchema.BaseSchema;
type Row = readonly [key: string, value: string, fallback: string, about: string];

const UNITS: readonly (readonly [RegExp, string])[] = [
  [DURATION, 'duration, like `1m30s`'],
  [PERCENT, 'percentage, like `0.8%`'],
  [RATE, 'rate, like `12/s` or `50/store/h`'],
  [FACTOR, 'factor, like `5x`'],
];

/** Description of the values of a key. */
function valueText(schema: Schema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum) return schema.enum.map((one) => `\`${one}\``).join(', ');
  if (schema.anyOf) return schema.anyOf.map((one) => valueText(one as Schema)).join(' or ');
  if (schema.type === 'array') return `list of ${valueText(schema.items as Schema)}`;
  const unit = UNITS.find(([pattern]) => pattern.source === schema.pattern)?.[1];
  if (unit !== undefined) return unit;
  if (schema.type === 'integer' || schema.type === 'number') {
    const { minimum: least, maximum: most } = schema;
    const limits =
      most === undefined || most === Number.MAX_SAFE_INTEGER ? '' : ` ${least} to ${most}`;
    return `${schema.type === 'integer' ? 'whole number' : 'number'}${limits}`;
  }
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') {
    return `map of ${valueText(schema.additionalProperties as Schema)}`;
  }
  return schema.type === 'string' ? 'text' : String(schema.type);
}

/** One row per key, nested keys by their path; branches of a union one after the other. */
function rowsOf(schema: Schema, path: string, required: boolean): readonly Row[] {
  const branches = (schema.oneOf ?? schema.anyOf ?? []) as readonly Schema[];
  const objects = branches.filter(({ type, properties }) => type === 'object' && properties);
  if (objects.length > 0) return objects.flatMap((one) => rowsOf(one, path, required));
  const items = schema.items as Schema | undefined;
  const nested = items?.anyOf || items?.oneOf || items?.type === 'object';
  if (schema.type === 'array' && items && nested) return rowsOf(items, `${path}[]`, required);
  if (schema.type === 'object') return sectionOf(schema, path, required);
  return [[path, valueText(schema), fallbackOf(schema, required), schema.description ?? '']];
}

/** The section itself, then its keys; a map of sections has the keys of each. */
function sectionOf(schema: Schema, path: string, required: boolean): readonly Row[] {
  const about = schema.description ?? '';
  const fallback = fallbackOf(schema, required);
  const entry = schema.additionalProperties;
  if (typeof entry === 'object' && !schema.properties) {
    const names = (schema.propertyNames as Schema | undefined)?.enum;
    const named = names === undefined ? '' : `; NAME is one of ${names.join(', ')}`;
    const child = entry as Schema;
    if (child.type !== 'object') return [[path, `map of ${valueText(child)}`, fallback, about]];
    return [
      [path, `map of sections${named}`, fallback, about],
      ...sectionOf(child, `${path}.NAME`, false).slice(1),
    ];
  }
  const keys = Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
    rowsOf(child as Schema, `${path}.${key}`, schema.required?.includes(key) ?? false),
  );
  return [[path, 'section', required ? 'required' : '', about], ...keys];
}

function fallbackOf(schema: Schema, required: boolean): string {
  if (schema.default === undefined) return required ? 'required' : '';
  if (['', '[]', '{}'].includes(schema.default === '' ? '' : JSON.stringify(schema.default)))
    return 'empty';
  return `\`${typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default)}\``;
}

/** A section of the page for each key at the top of a document. */
function keysOf(schema: Schema): readonly string[] {
  const top = Object.entries(schema.properties ?? {}) as [string, Schema][];
  const rows = top.map(([key, child]) => ({
    key,
    rows: rowsOf(child, key, schema.required?.includes(key) ?? false),
  }));
  const head = ['key', 'value', 'default', 'meaning'];
  const shown = (all: readonly Row[]) =>
    all.map(([key, ...rest]) => [`\`${key.replaceAll('\\|', '|')}\``, ...rest]);
  const plain = rows.filter((one) => one.rows.length === 1).flatMap((one) => one.rows);
  const sections = rows.filter((one) => one.rows.length > 1);
  return [
    ...(plain.length === 0 ? [] : [`## Keys of one value\n\n${table(head, shown(plain))}`]),
    ...sections.map((one) => `## ${one.key}\n\n${table(head, shown(one.rows))}`),
  ];
}

export function scenarioReference(): string {
  const schema = z.toJSONSchema(scenarioSchema, { target: 'draft-07', io: 'input' });
  return page(
    'Scenario keys',
    'Every key of a scenario file, with its default. An unknown key is an error. [scenarios.md](../scenarios.md) explains how to write a scenario; `doorbuster schema` prints the JSON Schema for editors. `x[].y` is the key `y` of each element of the list `x`.',
    ...keysOf(schema as Schema),
  );
}

export function pipelineReference(): string {
  const schema = z.toJSONSchema(manifestSchema, { target: 'draft-07', io: 'input' });
  return page(
    'Pipeline keys',
    'Every key of `pipeline.yaml`, with its default. An unknown key is an error. [pipelines.md](../pipelines.md) explains how to write a pipeline. `NAME` stands for a name of your choice.',
    ...keysOf(schema as Schema),
  );
}

const ARGUMENTS: Readonly<Record<NonNullable<MetricKind['of']>, string>> = {
  stream: 'a stream of the scenario',
  dataset: 'a dataset of the pipeline, or a stream: every dataset that carries it',
  query: QUERIES.map((name) => `\`${name}\``).join(', '),
  table: 'a dataset of the pipeline',
  fault: 'a kind of fault, or a label',
  server: 'a server, or `harness`',
  'faulty server': 'a server with a fault in the scenario',
  hop: HOPS.map((name) => `\`${name}\``).join(', '),
  level: LEVELS.map((name) => `\`${name}\``).join(', '),
};

export function metricsReference(): string {
  const all = Object.entries(METRICS) as [string, MetricKind][];
  const used = [...new Set(all.flatMap(([, { of }]) => (of === null ? [] : [of])))];
  return page(
    'Metrics',
    'Every metric that a record may hold and a check may name. [measuring.md](../measuring.md) and [correctness.md](../correctness.md) define them; [scenarios.md](../scenarios.md#checks) shows how checks are written.',
    table(
      ['metric', 'argument', 'unit', 'better', 'per phase', 'kind', 'meaning'],
      all.map(([name, { of, unit, better, phased, shape, sampled, about }]) => [
        `\`${name}\``,
        of ?? '',
        unit,
        better,
        phased ? 'yes' : 'no',
        `${shape}${sampled === true ? ', estimate' : ''}`,
        about,
      ]),
    ),
    `A distribution has the statistics ${STATS.map((stat) => `\`${stat}\``).join(', ')}; a scalar has none. An estimate is judged by its 95 % interval, any other metric by its exact value ([exact numbers and estimates](../verdicts.md#exact-numbers-and-estimates)).`,
    '## Arguments',
    table(
      ['argument', 'names'],
      used.map((of) => [of, ARGUMENTS[of]]),
    ),
  );
}

export function exitCodeReference(): string {
  const names = Object.keys(EXIT) as (keyof typeof EXIT)[];
  return page(
    'Exit codes',
    'Exit codes are part of the interface: CI jobs may branch on them. [verdicts.md](../verdicts.md) says which verdict wins.',
    table(
      ['code', 'name', 'meaning'],
      names.map((name) => [
        String(EXIT[name]),
        EXIT_MEANINGS[name].short,
        EXIT_MEANINGS[name].about,
      ]),
    ),
  );
}
