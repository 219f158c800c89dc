import { METRICS, type MetricKind, type MetricName } from '../core/metrics.ts';
import { parseCheck } from '../scenario/checks.ts';
import { type Problem, suggest } from '../scenario/problems.ts';
import type { Check } from '../scenario/scenario.ts';
import { carriesStream, type Dataset } from './dataset.ts';

/**
 * Datasets that a check names. `staleness(stock)` names a dataset; `staleness(inventory)` means every dataset that
 * carries that stream, if no dataset has its name. `files(stock)` counts the files of one table, and takes no stream.
 */

/** Kind of name in the parentheses of a check's metric. */
function kindOf({ metric }: Check): MetricKind['of'] {
  return METRICS[metric as MetricName].of;
}

/** The datasets that a check names; null: its metric has no value per dataset. */
function namedBy(check: Check, datasets: readonly Dataset[]): readonly Dataset[] | null {
  const { of } = check;
  const kind = kindOf(check);
  if (kind !== 'dataset' && kind !== 'table') return null;
  const known = kind === 'table' ? datasets : datasets.filter(carriesStream);
  const own = known.filter(({ name }) => name === of);
  if (own.length > 0 || kind === 'table') return own;
  return known.filter(({ carries }) => carries === of);
}

/**
 * The checks of a scenario on the datasets of a run: one that names a stream which several datasets carry becomes a
 * check on each of them, and all of these have to hold.
 */
export function checksPerDataset(
  checks: readonly Check[],
  datasets: readonly Dataset[],
): readonly Check[] {
  return checks.flatMap((check) => {
    const named = namedBy(check, datasets);
    if (named === null || named.length === 0) return [check];
    return named.map(({ name }) => ({
      ...check,
      of: name,
      text: named.length === 1 ? check.text : `${check.text} [${name}]`,
    }));
  });
}

/** The checks that name no dataset of the run, each with its position in the scenario. */
export function unknownDatasets(
  checks: readonly Check[],
  datasets: readonly Dataset[],
): readonly Problem[] {
  return checks.flatMap((check, i) => {
    if (namedBy(check, datasets)?.length !== 0) return [];
    const parsed = parseCheck(check.text);
    const word = parsed.kind === 'check' ? parsed.check.of : null;
    const span = { from: word?.from ?? 0, length: word?.text.length ?? check.text.length };
    return [{ path: ['checks', i], at: 'value', message: unknown(check, datasets), span }];
  });
}

function unknown(check: Check, datasets: readonly Dataset[]): string {
  const { metric, of } = check;
  const takesStream = kindOf(check) === 'dataset';
  const carrying = datasets.filter(({ carries }) => carries === of).map(({ name }) => name);
  if (carrying.length > 0) {
    const instead = carrying.map((name) => `${metric}(${name})`).join(' or ');
    return `no dataset "${of}" in this pipeline: ${of} is carried by ${carrying.join(', ')}, so write ${instead}`;
  }
  const known = datasets
    .filter((one) => !takesStream || carriesStream(one))
    .flatMap(({ name, carries }) => (takesStream ? [name, carries] : [name]));
  return `no dataset "${of}" in this pipeline: ${suggest(of ?? '', [...new Set(known)])}`;
}
