import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { DoorbusterError } from '../../core/errors.ts';
import { EXIT } from '../../core/exit-codes.ts';
import { defaultRegistryDir } from '../stack/registry.ts';
import { defaultCacheDir } from './cache.ts';
import { temporaryDir, withoutRelativeHomes } from './user-dirs.ts';

afterEach(() => vi.unstubAllEnvs());

test('no HOME and no XDG folder puts anything beneath the working folder', () => {
  const path = fc.oneof(
    fc.constant(undefined),
    fc.constantFrom('', '.', 'cache', '../up', '~', '$HOME', ' /tmp', '/home/x', '/'),
    fc.string({ maxLength: 12 }),
  );
  fc.assert(
    fc.property(path, path, path, (home, cache, state) => {
      const env = { HOME: home, XDG_CACHE_HOME: cache, XDG_STATE_HOME: state };
      for (const dir of [defaultCacheDir(env), defaultRegistryDir(env)]) {
        expect(isAbsolute(dir)).toBe(true);
        expect(dir.startsWith(`${process.cwd()}/`)).toBe(false);
      }
    }),
  );
});

test('an empty HOME gives way to the home folder that the system has listed', () => {
  expect(defaultCacheDir({ HOME: '' })).toBe(join(homedir(), '.cache/doorbuster'));
  expect(defaultRegistryDir({ HOME: 'me' })).toBe(
    join(homedir(), '.local/state/doorbuster/stacks'),
  );
});

test('children are given no relative folder either', () => {
  const env = { HOME: 'me', XDG_CACHE_HOME: 'cache', XDG_CONFIG_HOME: '/config', PATH: 'bin' };
  withoutRelativeHomes(env);
  expect(env).toEqual({ HOME: homedir(), XDG_CONFIG_HOME: '/config', PATH: 'bin' });
});

test('TMPDIR has to be an existing folder', () => {
  const dir = mkdtempSync(join(tmpdir(), 'doorbuster-test-'));
  try {
    vi.stubEnv('TMPDIR', dir);
    expect(temporaryDir()).toBe(dir);
    const refusal = (path: string) => {
      vi.stubEnv('TMPDIR', path);
      try {
        return temporaryDir();
      } catch (error) {
        expect(error).toBeInstanceOf(DoorbusterError);
        expect((error as DoorbusterError).exitCode).toBe(EXIT.badInput);
        return (error as DoorbusterError).message;
      }
    };
    expect(refusal(join(dir, 'gone'))).toMatch(/temporary files, .*gone, does not exist/);
    writeFileSync(join(dir, 'file'), '');
    expect(refusal(join(dir, 'file'))).toMatch(/is not a folder/);
    expect(refusal(join(dir, 'file', 'below'))).toMatch(/does not exist/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
