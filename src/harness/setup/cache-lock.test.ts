import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { identify } from '../process-identity.ts';
import { acquireLock } from './cache-lock.ts';
import { claim, type Owner, ownerState, readClaim, thisOwner } from './owner.ts';

let dir: string;
let path: string;
const waits: (Owner | undefined)[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'doorbuster-lock-'));
  path = join(dir, 'kafka');
  waits.length = 0;
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function take(signal = new AbortController().signal) {
  return acquireLock(path, { clock: systemClock, signal, onWait: (holder) => waits.push(holder) });
}

describe('the lock of an artifact', () => {
  it('is held by one at a time, in turn, and leaves nothing behind', async () => {
    let holders = 0;
    let most = 0;
    const turns = Array.from({ length: 5 }, async () => {
      using _held = await take();
      most = Math.max(most, ++holders);
      await systemClock.sleep(5);
      holders--;
    });
    await Promise.all(turns);
    expect(most).toBe(1);
    expect(waits).toHaveLength(4);
    expect(waits[0]).toEqual(thisOwner());
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is waited for while its holder lives, and taken over once it is dead', async () => {
    const holder = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(holder, 'spawn');
    const owner: Owner = {
      pid: holder.pid!,
      born: identify(holder.pid!)?.born ?? '',
      machine: thisOwner().machine,
    };
    expect(claim(path, JSON.stringify(owner))).toBe(true);
    let taken = false;
    const waiting = take().then((held) => {
      taken = true;
      return held;
    });
    await systemClock.sleep(300);
    expect(taken).toBe(false);
    expect(waits).toEqual([owner]);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    (await waiting).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('is taken over from a former process whose id was reused', async () => {
    const owner: Owner = { ...thisOwner(), born: 'another boot/1' };
    expect(ownerState(owner)).toBe('dead');
    expect(claim(path, JSON.stringify(owner))).toBe(true);
    (await take()).release();
    expect(waits).toEqual([]);
  });

  it('is taken over when no owner can be read from it: the file of an earlier version', async () => {
    writeFileSync(path, JSON.stringify(thisOwner()));
    (await take()).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  it('cannot be judged from another machine, and is waited for', async () => {
    const owner: Owner = { ...thisOwner(), machine: 'elsewhere pid:[1]' };
    expect(ownerState(owner)).toBe('unknown');
    expect(claim(path, JSON.stringify(owner))).toBe(true);
    const abort = new AbortController();
    const waiting = take(abort.signal);
    abort.abort(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
    expect(waits).toEqual([owner]);
    expect(readdirSync(dir), 'the lock of the other is left alone').toEqual(['kafka']);
  });

  it('is not given back by one who lost it', async () => {
    const held = await take();
    const other = JSON.stringify({ ...thisOwner(), machine: 'elsewhere pid:[1]' });
    rmSync(path);
    expect(claim(path, other)).toBe(true);
    held.release();
    expect(readClaim(path)).toBe(other);
  });
});
