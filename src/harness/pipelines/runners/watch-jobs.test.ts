import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../../core/clock.ts';
import { flinkRest } from '../../clients/flink-rest.ts';
import { watchJobs } from './watch-jobs.ts';

/** The machine's clock with every second a twentieth as long. */
const hasty: Clock = {
  nowMs: systemClock.nowMs,
  monotonicMs: () => systemClock.monotonicMs() * 20,
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
};

function watching(
  port: number,
  signal = new AbortController().signal,
  underDeclaredFault = () => false,
): Promise<void> {
  const rest = flinkRest(`http://127.0.0.1:${port}`, hasty);
  const jobs = [{ name: 'pos', jobId: 'a'.repeat(32) }] as const;
  return watchJobs({ rest, clock: hasty, jobs, done: () => false, underDeclaredFault }, signal);
}

/** A port on which connections are taken and nothing is ever said: a JobManager that was stopped. */
async function mute() {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  };
}

const unanswered = {
  exitCode: 3,
  message: expect.stringMatching(
    /^flink-jobmanager has not answered for 3\d s \(limit 30 s\), although its process runs$/,
  ),
};

// Nearly all of it is waiting: side by side.
describe.concurrent('watching', () => {
  test('a JobManager that takes connections and never answers ends the run', async () => {
    using jobManager = await mute();
    await expect(watching(jobManager.port)).rejects.toMatchObject(unanswered);
  });

  test('so does one that is gone, should the stack not have said so by then', async () => {
    const { port } = await (async () => {
      using gone = await mute();
      return { port: gone.port };
    })();
    await expect(watching(port)).rejects.toMatchObject(unanswered);
  });

  test('a declared fault excuses its silence for as long as it lasts', async () => {
    using jobManager = await mute();
    let underDeclaredFault = true;
    let ended = false;
    const watched = watching(jobManager.port, undefined, () => underDeclaredFault).finally(() => {
      ended = true;
    });
    watched.catch(() => undefined);
    // Twice as long as the limit, on this clock.
    await hasty.sleep(60_000);
    expect(ended).toBe(false);
    underDeclaredFault = false;
    await expect(watched).rejects.toMatchObject(unanswered);
  });

  test('and a job that restarts, but not one that has failed', async () => {
    let state = 'RESTARTING';
    const server = createHttpServer((request, response) => {
      const job = { jid: 'a'.repeat(32), name: 'pos', state, tasks: { running: 0, total: 1 } };
      if (request.url === '/jobs/overview') response.end(JSON.stringify({ jobs: [job] }));
      else response.end(JSON.stringify({ exceptionHistory: { entries: [] } }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    using _closing = { [Symbol.dispose]: () => void server.close().closeAllConnections() };
    const { port } = server.address() as AddressInfo;
    await expect(watching(port)).rejects.toThrow('has been RESTARTING repeatedly for');
    const watched = watching(port, undefined, () => true);
    let ended = false;
    watched.catch(() => {
      ended = true;
    });
    await hasty.sleep(20_000);
    expect(ended).toBe(false);
    state = 'FAILED';
    await expect(watched).rejects.toThrow('is FAILED');
  });

  test('an abort does not wait for an answer', async () => {
    using jobManager = await mute();
    const enough = new AbortController();
    const watched = watching(jobManager.port, enough.signal);
    await systemClock.sleep(50);
    enough.abort();
    await watched;
  });

  test('a JobManager that does not answer for the cause of a failure is not awaited', async () => {
    const server = createHttpServer((request, response) => {
      const failed = {
        jid: 'a'.repeat(32),
        name: 'pos',
        state: 'FAILED',
        tasks: { running: 0, total: 1 },
      };
      if (request.url === '/jobs/overview') response.end(JSON.stringify({ jobs: [failed] }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    using _closing = { [Symbol.dispose]: () => server.closeAllConnections() };
    await expect(watching((server.address() as AddressInfo).port)).rejects.toMatchObject({
      exitCode: 3,
      message: 'Flink job pos is FAILED: Flink gave no cause',
    });
    server.close();
  });
});
