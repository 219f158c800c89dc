import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { locateArtifacts } from './artifacts.ts';
import { readLock } from './lock.ts';
import { type MachineWork, needsOf } from './needs.ts';
import { toolsFor } from './prerequisites.ts';

const lock = readLock();
const TRINO = ['trino', 'trino-iceberg'];
const CONNECT = ['connect', 'connect-iceberg', 'connect-debezium'];
const all = lock.artifacts
  .map(({ name }) => name)
  .filter((name) => ![...TRINO, ...CONNECT, 'spark-kafka'].includes(name));

describe('what a machine has to have', () => {
  const names = (work?: MachineWork) => needsOf(lock, work).artifacts.map(({ name }) => name);
  const spark = ['spark', 'spark-iceberg'];

  it.each<[string, MachineWork | undefined, readonly string[]]>([
    ['nothing said', undefined, all],
    ['its own servers', { servers: 'processes', observes: true, programs: [] }, all],
    [
      'its own servers, and Trino',
      { servers: 'processes', observes: true, programs: ['trino'] },
      [...all, ...TRINO],
    ],
    [
      'its own servers, and merges by Spark',
      { servers: 'processes', observes: true, programs: ['spark-merge'] },
      [...all, 'spark-kafka'],
    ],
    [
      'external servers, and merges by Spark',
      { servers: 'elsewhere', observes: true, programs: ['spark-merge'] },
      ['duckdb-extensions', ...spark, 'spark-kafka', 'flink', 'flink-functions'],
    ],
    [
      'its own servers, and Connect',
      { servers: 'processes', observes: true, programs: [], starts: ['kafka', 'connect'] },
      [...all, ...CONNECT],
    ],
    [
      'external servers, and Trino',
      { servers: 'elsewhere', observes: true, programs: ['trino'] },
      ['duckdb-extensions', ...TRINO],
    ],
    [
      'servers in images',
      { servers: 'containers', observes: true, programs: ['spark'] },
      ['duckdb-extensions'],
    ],
    [
      'external servers',
      { servers: 'elsewhere', observes: true, programs: [] },
      ['duckdb-extensions'],
    ],
    [
      'external servers, and Spark',
      { servers: 'elsewhere', observes: true, programs: ['spark'] },
      ['duckdb-extensions', ...spark],
    ],
    [
      'a share of a load',
      { servers: 'elsewhere', observes: false, programs: ['spark', 'trino'] },
      [],
    ],
  ])('%s', (_, work, wanted) => {
    expect(names(work).toSorted()).toEqual([...wanted].toSorted());
  });

  it('asks for Java only where jars are run, and for less memory where no server is', () => {
    const elsewhere = { servers: 'elsewhere', observes: true } as const;
    const without = needsOf(lock, { ...elsewhere, programs: [] });
    const withSpark = needsOf(lock, { ...elsewhere, programs: ['spark'] });
    expect(toolsFor(without.artifacts)).not.toContain('java');
    expect(toolsFor(withSpark.artifacts)).toContain('java');
    expect(without.memory.leastBytes).toBeLessThan(needsOf(lock).memory.leastBytes);
    const withTrino = needsOf(lock, { ...elsewhere, programs: ['trino'] });
    expect(toolsFor(withTrino.artifacts)).toContain('java25');
    expect(toolsFor(withTrino.artifacts)).not.toContain('java');
    expect(withTrino.memory.goodBytes).toBeGreaterThan(without.memory.goodBytes);
  });

  it('finds what is needed, and misses nothing else', () => {
    const cacheDir = mkdtempSync(join(tmpdir(), 'doorbuster-needs-'));
    try {
      const { artifacts } = needsOf(lock, { servers: 'elsewhere', observes: false, programs: [] });
      const located = locateArtifacts(cacheDir, lock, artifacts);
      expect(Object.keys(located.versions).toSorted()).toEqual(all.toSorted());
      expect(() => locateArtifacts(cacheDir, lock)).toThrow(/not in the cache .*kafka/);
      // Every caller of needsOf reads the lock file for itself.
      const again = needsOf(readLock()).artifacts;
      expect(() => locateArtifacts(cacheDir, lock, again)).toThrow(/not in the cache .*kafka/);
    } finally {
      rmSync(cacheDir, { recursive: true });
    }
  });
});
