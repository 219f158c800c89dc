import type { KeyProblem } from '../scenario/yaml-file.ts';
import type { Dataset } from './dataset.ts';
import type { StageUse } from './stages.ts';

/** A dataset of `pipeline.yaml`, as far as a sink of Kafka Connect has requirements. */
type SinkDataset = Pick<Dataset, 'semantics' | 'visibility' | 'columns'> & {
  readonly copies: 'dropped' | 'kept';
};

/** What a pipeline with Kafka Connect declares that its sink does not do. */
export function sinkMismatches({
  stages,
  datasets,
}: {
  readonly stages: readonly StageUse[];
  readonly datasets: Readonly<Record<string, SinkDataset>>;
}): readonly KeyProblem[] {
  if (!stages.some(({ run }) => run === 'kafka-connect')) return [];
  const problems: KeyProblem[] = Object.entries(datasets).flatMap(([name, one]) =>
    mismatchesOf(one).map((message) => ({ path: ['datasets', name], message })),
  );
  if (stages.length > 1) {
    const message = 'kafka-connect fills every dataset: it is the only stage';
    problems.push({ path: ['stages'], message });
  }
  return problems;
}

function mismatchesOf({ semantics, copies, visibility, columns }: SinkDataset): readonly string[] {
  return [
    ...(semantics === 'upsert'
      ? ['the sink of kafka-connect appends and does not upsert: write semantics: ledger']
      : []),
    ...(copies === 'dropped'
      ? ['the sink of kafka-connect drops no copies: write copies: kept']
      : []),
    ...(visibility === 'iceberg'
      ? []
      : ['the sink of kafka-connect fills tables of Iceberg alone']),
    ...(Object.keys(columns).length === 0
      ? []
      : ['the sink of kafka-connect keeps the columns under their own names: leave columns out']),
  ];
}

/** The load of a pipeline with Debezium goes to the database that it reads, before every other stage. */
export function captureMismatches({
  target,
  stages,
}: {
  readonly target: string;
  readonly stages: readonly StageUse[];
}): readonly KeyProblem[] {
  const at = stages.findIndex(({ run }) => run === 'debezium');
  if (target === 'postgres' && at !== 0) {
    const message =
      'nothing reads what target: postgres is sent: write { run: debezium } as the first of stages';
    return [{ path: ['stages'], message }];
  }
  if (target !== 'postgres' && at >= 0) {
    const message = 'debezium reads the database that the load is sent to: write target: postgres';
    return [{ path: ['stages', at], message }];
  }
  return [];
}
