import { EXIT, type ExitCode, type Verdict } from '../../core/exit-codes.ts';
import type { CheckResult, Invalid, Regressions, TruthRecord } from '../../record/record.ts';

interface JudgedRun {
  readonly verdict: Verdict;
  readonly exitCode: ExitCode;
}

/** Findings of a run that reached its end, in the order in which they decide the verdict. */
export interface Findings {
  readonly truth: Pick<TruthRecord, 'lost' | 'duplicated' | 'wrong' | 'notJudged'> | null;
  /** null: no table promises a version. */
  readonly regressions: Pick<Regressions, 'count'> | null;
  readonly invalid: readonly Invalid[];
  readonly checks: readonly Pick<CheckResult, 'verdict'>[];
}

/**
 * The first that applies: wrong data, invalid, failed check, no data, passed. Wrong data fails a run even if
 * its timing is invalid and no check asks for it, because CONTRACT does not depend on timing.
 */
export function judgeRun({ truth, regressions, invalid, checks }: Findings): JudgedRun {
  const some = (verdict: Verdict) => checks.some((check) => check.verdict === verdict);
  const { lost = 0, duplicated = 0, wrong = 0, notJudged = [] } = truth ?? {};
  if (lost + duplicated + wrong + (regressions?.count ?? 0) > 0) {
    return { verdict: 'FAIL', exitCode: EXIT.checkFailed };
  }
  if (invalid.length > 0) return { verdict: 'INVALID', exitCode: EXIT.invalid };
  if (some('FAIL')) return { verdict: 'FAIL', exitCode: EXIT.checkFailed };
  // A table that was not compared with CONTRACT may contain anything.
  if (notJudged.length > 0 || some('NO_DATA')) return { verdict: 'NO_DATA', exitCode: EXIT.noData };
  return { verdict: 'PASS', exitCode: EXIT.pass };
}
