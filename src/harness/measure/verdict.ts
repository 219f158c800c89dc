import { EXIT, type ExitCode, type Outcome, type Verdict } from '../../core/exit-codes.ts';
import type { CheckResult, Invalid, Regressions, TruthRecord } from '../../record/record.ts';

interface Judged {
  /** null: the run did not get far enough to be judged. */
  readonly verdict: Verdict | null;
  readonly exitCode: ExitCode;
}

/** What a run came to, in the order in which it is asked. */
export interface Findings {
  readonly outcome: Outcome;
  readonly truth: Pick<TruthRecord, 'lost' | 'duplicated' | 'wrong' | 'notJudged'> | null;
  /** null: no table promises a version. */
  readonly regressions: Pick<Regressions, 'count'> | null;
  readonly invalid: readonly Invalid[];
  readonly checks: readonly Pick<CheckResult, 'verdict'>[];
}

/**
 * Interrupted, broken, untrue, invalid, failed, no data, passed: the first that holds. Wrong data is
 * said even when the timing is not to be trusted, and whether or not a check asks for it: CONTRACT is
 * not a matter of speed.
 */
export function judgeRun({ outcome, truth, regressions, invalid, checks }: Findings): Judged {
  const some = (verdict: Verdict) => checks.some((check) => check.verdict === verdict);
  if (outcome === 'interrupted') return { verdict: null, exitCode: EXIT.interrupted };
  if (outcome === 'stack-broke') return { verdict: null, exitCode: EXIT.stackBroke };
  if (outcome === 'crashed') return { verdict: null, exitCode: EXIT.ourBug };
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
