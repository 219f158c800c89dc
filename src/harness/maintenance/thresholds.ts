import type { AmoroRule, AutoCompRule } from '../../scenario/scenario.ts';

/** The live files of a table, as far as the rules of Amoro and AutoComp know them. */
export interface FileSizes {
  /** Size of each data file, bytes. */
  readonly dataBytes: readonly number[];
  readonly equalityDeletes: number;
}

/** Share of the target size up to which Amoro calls a file a fragment (`self-optimizing.fragment-ratio`: 8). */
const FRAGMENT = 1 / 8;
/** Share of the target size up to which a larger file is undersized (`self-optimizing.min-target-size-ratio`). */
const UNDERSIZED = 0.75;

/**
 * Whether Amoro would optimize a table, and how, after its CommonPartitionEvaluator. Minor: fragments and equality-delete
 * files together are at least `minorFiles`, or more than one when `minorIntervalMs` has passed since the last
 * time. Major: the undersized files hold a whole target, and the two smallest fit into one. The table counts as one
 * partition. What Amoro decides by position deletes is left out: the census does not know the data file of each. So is
 * the full kind, which is off by default.
 */
export function amoroKind(
  { dataBytes, equalityDeletes }: FileSizes,
  { targetBytes, minorFiles, minorIntervalMs }: AmoroRule,
  sinceLastMs: number,
): 'minor' | 'major' | null {
  const fragments = dataBytes.filter((bytes) => bytes <= targetBytes * FRAGMENT).length;
  const undersized = dataBytes
    .filter((bytes) => bytes > targetBytes * FRAGMENT && bytes <= targetBytes * UNDERSIZED)
    .toSorted((a, b) => a - b);
  const [least = Infinity, next = Infinity] = undersized;
  if (sum(undersized) >= targetBytes && least + next <= targetBytes) return 'major';
  const small = fragments + equalityDeletes;
  if (small >= minorFiles || (small > 1 && sinceLastMs > minorIntervalMs)) return 'minor';
  return null;
}

/** Share of the target size below which AutoComp counts a file as small: Iceberg's own limit for a rewrite. */
const SMALL = 0.75;
/** What OpenHouse assumes of a rewrite: bytes per second, the memory of its executors, and a start, in GB·h. */
const REWRITTEN_BYTES_PER_S = 2 * 2 ** 20;
const EXECUTOR_GB = 2;
const STARTUP_GB_HOURS = 0.5;

/**
 * The score that AutoComp gives a rewrite of a table, after OpenHouse's data layout strategy: by how many files their number
 * falls, per GB·h of compute, both estimated from the sizes of the small files. AutoComp ranks tables by it, and
 * rewrites from the top; of one table alone, only a limit on the score is left of that.
 */
export function autoCompScore(
  { dataBytes }: Pick<FileSizes, 'dataBytes'>,
  { targetBytes }: Pick<AutoCompRule, 'targetBytes'>,
): number {
  const small = dataBytes.filter((bytes) => bytes < targetBytes * SMALL);
  const bytes = sum(small);
  const gain = Math.max(0, small.length - Math.ceil(bytes / targetBytes));
  const hours = bytes / REWRITTEN_BYTES_PER_S / 3_600;
  return gain / (hours * EXECUTOR_GB + STARTUP_GB_HOURS);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
