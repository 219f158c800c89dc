import { afterEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { SERVERS } from '../../core/metrics.ts';
import { readLock } from '../setup/lock.ts';
import { composeFile } from './compose.ts';

const asked = () => composeFile(readLock(), '/where/doorbuster/is');
const builds = (text: string) => {
  const { services } = parse(text) as {
    services: Record<string, { image: string; build?: { args: object } }>;
  };
  return Object.values(services);
};

vi.stubEnv('DOORBUSTER_BASE_IMAGE', '');
vi.stubEnv('DOORBUSTER_EXTRA_CA', '');
vi.stubEnv('DOORBUSTER_EXTRA_HOME', '');
const text = asked();
afterEach(() => void vi.unstubAllEnvs());

test('the compose file is as golden', async () => {
  // An image's name follows whatever it is built from.
  const stable = text.replace(/(image: doorbuster\/\S+-)[0-9a-f]{12}$/gm, '$1DIGEST');
  await expect(stable).toMatchFileSnapshot('../../../test/golden/stack/compose.yaml');
});

test('every server is in it, reachable from this machine only', () => {
  const { services } = parse(text) as { services: Record<string, { ports: string[] }> };
  expect(Object.keys(services)).toEqual([...SERVERS]);
  for (const { ports } of Object.values(services)) {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  }
});

test('an image is built from the base that its name says, or not by compose at all', () => {
  vi.stubEnv('DOORBUSTER_EXTRA_CA', '');
  vi.stubEnv('DOORBUSTER_EXTRA_HOME', '');
  vi.stubEnv('DOORBUSTER_BASE_IMAGE', 'mirror/debian:trixie-slim');
  const mirrored = builds(asked());
  for (const [at, { image, build }] of mirrored.entries()) {
    expect(build?.args).toEqual({ BASE: 'mirror/debian:trixie-slim' });
    expect(image).not.toBe(builds(text)[at]?.image);
  }
  vi.stubEnv('DOORBUSTER_EXTRA_CA', '/etc/company');
  expect(builds(asked()).filter(({ build }) => build !== undefined)).toEqual([]);
  expect(asked()).toContain('once `doorbuster up` has built the images');
});
