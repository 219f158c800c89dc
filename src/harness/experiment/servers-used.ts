import { type ParsedScenario, scenarioProblems } from '../../scenario/parse.ts';
import { atKey, atValue } from '../../scenario/problems.ts';
import type { Scenario } from '../../scenario/scenario.ts';
import { type EngineKind, enginesUsed } from '../../topology/manifest.ts';
import { ENGINES, observingEngine } from '../engines/engines.ts';
import { packageRoot } from '../entry.ts';
import { TARGETS } from '../load/targets/targets.ts';
import { compactionOf } from '../pipelines/compactions/compactions.ts';
import { loadPipeline, type Pipeline, SHIPPED } from '../pipelines/load.ts';
import { runnerOf } from '../pipelines/runners/runners.ts';
import { type Program, SERVERS_ON_REQUEST } from '../setup/needs.ts';
import { withNeeds } from '../stack/components/components.ts';
import { hasImage } from '../stack/images.ts';
import type { RuntimeKind, ServerName } from '../stack/stack.ts';
import { VISIBILITY_SOURCES } from '../visibility/sources.ts';

/**
 * The servers that a scenario needs with a pipeline, dependencies first: those of its target, stages, engines, visibility
 * and compaction, and their dependencies. Empty: it runs in this process.
 */
export function serversUsed(
  pipeline: Pipeline,
  scenario: Pick<Scenario, 'pipeline' | 'queries'>,
): readonly ServerName[] {
  const used = serversOf(pipeline, enginesUsed(pipeline.manifest, scenario));
  return withNeeds([...used, ...compactionOf(pipeline, scenario).servers]);
}

/** The programs that a run starts next to its servers: for compaction on demand, its stages and its query engines. */
export function programsUsed(
  { manifest }: Pipeline,
  scenario: Pick<Scenario, 'pipeline' | 'queries'>,
): readonly Program[] {
  const compacts = scenario.pipeline.compaction.by === 'spark' ? (['spark'] as const) : [];
  const engines = enginesUsed(manifest, scenario).map((engine) => ENGINES[engine].program);
  const stages = manifest.stages.flatMap((one) => runnerOf(one).program ?? []);
  return [...new Set([...compacts, ...stages, ...engines.filter((one) => one !== null)])];
}

/** Throws DoorbusterError (exit 2), with line and column in the scenario, for a query engine that has no image, in containers. */
export function refuseWithoutImage(
  parsed: ParsedScenario & { readonly file: string },
  pipeline: Pipeline,
  runtime: RuntimeKind,
): void {
  if (runtime !== 'containers') return;
  const problems = enginesUsed(pipeline.manifest, parsed.scenario).flatMap((engine) => {
    const { program } = ENGINES[engine];
    if (program === null || hasImage(program)) return [];
    return [
      atValue(
        ['queries', 'engine'],
        `${engine} has no image, and the servers of this run are in containers: set stack: { runtime: processes }, or leave ${engine} out`,
      ),
    ];
  });
  if (problems.length > 0) throw scenarioProblems(parsed, parsed.file, problems);
}

/**
 * The servers of the pipelines that come with doorbuster, dependencies first: those of a stack for any of them, without
 * the servers that a stack has only on request.
 */
export function serversOfShipped(requested: readonly ServerName[] = []): readonly ServerName[] {
  const used = SHIPPED.flatMap((name) => {
    const pipeline = loadPipeline(name, packageRoot);
    return serversOf(pipeline, pipeline.manifest.engines);
  });
  return withNeeds([
    ...requested,
    ...used.filter((server) => !SERVERS_ON_REQUEST.includes(server)),
  ]);
}

function serversOf({ manifest }: Pipeline, used: readonly EngineKind[]): readonly ServerName[] {
  const { target, stages, engines, datasets } = manifest;
  const parts = [
    TARGETS[target],
    ...stages.map(runnerOf),
    observingEngine(engines),
    ...used.map((engine) => ENGINES[engine]),
    ...datasets.map(({ visibility }) => VISIBILITY_SOURCES[visibility]),
  ];
  return parts.flatMap(({ servers }) => servers);
}

/** Throws DoorbusterError (exit 2), with line and column in the scenario, for a fault of a server that the run does not use. */
export function refuseUnusedServers(
  parsed: ParsedScenario & { readonly file: string },
  pipeline: Pipeline,
): void {
  const used = serversUsed(pipeline, parsed.scenario);
  const fact = (server: string) =>
    `the pipeline ${pipeline.manifest.name} does not use ${server}; it uses ${used.join(', ') || 'no server'}`;
  const unused = parsed.scenario.faults
    .map((fault, i) => ({ ...fault, i }))
    .filter(({ server }) => !used.includes(server));
  const listed = unused.filter(({ drawn }) => !drawn);
  const drawn = new Set(unused.flatMap((fault) => (fault.drawn ? [fault.server] : [])));
  const problems = [
    ...listed.map(({ server, i }) => atValue(['faults', i, 'server'], fact(server))),
    ...[...drawn].map((server) => atKey(['random_faults', 'servers', server], fact(server))),
  ];
  if (problems.length > 0) throw scenarioProblems(parsed, parsed.file, problems);
}
