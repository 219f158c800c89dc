import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

/** How many are named. */
const SLOWEST = 10;
/** Shorter durations are not listed, ms. */
const WORTH_TELLING_MS = 1_000;

interface Timed {
  readonly name: string;
  readonly ms: number;
}

/**
 * Names the slowest files and tests after a run, so that the author of a new one sees its cost. Listed
 * before vitest's own reporter, whose closing lines stay the last. Outside a terminal it prints the error of a failed test at
 * once: vitest does so at the end, which a run of half an hour that is cut off does not reach.
 *
 * Two things are not in vitest's json report: errors outside every test (a rejected promise that nothing
 * awaits), which fail the run, and tests that passed at their second attempt. A file named by the environment variable
 * TEST_NOTES_FILE gets both, for .ci/counts.
 */
export default class SlowestReporter implements Reporter {
  readonly #flaky: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    const flaky = test.diagnostic()?.flaky === true;
    if (state !== 'failed' && !flaky) return;
    const messages = (errors ?? []).map(({ stack, message }) => stack ?? message);
    const text = `${nameOf(test.module)} > ${test.fullName}\n${messages.join('\n')}\n`;
    if (flaky) this.#flaky.push(text);
    if (flaky || !process.stdout.isTTY) {
      process.stdout.write(`${flaky ? 'FAILED AT FIRST' : 'FAILED'} ${text}`);
    }
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const file = process.env.TEST_NOTES_FILE;
    const notes = { flaky: this.#flaky, unawaited: errors.map(described) };
    if (file) writeFileSync(file, JSON.stringify(notes));
    const files = modules.map((module) => ({
      name: nameOf(module),
      ms: module.diagnostic().duration + module.diagnostic().collectDuration,
    }));
    const tests = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => ({
        name: `${nameOf(module)} > ${test.fullName}`,
        ms: test.diagnostic()?.duration ?? 0,
      })),
    );
    const lines = [...slowest('files', files), ...slowest('tests', tests)];
    if (lines.length > 0) process.stdout.write(`\n${lines.join('\n')}\n`);
  }
}

const described = ({ stack, message, VITEST_TEST_NAME, VITEST_TEST_PATH }: SerializedError) =>
  `${stack ?? message}\nduring ${VITEST_TEST_PATH ?? 'no file'} > ${VITEST_TEST_NAME ?? 'no test'}`;

const nameOf = ({ project, relativeModuleId }: TestModule) => `${project.name} ${relativeModuleId}`;

function slowest(what: string, all: readonly Timed[]): readonly string[] {
  const worst = all
    .filter(({ ms }) => ms >= WORTH_TELLING_MS)
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST);
  if (worst.length === 0) return [];
  return [
    `The slowest ${what}:`,
    ...worst.map(({ name, ms }) => `  ${(ms / 1_000).toFixed(1).padStart(7)} s  ${name}`),
  ];
}
