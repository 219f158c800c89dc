import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { HOST, PORTS } from './plan.ts';
import { freePorts } from './ports.ts';

it('finds a port per name, all different and bindable', async () => {
  const ports = Object.values(await freePorts(new Set()));
  expect(new Set(ports).size).toBe(PORTS.length);
  for (const port of ports) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer().once('error', reject);
      server.listen({ host: HOST, port }, () => server.close(() => resolve()));
    });
  }
});

it('leaves out what others have claimed', async () => {
  // All but a few hundred ports are claimed, so that a port taken at random would be among them.
  const claimed = new Set(Array.from({ length: 15_000 }, (_, i) => 15_000 + i));
  for (const port of Object.values(await freePorts(claimed))) {
    expect(claimed.has(port)).toBe(false);
  }
});
