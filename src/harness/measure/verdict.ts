import { EXIT, type ExitCode, type Verdict } from '../../core/exit-codes.ts';
import type { CheckResult, Invalid, Regressions, TruthRecord } from '../../record/record.ts';

interface Judged {
  readonly verdict: Verdict;
  readonly exitCode: ExitCode;
}

/** What a run that got to its end came to, in the order in which it is asked. */
export interface Findings {
  readonly truth: Pick<TruthRecord, 'lost' | 'duplicated' | 'wrong' | 'notJudged'> | null;
  /** null: no table promises a version. */
  readonly regressions: Pick<Regressions, 'count'> | null;
  readonly invalid: readonly Invalid[];
  readonly checks: readonly Pick<CheckResult, 'verdict'>[];
}

/**
 * Untrue, invalid, failed, no data, passed: the first that holds. Wrong data is
 * said even when the timing is not to be trusted, and whether or not a check asks for it: CONTRACT is
 * not a matter of speed.
 */
export function judgeRun({ truth, regressions, invalid, checks }: Findings): Judged {
  const some = (verdict: Verdict) => checks.some((check) => check.verdict === verdict);
  const { lost = 0, duplicated = 0, wrong = 0, notJudged = [] } = truth ?? {};
  if (lost + duplicated + wrong + (regressions?.count ?? 0) > 0) {
    return { verdict: 'FAIL', exitCode: EXIT.checkFailed };
  }
  if (invalid.length > 0) return { verdict: 'INVALID', exitCode: EXIT.invalid };
  if (some('FAIL')) return { verdict: 'FAIL', exitCode: EXIT.checkFailed };
  // Tables that nobody could hold against CONTRACT may hold anything.
  if (notJudged.length > 0 || some('NO_DATA')) return { verdict: 'NO_DATA', exitCode: EXIT.noData };
  return { verdict: 'PASS', exitCode: EXIT.pass };
}
