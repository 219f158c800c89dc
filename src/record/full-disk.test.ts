import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canMount, type SmallDisk, smallDisk } from '../../test/support/small-disk.ts';
import { systemClock } from '../core/clock.ts';
import { RUN_FILES } from './folder.ts';
import { openJournal, readJournal } from './journal.ts';
import { readRecord } from './read.ts';
import { writeRecord } from './write.ts';

const fixture = fileURLToPath(new URL('../../test/fixtures/black-friday', import.meta.url));
const refusal = {
  name: 'DoorbusterError',
  message: expect.stringMatching(/^cannot write .*: no space is left on its file system$/),
  hint: expect.stringMatching(/^df -h /),
};

describe.skipIf(!canMount())('on a full disk (needs root, to mount a small one)', () => {
  let disk: SmallDisk;
  beforeEach(() => {
    disk = smallDisk(4);
  });
  afterEach(() => disk[Symbol.dispose]());

  it('a record is replaced as a whole or stays as it was, and nothing half-written is left', () => {
    const record = readRecord(fixture);
    writeRecord(disk.dir, { ...record, seed: 1 });
    // Room for a part of the next one: the kernel takes what fits, and says how much that was.
    for (const leaveBytes of [100_000, 4_096, 0]) {
      disk.fill(leaveBytes);
      expect(() => writeRecord(disk.dir, { ...record, seed: 2 })).toThrow(
        expect.objectContaining(refusal),
      );
      expect(readRecord(disk.dir).seed).toBe(1);
      expect(readdirSync(disk.dir).sort()).toEqual(['.ballast', RUN_FILES.record]);
      disk.relieve();
    }
    writeRecord(disk.dir, { ...record, seed: 3 });
    expect(readRecord(disk.dir).seed).toBe(3);
  });

  it('a journal keeps its entries, and reports a full disk once', () => {
    const broken: Error[] = [];
    using journal = openJournal(disk.dir, systemClock, (error) => broken.push(error));
    journal.note('step', { text: 'first' });
    disk.fill(2_000);
    for (let i = 0; i < 10; i++) journal.note('step', { text: 'x'.repeat(1_000) });
    expect(broken).toEqual([expect.objectContaining(refusal)]);
    const { entries, torn } = readJournal(disk.dir);
    expect(entries[0]).toMatchObject({ kind: 'step', text: 'first' });
    expect(torn.length).toBeLessThanOrEqual(1);
    // Without onFull it throws: here at the repair of the torn line.
    if (torn.length > 0)
      expect(() => openJournal(disk.dir, systemClock)).toThrow(/no space is left/);
  });
});
