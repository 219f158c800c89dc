import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { locateArtifacts } from '../../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { readLock } from '../../src/harness/setup/lock.ts';
import { archiveFolder, withClassArchive } from '../../src/harness/stack/class-archives.ts';
import type { Command } from '../../src/harness/stack/components/component.ts';

let base: string;
/** A short-lived JVM of the stack: Kafka's own tool that makes up an id. */
let tool: Command;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'doorbuster-classes-'));
  const home = process.env.JAVA_HOME;
  tool = {
    program: home ? join(home, 'bin', 'java') : 'java',
    args: [
      ...['-XX:+UseSerialGC', '-cp', locateArtifacts(defaultCacheDir(), readLock()).kafkaClasspath],
      ...['kafka.tools.StorageTool', 'random-uuid'],
    ],
    env: {},
  };
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

function folders(name: string) {
  const scratch = join(base, name, 'scratch');
  mkdirSync(scratch, { recursive: true });
  return archiveFolder(join(base, name, 'archives'), scratch);
}

/** Runs it and gives how many of its classes came out of an archive of ours. */
function sharedClasses({ program, args }: Command): number {
  const log = join(base, 'classes.log');
  const said = execFileSync(program, [`-Xlog:class+load:file=${log}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  expect(said.trim()).toMatch(/^[\w-]{22}$/);
  return readFileSync(log, 'utf8').match(/source: shared objects file \(top\)/g)?.length ?? 0;
}

test('the second JVM of a kind takes its classes from what the first has left', async () => {
  const where = folders('second');
  const first = withClassArchive('kafka', tool, where);
  expect(first.writes).toBe(true);
  expect(sharedClasses(first.command)).toBe(0);
  await first.keep();
  const second = withClassArchive('kafka', tool, where);
  expect(second.writes).toBe(false);
  expect(sharedClasses(second.command)).toBeGreaterThan(300);
});

test('what is not kept is not there for the next', async () => {
  const where = folders('dropped');
  sharedClasses(withClassArchive('kafka', tool, where).command);
  expect(withClassArchive('kafka', tool, where).writes).toBe(true);
});

test('another collector is another archive, and keeping it removes the former', async () => {
  const where = folders('collector');
  const other = { ...tool, args: ['-XX:+UseParallelGC', ...tool.args.slice(1)] };
  for (const command of [tool, other]) {
    const archived = withClassArchive('kafka', command, where);
    expect(archived.writes).toBe(true);
    sharedClasses(archived.command);
    await archived.keep();
  }
  expect(readdirSync(where.dir)).toHaveLength(1);
  expect(withClassArchive('kafka', other, where).writes).toBe(false);
});

test('a damaged archive, or a folder that cannot be written to, does not prevent a start', async () => {
  const where = folders('damaged');
  const first = withClassArchive('kafka', tool, where);
  sharedClasses(first.command);
  await first.keep();
  const [archive] = readdirSync(where.dir) as [string];
  const path = join(where.dir, archive);
  const whole = readFileSync(path);
  rmSync(path);
  writeFileSync(path, whole.subarray(0, whole.length / 2));
  expect(sharedClasses(withClassArchive('kafka', tool, where).command)).toBe(0);

  const blocked = folders('blocked');
  writeFileSync(blocked.dir, 'a file where the folder should be');
  const unkept = withClassArchive('kafka', tool, blocked);
  sharedClasses(unkept.command);
  await unkept.keep();
  expect(withClassArchive('kafka', tool, blocked).writes).toBe(true);
});

test('an archive of the right size with a damaged page does not prevent a start', async () => {
  const where = folders('rotten');
  const first = withClassArchive('kafka', tool, where);
  sharedClasses(first.command);
  await first.keep();
  const path = join(where.dir, readdirSync(where.dir)[0] as string);
  const whole = readFileSync(path);
  rmSync(path);
  for (const share of [0, 0.0001, 0.3, 0.9]) {
    const bytes = Buffer.from(whole);
    const from = Math.floor(bytes.length * share);
    // As a machine leaves it that lost its power before the disk had caught up.
    bytes.fill(0, from, from + 65_536);
    writeFileSync(path, bytes);
    const { command } = withClassArchive('kafka', tool, where);
    expect(command.args[0], `damaged at ${share}`).toContain(path);
    expect(sharedClasses(command), `damaged at ${share}`).toBe(0);
  }
});

test('a JVM that may not write leaves nothing behind as it ends, and reads what there is', async () => {
  const where = folders('restarted');
  const unwritten = withClassArchive('kafka', tool, where, false);
  expect(unwritten).toMatchObject({ command: tool, writes: false, fromArchive: false });
  const first = withClassArchive('kafka', tool, where);
  sharedClasses(first.command);
  await first.keep();
  const reads = withClassArchive('kafka', tool, where, false);
  expect(reads).toMatchObject({ writes: false, fromArchive: true });
});

test('a program without a class path is left as it is', () => {
  const minio: Command = { program: 'minio', args: ['server', 'data'], env: {} };
  const same = withClassArchive('minio', minio, folders('minio'));
  expect(same).toMatchObject({ command: minio, writes: false });
});

test('the gateway of Flink has none on another Java than 17', () => {
  const gateway: Command = { program: 'java', args: ['-cp', 'flink.jar', 'Gateway'], env: {} };
  const on = (version: string) => ({
    ...folders('gateway'),
    javaBuild: () => `IMPLEMENTOR="Debian"\nJAVA_VERSION="${version}"\n`,
  });
  expect(withClassArchive('flink-gateway', gateway, on('17.0.15')).writes).toBe(true);
  for (const version of ['21.0.9', '170', '25']) {
    const same = withClassArchive('flink-gateway', gateway, on(version));
    expect(same).toMatchObject({ command: gateway, writes: false });
    expect(same.fromArchive).toBeUndefined();
    expect(withClassArchive('flink-jobmanager', gateway, on(version)).writes).toBe(true);
  }
});
