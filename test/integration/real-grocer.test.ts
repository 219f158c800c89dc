import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { MEASURED_GROCER } from '../../src/generators/look/grocer.ts';
import { recordedLook } from '../../src/generators/look/look.ts';
import { packageRoot } from '../../src/harness/entry.ts';
import { withRecording } from '../../src/harness/recording/open.ts';
import { defaultCacheDir } from '../../src/harness/setup/cache.ts';
import { parseScenario } from '../../src/scenario/parse.ts';

test('the measured grocer equals the data set, fetched and read again', async () => {
  const dir = join(packageRoot, 'scenarios');
  const file = 'real-grocer.yaml';
  const text = readFileSync(join(dir, file), 'utf8');
  const cacheDir = defaultCacheDir();
  const { scenario } = await withRecording(
    { ...parseScenario(text, { file }), file, dir },
    cacheDir,
    {
      cacheDir,
      clock: systemClock,
      signal: new AbortController().signal,
      mayInstall: false,
      onProgress: () => {},
      onLine: () => {},
    },
  );
  const recording = scenario.traffic.pos?.tape?.recording;
  if (!recording) throw new Error('the recording was not read');
  expect(recording.product.length).toBe(1_469_307);
  expect(recording.atMs.length).toBe(155_848);
  expect(recording.measures).toBe(13_510);
  const toFourDigits = (_: string, value: unknown) =>
    typeof value === 'number' ? Math.round(value * 10_000) / 10_000 : value;
  expect(JSON.parse(JSON.stringify(recordedLook(recording), toFourDigits))).toEqual(
    MEASURED_GROCER,
  );
});
