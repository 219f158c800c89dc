import { describe, expect, it } from 'vitest';
import { openFileLimit } from '../doctor/machine.ts';
import { lockedArtifact, readLock } from './lock.ts';
import { installLine, judgeVersion, parseOsRelease, toolsFor } from './prerequisites.ts';

const DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n';
const DEBIAN_13 = 'ID=debian\nVERSION_ID="13"\n';
const UBUNTU = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n';
const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n';

describe('prerequisites', () => {
  it.each([
    ['java', 'openjdk version "17.0.15" 2025-04-15', '17.0.15', true, false],
    ['java', 'openjdk version "21" 2023-09-19', '21.0.0', true, false],
    ['java', 'openjdk version "25-ea" 2025-09-16', '25.0.0', true, true],
    ['java', 'openjdk version "11.0.28" 2025-07-15', '11.0.28', false, false],
    ['java', 'java version "1.8.0_431"', '8.0.0', false, false],
    ['java25', 'openjdk version "25.0.3" 2026-04-21 LTS', '25.0.3', true, false],
    ['java25', 'openjdk version "17.0.15" 2025-04-15', '17.0.15', false, false],
    ['maven', '\u001b[1mApache Maven 3.8.7\u001b[m\nJava version: 17.0.15', '3.8.7', true, false],
    ['maven', 'Apache Maven 3.6.1 (d66c9c0b)', '3.6.1', false, false],
    ['python', 'Python 3.11.2', '3.11.2', true, false],
    ['python', 'Python 3.9.2', '3.9.2', false, false],
    [
      'pip',
      'pip 23.0.1 from /usr/lib/python3/dist-packages/pip (python 3.11)',
      '23.0.1',
      true,
      false,
    ],
    ['go', 'go version go1.19.8 linux/amd64', '1.19.8', process.arch === 'x64', false],
    ['go', 'go version go1.26rc1 linux/amd64', '1.26.0', true, false],
    ['go', 'go version devel', '0.0.0', false, false],
    ['redis', 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc', '7.0.15', true, false],
    ['redis', 'Redis server v=6.0.16 sha=00000000:0', '6.0.16', false, false],
    ['postgres', 'postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)', '15.18.0', true, false],
    ['postgres', 'postgres (PostgreSQL) 18.0', '18.0.0', true, true],
    ['postgres', 'postgres (PostgreSQL) 13.9', '13.9.0', false, false],
    ['node', 'v20.19.0', '20.19.0', true, false],
    ['node', 'v20.18.3', '20.18.3', false, false],
  ] as const)('judges %s by what it prints: %s', (tool, text, version, ok, untried) => {
    expect(judgeVersion(tool, text)).toMatchObject({ tool, version, ok, untried });
  });

  it('asks only for what the missing artifacts need', () => {
    const lock = readLock();
    const extensions = lockedArtifact(lock, 'duckdb-extensions');
    expect(toolsFor([])).toEqual(['node']);
    expect(toolsFor([extensions], [])).toEqual(['node']);
    expect(toolsFor([extensions])).toEqual(['node', 'python', 'pip']);
    expect(toolsFor(lock.artifacts, [])).toEqual(['node', 'java', 'java25']);
    expect(toolsFor([lockedArtifact(lock, 'trino')], [])).toEqual(['node', 'java25']);
    expect(toolsFor([lockedArtifact(lock, 'kafka'), lockedArtifact(lock, 'catalog')])).toEqual([
      'node',
      'java',
      'maven',
    ]);
    expect(toolsFor(lock.artifacts)).toHaveLength(7);
  });

  it('reads os-release', () => {
    expect(parseOsRelease(DEBIAN_12, 'linux')).toEqual({ family: 'debian', debian: 12 });
    expect(parseOsRelease(UBUNTU, 'linux')).toEqual({ family: 'debian', debian: 0 });
    expect(parseOsRelease(ROCKY, 'linux')).toEqual({ family: 'fedora', debian: 0 });
    expect(parseOsRelease('ID=alpine\n', 'linux')).toEqual({ family: 'other', debian: 0 });
    expect(parseOsRelease('', 'darwin')).toEqual({ family: 'macos', debian: 0 });
  });

  it('gives one line to copy, for the system and the user', () => {
    const line = (text: string, isRoot: boolean) =>
      installLine(['java', 'pip', 'go'], parseOsRelease(text, 'linux'), isRoot);
    expect([
      line(DEBIAN_12, true),
      line(DEBIAN_13, false),
      line(ROCKY, false),
      line('', false),
    ]).toMatchInlineSnapshot(`
      [
        "apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless python3 python3-pip golang-go",
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends openjdk-21-jre-headless python3 python3-pip golang-go",
        "sudo dnf install -y java-17-openjdk-headless python3-pip golang",
        "install Java 17 or newer (tested with 17 and 21); pip 22 or newer (tested with 23); Go 1.19 or newer (tested with 1.26), or a minio on PATH",
      ]
    `);
    expect(line(UBUNTU, true)).toBe(line(DEBIAN_12, true));
    const forTrino = (text: string) => installLine(['java25'], parseOsRelease(text, 'linux'), true);
    expect([forTrino(DEBIAN_12), forTrino(DEBIAN_13)].map((one) => one.split(' ').at(-1))).toEqual([
      'temurin-25-jdk',
      'openjdk-25-jdk-headless',
    ]);
  });
});

describe('the machine', () => {
  it('reads the soft limit of open files', () => {
    const limits = (soft: string) =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files            ${soft}  524288  files\n`;
    expect(openFileLimit(limits('1024'))).toBe(1024);
    expect(openFileLimit(limits('unlimited'))).toBe(Number.POSITIVE_INFINITY);
    expect(openFileLimit(undefined)).toBeUndefined();
  });
});
