import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock as clock } from '../../src/core/clock.ts';
import { EXIT } from '../../src/core/exit-codes.ts';
import { freePort } from '../../src/harness/stack/ports.ts';
import { readRecord } from '../../src/record/read.ts';
import { aloneFolder } from '../support/alone.ts';
import { runIn, startDoorbuster } from '../support/doorbuster.ts';

/** The metrics of a run while it goes on, through the built binary; the pipeline needs no server. */

const dir = aloneFolder('metrics', {
  long: {
    commitEvery: '500ms',
    phases: ['{ name: load, for: 10m }'],
    // The first cannot be met by any commit; the second is decided at the end.
    checks: ['staleness(inventory).max during load < 1ms', 'lost == 0'],
  },
});

test('a run serves its metrics until it ends, by Ctrl-C too; a taken port stops another one before it starts', async () => {
  const port = await freePort(new Set());
  const url = `http://127.0.0.1:${port}/metrics`;
  const running = startDoorbuster(dir, 'run', 'long.yaml', '--metrics', `:${port}`);
  const read = () =>
    fetch(url).then(
      (answer) => answer.text(),
      () => '',
    );
  let text = '';
  const known = [
    /_staleness_p99_seconds\{dataset="\w+"\} \d/,
    /_acknowledged_events_total [1-9]/,
    /_backlog_changes\{dataset="\w+"\} \d/,
    /_age_seconds\{dataset="\w+"\} \d/,
    /_check\{check="staleness\(inventory\)[^"]*",state="failed"\} 1/,
  ];
  while (!known.every((one) => one.test(text))) {
    expect(running.child.exitCode, running.said()).toBeNull();
    await clock.sleep(200);
    text = await read();
  }
  expect(text).toContain('doorbuster_phase{phase="load"} 1');
  expect(text).toContain('doorbuster_check{check="lost == 0",state="pending"} 1');
  expect(text).toContain('doorbuster_verdict{state="failed"} 1');
  // It is shown, and ends nothing: that is --abort-on-fail.
  expect(running.child.exitCode).toBeNull();
  expect(running.said()).toContain(url);

  const second = startDoorbuster(
    dir,
    ...['run', 'long.yaml', '--results', 'other', '--metrics', `:${port}`],
  );
  expect(await second.ended, second.said()).toBe(EXIT.badInput);
  expect(second.said()).toContain(`cannot serve metrics on 127.0.0.1:${port}`);
  expect(runIn(join(dir, 'other'))).toBeUndefined();

  running.child.kill('SIGINT');
  expect(await running.ended, running.said()).toBe(EXIT.interrupted);
  expect(readRecord(runIn(join(dir, 'results')) as string).outcome).toBe('interrupted');
  await expect(fetch(url)).rejects.toThrow();
}, 180_000);
