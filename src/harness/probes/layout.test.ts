import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { events } from '../../../test/support/datasets.ts';
import { systemClock as clock } from '../../core/clock.ts';
import { openVisibility } from '../visibility/sources.ts';
import type { VisibilityContext } from '../visibility/visibility.ts';
import { layoutProbe } from './layout.ts';
import type { ProbeContext } from './probe.ts';

/** A catalog that is away, on a port where it will be again. */
async function absent() {
  const server = createServer((request, response) => {
    response.statusCode = request.url?.startsWith('/v1/config') ? 200 : 404;
    response.end('{"defaults": {}, "overrides": {}}');
  });
  const listen = (port: number) =>
    new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise((resolve) => server.close(resolve));
  await close();
  return {
    port,
    comes: () => listen(port),
    [Symbol.asyncDispose]: async () => void (await close()),
  };
}

async function probeOf(port: number, underDeclaredFault: () => boolean) {
  const s3 = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', bucket: 'b' };
  const endpoints = {
    s3: { ...s3, accessKeyId: 'k', secretAccessKey: 's' },
    catalog: { uri: `http://127.0.0.1:${port}`, warehouse: 's3://b/', auth: { kind: 'none' } },
  };
  const datasets = [events('pos')];
  const connection = { run: async () => {}, close: () => {} };
  // A mark reads no rows: nothing of the facts is used.
  const source = {
    ...{ stack: { endpoints }, place: { namespace: 'retail' }, clock },
    ...{ extensions: { httpfs: '' }, facts: { connect: async () => connection } },
  };
  const visibility = await openVisibility(source as unknown as VisibilityContext, datasets);
  const context = {
    ...{ clock, underDeclaredFault, datasets, visibility },
    signal: new AbortController().signal,
  };
  // What a mark asks for, and nothing else of a run.
  return layoutProbe.start(context as unknown as ProbeContext);
}

test('a mark that a fault has cut off is taken when the server is back, whichever began first', async () => {
  await using catalog = await absent();
  // The question is older than the fault: it is asked before there is anything to excuse.
  let asked = 0;
  const probe = await probeOf(catalog.port, () => asked++ > 0);
  let done = false;
  const marked = probe.mark('end').then(() => {
    done = true;
  });
  await clock.sleep(400);
  expect(done).toBe(false);
  await catalog.comes();
  await marked;
});

test('without a fault it fails at once', async () => {
  await using catalog = await absent();
  const probe = await probeOf(catalog.port, () => false);
  await expect(probe.mark('end')).rejects.toThrow('no answer from');
});
