import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claim, thisOwner } from './owner.ts';
import { openPartial, PARTIAL_ENV, sweepPartials } from './partial.ts';

let cacheDir: string;

beforeEach(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'doorbuster-partial-'));
});

afterEach(() => rmSync(cacheDir, { recursive: true, force: true }));

const partials = () => readdirSync(join(cacheDir, '.partial')).sort();
const dead = JSON.stringify({ ...thisOwner(), born: 'another boot/1' });

describe('a partial folder', () => {
  it('is gone when it is disposed of', async () => {
    {
      await using partial = await openPartial(cacheDir, 'kafka');
      writeFileSync(join(partial.files, 'kafka.jar'), 'half');
      expect(partials()).toHaveLength(2);
    }
    expect(partials()).toEqual([]);
  });

  it.each([
    ['before it had a folder', (dir: string) => claim(`${dir}.owner`, dead)],
    [
      'with the folder half made',
      (dir: string) => {
        claim(`${dir}.owner`, dead);
        mkdirSync(join(dir, 'files'), { recursive: true });
      },
    ],
    [
      'when the folder was removed and the claim not yet',
      (dir: string) => {
        mkdirSync(dir);
        claim(`${dir}.owner`, dead);
        rmSync(dir, { recursive: true });
      },
    ],
    [
      'and without a claim, as earlier versions left it',
      (dir: string) => {
        mkdirSync(dir);
        writeFileSync(join(dir, 'owner.json'), dead);
      },
    ],
  ])('of a killed setup is removed by the next one: %s', async (_, leave) => {
    await using kept = await openPartial(cacheDir, 'minio');
    leave(join(cacheDir, '.partial', 'kafka-1'));
    await sweepPartials(cacheDir);
    expect(partials()).toEqual([basename(kept.dir), `${basename(kept.dir)}.owner`]);
  });

  it('of a machine whose processes are not visible here stays', async () => {
    const dir = join(cacheDir, '.partial', 'kafka-1');
    mkdirSync(dir, { recursive: true });
    claim(`${dir}.owner`, JSON.stringify({ ...thisOwner(), machine: 'elsewhere pid:[1]' }));
    await sweepPartials(cacheDir);
    expect(partials()).toEqual(['kafka-1', 'kafka-1.owner']);
  });

  it('of a killed setup takes the clients with it that still run', async () => {
    const dir = join(cacheDir, '.partial', 'kafka-1');
    mkdirSync(dir, { recursive: true });
    claim(`${dir}.owner`, dead);
    const client = spawn('sleep', ['60'], { stdio: 'ignore', env: { [PARTIAL_ENV]: dir } });
    const ended = once(client, 'exit');
    await once(client, 'spawn');
    await sweepPartials(cacheDir);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(partials()).toEqual([]);
  });
});
