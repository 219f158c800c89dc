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

/** `short` is for a line of help, `about` for the reference. */
export const EXIT_MEANINGS: Readonly<
  Record<keyof typeof EXIT, { readonly short: string; readonly about: string }>
> = {
  pass: { short: 'pass', about: 'the command succeeded; of a run: every check passed' },
  badInput: {
    short: 'bad input',
    about:
      'a file, an option or this machine cannot be used as it is; the error names the next command',
  },
  stackBroke: {
    short: 'stack broke',
    about: 'a server, a job or the pipeline failed during the run',
  },
  checkFailed: {
    short: 'a check failed',
    about: 'FAIL: a check failed, or the tables lost, duplicated or falsified rows',
  },
  invalid: { short: 'invalid', about: 'INVALID: the harness may have shaped the numbers' },
  noData: { short: 'no data', about: 'NO_DATA: a check found nothing to judge' },
  ourBug: { short: 'internal error', about: 'a defect of doorbuster itself' },
  interrupted: { short: 'interrupted', about: 'ended by Ctrl-C or a signal; the record is kept' },
};

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/**
 * The verdict of a run. INVALID: the harness, not the pipeline, determined the numbers.
 * NO_DATA: a check found nothing to judge, which is never a pass.
 */
export const VERDICTS = ['PASS', 'FAIL', 'INVALID', 'NO_DATA'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** How a run ended that did not reach its end. */
export type Broken = 'interrupted' | 'stack-broke' | 'crashed';
