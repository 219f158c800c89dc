import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { trinoJava } from './trino-java.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-java-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A folder that looks like an installed Java. */
function install(name: string, version: string): string {
  const home = join(dir, name);
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin/java'), '');
  writeFileSync(join(home, 'release'), `IMPLEMENTOR="X"\nJAVA_VERSION="${version}"\n`);
  return home;
}

test('the first Java that is new enough is used, and none if all are older', () => {
  install('java-17', '17.0.15');
  mkdirSync(join(dir, 'empty'));
  expect(trinoJava({}, [dir, join(dir, 'missing')])).toBeNull();
  const newer = install('temurin-25', '25.0.3');
  install('java-26', '26');
  expect(trinoJava({}, [dir])).toBe(join(dir, 'java-26/bin/java'));
  rmSync(join(dir, 'java-26'), { recursive: true });
  expect(trinoJava({ JAVA_HOME: join(dir, 'java-17') }, [dir])).toBe(join(newer, 'bin/java'));
});

test('JAVA_HOME comes before the installed ones, and TRINO_JAVA_HOME before both', () => {
  const installed = join(dir, 'installed');
  install('installed/java-25', '25.0.3');
  const home = install('own', '25.0.1');
  expect(trinoJava({ JAVA_HOME: home }, [installed])).toBe(join(home, 'bin/java'));
  const old = install('old', '17.0.15');
  // What is named is used; the check of its version says that it is too old.
  expect(trinoJava({ JAVA_HOME: home, TRINO_JAVA_HOME: old }, [installed])).toBe(
    join(old, 'bin/java'),
  );
});

test('on macOS it is two folders deeper', () => {
  const home = install('temurin-25.jdk/Contents/Home', '25.0.3');
  expect(trinoJava({}, [dir])).toBe(join(home, 'bin/java'));
});
