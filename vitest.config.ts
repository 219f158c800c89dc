import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Projects by what they need: `unit` and `slow` need nothing, `integration` needs the real servers, `e2e` runs the
 * built binary. They run in that order, the last two with two files at a time: they share two cores, and most of the
 * integration files share one stack (test/support/shared-stack.ts). `slow` has the unit tests of seconds of CPU (properties
 * over many random inputs, exhaustive lists), so that `npm run check` stays short.
 */

/** Whether or not a container engine answers, what is tested is what was asked for. */
const env = { DOORBUSTER_RUNTIME: process.env.DOORBUSTER_TEST_RUNTIME ?? 'processes' };

/** Where tests without servers make their temporary folders: what one leaves behind goes when vitest ends. */
const temporary = mkdtempSync(join(tmpdir(), 'doorbuster-vitest-'));
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));

/**
 * The machines of CI are shared: what fails there is tried once more. A test that then passes is named with the error
 * of its first attempt, in the output and at its end.
 */
const again = { retry: process.env.CI === 'true' ? 1 : 0 } as const;

const SLOW = 'src/**/*.slow.test.ts';
/** What needs no servers runs on all cores. */
const pure = {
  env: { TMPDIR: temporary },
  sequence: { groupOrder: 0 },
  // Small files in one process each would spend more on starting than on testing.
  isolate: false,
  maxWorkers: '100%',
  // Facts, not speeds: other work may share the machine.
  testTimeout: 60_000,
  hookTimeout: 60_000,
} as const;

export default defineConfig({
  test: {
    reporters: ['./test/slowest-reporter.ts', 'default'],
    // The shared stack ends with its last server.
    teardownTimeout: 60_000,
    projects: [
      {
        test: {
          name: 'unit',
          ...pure,
          include: ['src/**/*.test.ts', 'test/tidy/**/*.test.ts', 'test/golden/**/*.test.ts'],
          exclude: [SLOW],
        },
      },
      { test: { name: 'slow', ...pure, include: [SLOW] } },
      {
        test: {
          name: 'integration',
          env,
          ...again,
          sequence: { groupOrder: 1 },
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/stack-setup.ts'],
          // A test on the shared stack waits for commits half of its time: two files share the machine.
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'e2e',
          env,
          ...again,
          sequence: { groupOrder: 2 },
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/stack-setup.ts'],
          // A run waits for servers, for its phases and for its drain.
          maxWorkers: 2,
          // Of tests of a file that may run side by side: each has servers of its own.
          maxConcurrency: 2,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
