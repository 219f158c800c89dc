import { DoorbusterError, refusedByMachine, stackBroke } from '../../core/errors.ts';
import { type Broken, EXIT } from '../../core/exit-codes.ts';
import { RUN_FILES } from '../../record/folder.ts';
import type {
  AbortedEnd,
  BrokenEnd,
  CheckResult,
  CutShortEnd,
  MeasuredEnd,
  RunRecord,
} from '../../record/record.ts';
import { writeRecord } from '../../record/write.ts';

/** Ends a run with `--abort-on-fail`: these checks cannot pass any more. */
export class ChecksFailed extends Error {
  readonly results: readonly [CheckResult, ...CheckResult[]];

  constructor(results: readonly [CheckResult, ...CheckResult[]]) {
    const [{ text, reason }] = results;
    super(`${text}: ${reason}`);
    this.results = results;
  }
}

/** The parts of the record about the end of a run that did not complete. */
function failed(reason: unknown, interrupted: AbortSignal): BrokenEnd {
  const cause = refusedByMachine(reason, { exitCode: EXIT.stackBroke }) ?? reason;
  const outcome: Broken = interrupted.aborted
    ? 'interrupted'
    : cause instanceof DoorbusterError
      ? 'stack-broke'
      : 'crashed';
  const message = cause instanceof Error ? cause.message : String(cause);
  const exitCode = {
    interrupted: EXIT.interrupted,
    'stack-broke': EXIT.stackBroke,
    crashed: EXIT.ourBug,
  }[outcome];
  return {
    outcome,
    exitCode:
      cause instanceof DoorbusterError && outcome === 'stack-broke' ? cause.exitCode : exitCode,
    verdict: null,
    headline: {
      text: outcome === 'interrupted' ? 'the run was interrupted' : message,
      warnings: [],
    },
    failures:
      outcome === 'interrupted'
        ? []
        : [{ tMs: null, server: 'run', message, cause: causeOf(cause) }],
  };
}

/** Measurements of a run, with the reason if the run or its judging was cut short. */
export function endOfMeasured(
  measured: MeasuredEnd,
  cause: { readonly reason: unknown } | undefined,
  interrupted: AbortSignal,
): MeasuredEnd {
  if (cause === undefined && !interrupted.aborted) return measured;
  if (cause?.reason instanceof ChecksFailed && !interrupted.aborted) {
    return aborted(measured, cause.reason);
  }
  return cutShort(measured, failed(cause ? cause.reason : interrupted.reason, interrupted));
}

/**
 * The parts of the record about a run that ended with an exception: `cause` is what ended it, `error` what was thrown.
 * What had been judged by then is kept; so is the verdict, if only a later step failed, such as stopping the servers.
 */
export function endOfFailed(
  { judged }: { readonly judged: MeasuredEnd | null },
  { error, cause }: { readonly error: unknown; readonly cause: unknown },
  interrupted: AbortSignal,
): MeasuredEnd | BrokenEnd {
  // Without measurements nothing shows that a check failed.
  if (judged === null) return failed(cause instanceof ChecksFailed ? error : cause, interrupted);
  if (judged.outcome !== 'completed') return judged;
  const end = failed(error, interrupted);
  if (interrupted.aborted) return cutShort(judged, end);
  const text = `a step after the verdict failed: ${end.headline.text}`;
  const { headline } = judged;
  return {
    ...judged,
    headline: { ...headline, warnings: [...headline.warnings, text] },
    failures: end.failures,
  };
}

function aborted(measured: MeasuredEnd, { message, results }: ChecksFailed): AbortedEnd {
  return {
    ...measured,
    ...{ outcome: 'aborted', verdict: 'FAIL', exitCode: EXIT.checkFailed, failures: [] },
    checks: [...results],
    headline: { text: `stopped early: ${message}`, warnings: measured.headline.warnings },
  };
}

function cutShort(measured: MeasuredEnd, end: BrokenEnd): CutShortEnd {
  return { ...measured, ...end };
}

function causeOf(error: unknown): string | null {
  let innermost: string | null = null;
  for (let at = error; at instanceof Error && at.cause !== undefined; at = at.cause) {
    innermost = at.cause instanceof Error ? at.cause.message : String(at.cause);
  }
  return innermost;
}

/**
 * Writes the final record. If the disk is full, the first record stays, which is valid and `interrupted`; the
 * DoorbusterError (exit 3) then says how the run ended.
 */
export function writeFinalRecord(dir: string, record: RunRecord): void {
  try {
    writeRecord(dir, record);
  } catch (error) {
    if (!(error instanceof DoorbusterError)) throw error;
    const ended = `the run ended (${record.headline.text}), and its record could not be completed`;
    throw stackBroke(
      `${ended}: ${error.message}; ${RUN_FILES.record} says interrupted`,
      error.hint,
      error,
    );
  }
}
