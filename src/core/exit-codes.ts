/** Every exit code of doorbuster. They are API: CI jobs branch on them. */
export const EXIT = {
  pass: 0,
  badInput: 2,
  stackBroke: 3,
  checkFailed: 4,
  invalid: 5,
  noData: 6,
  ourBug: 70,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * What a run comes to. INVALID: the harness, not the pipeline, shaped the numbers.
 * NO_DATA: a check found nothing to judge, which is never a pass.
 */
export type Verdict = 'PASS' | 'FAIL' | 'INVALID' | 'NO_DATA';

/** How a run ended, whatever its verdict. */
export type Outcome = 'completed' | 'interrupted' | 'stack-broke' | 'crashed';
