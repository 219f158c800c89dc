import { expect, test } from 'vitest';
import { VirtualClock } from '../../../../test/support/virtual-clock.ts';
import type { ConnectorStatus, ConnectState } from '../../clients/connect-rest.ts';
import { troubleOf, watchConnectors } from './watch-connectors.ts';

function status(state: ConnectState, ...tasks: readonly ConnectState[]): ConnectorStatus {
  const failure = (its: ConnectState) => (its === 'FAILED' ? 'NumberFormatException: "n/a"' : null);
  return {
    ...{ name: 'pos', state, failure: failure(state) },
    tasks: tasks.map((one, id) => ({ id, state: one, failure: failure(one) })),
  };
}

test.each<[string, ConnectorStatus | undefined, string | null, boolean?]>([
  ['works', status('RUNNING', 'RUNNING', 'RUNNING'), null],
  ['is not there', undefined, 'pos is unknown to Connect', true],
  ['has failed', status('FAILED'), 'pos is FAILED: NumberFormatException: "n/a"', true],
  [
    'says that it runs, and no task does',
    status('RUNNING', 'FAILED', 'FAILED'),
    'pos says RUNNING, and all tasks FAILED: NumberFormatException: "n/a"',
    true,
  ],
  [
    'has lost one of its tasks',
    status('RUNNING', 'RUNNING', 'FAILED'),
    'pos says RUNNING, and 1 of 2 tasks FAILED: NumberFormatException: "n/a"',
    true,
  ],
  ['has no task yet', status('RUNNING'), 'pos is RUNNING, without tasks', false],
  [
    'waits for a worker',
    status('UNASSIGNED', 'RUNNING', 'UNASSIGNED'),
    'pos is UNASSIGNED, task 1 UNASSIGNED',
    false,
  ],
])('a connector that %s', (_, seen, text, failed) => {
  expect(troubleOf('pos', seen)).toEqual(text === null ? null : { text, failed });
});

/** Watches answers that come one after the other, the last one for ever; resolves when they have all been given. */
async function watched(
  answers: readonly (readonly ConnectorStatus[] | Error)[],
  fault: (given: number) => boolean = () => false,
) {
  using clock = new VirtualClock(0);
  let given = 0;
  const watching = watchConnectors(
    {
      rest: {
        async statuses() {
          const answer = answers[Math.min(given++, answers.length - 1)];
          if (answer instanceof Error) throw answer;
          return answer as readonly ConnectorStatus[];
        },
      },
      clock,
      names: ['pos'],
      done: () => given >= 200,
      underDeclaredFault: () => fault(given),
    },
    new AbortController().signal,
  );
  return await watching;
}

test('a failed task ends the run at once, and one that does not run for long after a while', async () => {
  await expect(watched([[status('RUNNING', 'RUNNING')]])).resolves.toBeUndefined();
  await expect(watched([[status('RUNNING', 'FAILED')]])).rejects.toThrow(
    'connector pos says RUNNING, and all tasks FAILED',
  );
  await expect(watched([[status('RUNNING', 'UNASSIGNED')]])).rejects.toThrow(
    'connector pos is RUNNING, task 0 UNASSIGNED',
  );
  await expect(watched([new Error('refused')])).rejects.toThrow('has not answered for 3');
});

test('what lasts no longer than a declared fault does not count', async () => {
  const fault = (given: number) => given < 150;
  const broken = Array.from({ length: 140 }, () => new Error('refused'));
  const unassigned = [[status('RUNNING', 'UNASSIGNED')], [status('RUNNING', 'UNASSIGNED')]];
  const healthy = [status('RUNNING', 'RUNNING')];
  await expect(watched([...broken, ...unassigned, healthy], fault)).resolves.toBeUndefined();
});
