import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { commitAt, environment, libraryVersion, sharedRuntime } from '../../record/environment.ts';
import type { RunFolder } from '../../record/folder.ts';
import type { UnmeasuredRecord } from '../../record/record.ts';
import { startedRecord } from '../../record/write.ts';
import type { KafkaClient } from '../../scenario/scenario.ts';
import { stockView } from '../../topology/dataset.ts';
import { datasetsOf, formatOf } from '../../topology/manifest.ts';
import { packageRoot } from '../entry.ts';
import type { Pipeline } from '../pipelines/load.ts';
import { recordingSection } from '../recording/record.ts';
import type { RunNamespace } from '../run-namespace.ts';
import type { ChosenStack, SharedStack } from '../shared-stack.ts';
import type { TrialOptions } from './trial-context.ts';

/** The record of a run that has just started. */
export function firstRecord(
  options: TrialOptions,
  {
    pipeline,
    place,
    chosen,
    folder,
    startedMs,
  }: {
    readonly pipeline: Pipeline;
    readonly place: RunNamespace;
    readonly chosen: ChosenStack;
    readonly folder: RunFolder;
    readonly startedMs: number;
  },
): UnmeasuredRecord {
  const { scenario, hash, text, overrides, file } = options.parsed;
  const { topicPrefix, namespace } = place;
  const own = resolve(options.baseDir, file);
  const client =
    pipeline.manifest.target === 'kafka' ? clientVersion(scenario.stack.kafkaClient) : {};
  return startedRecord({
    id: folder.id,
    scenario: {
      name: scenario.name,
      about: scenario.about,
      file,
      hash,
      // A shipped scenario is found by its path inside the package.
      commit: commitAt(existsSync(own) ? own : join(packageRoot, file)),
      text,
      overrides,
      recording: recordingSection(scenario),
    },
    seed: scenario.seed,
    startedAt: new Date(startedMs).toISOString(),
    environment: environment(
      chosen.kind === 'own'
        ? { runtime: chosen.runtime, versions: { ...options.artifacts.versions, ...client } }
        : // Another lane than a stack that is started for every run.
          {
            runtime: sharedRuntime(chosen.on.stack.runtime),
            versions: { ...versionsOf(chosen.on, options), ...client },
          },
    ),
    ...(chosen.kind === 'own'
      ? {}
      : { stack: { name: chosen.on.name, topicPrefix, namespace, kept: options.keep === true } }),
    pipeline: {
      name: pipeline.manifest.name,
      commit: commitAt(pipeline.dir),
      tier: pipeline.manifest.tier,
      headline: pipeline.manifest.headline,
      format: formatOf(pipeline.manifest, scenario),
      commitEveryMs: scenario.pipeline.commitEveryMs,
      parallelism: scenario.pipeline.parallelism,
      compaction: scenario.pipeline.compaction.by,
      stock: stockView(datasetsOf(pipeline.manifest, scenario.traffic))?.name ?? null,
      tableKeys: null,
    },
    reproduce: options.reproduce,
  });
}

const CLIENT_PACKAGES = {
  platformatic: '@platformatic/kafka',
  kafkajs: 'kafkajs',
} as const satisfies Record<KafkaClient, string>;

/** The library that produces the load: what an acknowledgement costs and how long it takes depends on it. */
function clientVersion(client: KafkaClient): Readonly<Record<string, string>> {
  const name = CLIENT_PACKAGES[client];
  return { [name]: libraryVersion(name) };
}

/** A persistent stack always has doorbuster's own versions; of external servers only some versions are known. */
function versionsOf({ stack }: SharedStack, { artifacts }: TrialOptions) {
  return stack.runtime === 'external' ? stack.versions : artifacts.versions;
}
