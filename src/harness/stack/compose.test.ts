import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { SERVERS } from '../../core/metrics.ts';
import { readLock } from '../setup/lock.ts';
import { composeFile } from './compose.ts';

const text = composeFile(readLock(), '/where/doorbuster/is');

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
