import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../entry.ts';
import { sourcesDigest } from './fetch-java.ts';
import {
  entryDigest,
  type LockedJavaBuild,
  lockedArtifact,
  parseLock,
  readLock,
  type StackLock,
} from './lock.ts';

const lock = readLock();

/** The lock's text after a change to its parsed form. */
function changed(change: (draft: { artifacts: Record<string, unknown>[] }) => void): string {
  const draft = structuredClone(lock) as unknown as { artifacts: Record<string, unknown>[] };
  change(draft);
  return JSON.stringify(draft);
}

describe('the stack lock', () => {
  it('pins everything a run needs', () => {
    expect(
      lock.artifacts.map(({ name, version }) => `${name} ${version.split('+')[0]}`).sort(),
    ).toMatchInlineSnapshot(`
      [
        "catalog 1.11.0",
        "connect 4.3.1",
        "connect-debezium 3.7.0.Final",
        "connect-iceberg 1.12.0",
        "duckdb-extensions 1.5.5",
        "flink 2.1.3",
        "flink-functions 2.1.3",
        "flink-sql 2.1.3",
        "kafka 4.3.1",
        "lakehouse 1.11.0",
        "minio 0.0.0-20260212201848-7aac2a2c5b7c",
        "spark 4.1.4",
        "spark-iceberg 1.12.0",
        "spark-kafka 4.1.3",
        "trino 483",
        "trino-iceberg 483",
      ]
    `);
  });

  it('lists every root of a Maven group among its jars, and no jar twice', () => {
    for (const artifact of lock.artifacts) {
      if (artifact.kind !== 'maven') continue;
      const jars = artifact.jars.map((jar) => jar.maven);
      expect(jars).toEqual(expect.arrayContaining([...artifact.roots]));
      expect(new Set(artifact.jars.map((jar) => jar.file)).size).toBe(artifact.jars.length);
    }
  });

  it('names the Java sources of this package, and the version that they are compiled against', () => {
    const built = lockedArtifact(lock, 'flink-functions') as LockedJavaBuild;
    const digest = sourcesDigest(join(packageRoot, built.sources)).slice(0, 12);
    // After a change of the sources, this is the version to put into stack.lock.json.
    expect(built.version).toBe(`${lockedArtifact(lock, built.classpath).version}+${digest}`);
    const orphan = changed((draft) => {
      draft.artifacts = draft.artifacts.filter(({ name }) => name !== 'flink');
    });
    expect(() => parseLock(orphan, 'stack.lock.json')).toThrow(
      'stack.lock.json: the class path of flink-functions is no artifact of it',
    );
  });

  it('names packages, not the hosts they come from', () => {
    expect(JSON.stringify(lock).includes('://')).toBe(false);
  });

  it('names the wrong entry', () => {
    const text = changed((draft) => {
      draft.artifacts[1]!.sha256 = 'abc';
    });
    expect(() => parseLock(text, 'stack.lock.json')).toThrow(
      'stack.lock.json: artifacts.1.sha256: expected 64 hex digits',
    );
  });

  it('refuses unknown keys, a second artifact of a name, and what is not JSON', () => {
    const unknown = changed((draft) => {
      draft.artifacts[0]!.url = 'x';
    });
    expect(() => parseLock(unknown, 'stack.lock.json')).toThrow('Unrecognized key: "url"');
    const twice = changed((draft) => {
      draft.artifacts.push(draft.artifacts[0]!);
    });
    expect(() => parseLock(twice, 'stack.lock.json')).toThrow('minio is listed twice');
    expect(() => parseLock('{', 'stack.lock.json')).toThrow('stack.lock.json is not JSON');
  });

  it('gives another digest as soon as anything in an entry changes', () => {
    const kafka = lockedArtifact(lock, 'kafka');
    const other = lockedArtifact(
      JSON.parse(JSON.stringify(lock).replace(/"bytes":\d+/g, '"bytes":1')) as StackLock,
      'kafka',
    );
    expect(entryDigest(kafka)).toBe(entryDigest(structuredClone(kafka)));
    expect(entryDigest(other)).not.toBe(entryDigest(kafka));
  });
});
