import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { SERVERS } from '../../core/metrics.ts';
import { readLock } from '../setup/lock.ts';
import { composeFile } from './compose.ts';

const asked = () => composeFile(readLock(), '/where/doorbuster/is', SERVERS);

interface Composed {
  readonly image: string;
  readonly build?: { readonly args: object };
  readonly ports: readonly string[];
}
const servicesOf = (text: string) =>
  (parse(text) as { readonly services: Readonly<Record<string, Composed>> }).services;

beforeEach(() => {
  for (const name of ['BASE_IMAGE', 'EXTRA_CA', 'EXTRA_HOME']) {
    vi.stubEnv(`DOORBUSTER_${name}`, '');
  }
});
afterEach(() => void vi.unstubAllEnvs());

test('the compose file is as golden', async () => {
  // An image's name follows whatever it is built from.
  const stable = asked().replace(/(image: doorbuster\/\S+-)[0-9a-f]{12}$/gm, '$1DIGEST');
  await expect(stable).toMatchFileSnapshot('../../../test/golden/stack/compose.yaml');
});

test('every server is in it, reachable from this machine only', () => {
  const services = servicesOf(asked());
  expect(Object.keys(services)).toEqual([...SERVERS]);
  for (const { ports } of Object.values(services)) {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  }
});

test('compose builds an image only from the base in its tag', () => {
  const usual = servicesOf(asked());
  vi.stubEnv('DOORBUSTER_BASE_IMAGE', 'mirror/debian:trixie-slim');
  for (const [server, { image, build }] of Object.entries(servicesOf(asked()))) {
    expect(build?.args).toEqual({ BASE: 'mirror/debian:trixie-slim' });
    expect(image).not.toBe(usual[server]?.image);
  }
  vi.stubEnv('DOORBUSTER_EXTRA_CA', '/etc/company');
  expect(Object.values(servicesOf(asked())).filter(({ build }) => build !== undefined)).toEqual([]);
  expect(asked()).toContain('once `doorbuster up` has built the images');
});
