import { expect, test } from 'vitest';
import { EXIT } from '../../src/core/exit-codes.ts';
import { findEngine } from '../../src/harness/stack/containers.ts';

test('a container engine that does not answer is one clear error, with what to type next', async () => {
  process.env.DOCKER_HOST = 'unix:///nowhere/docker.sock';
  await expect(findEngine()).rejects.toMatchObject({
    exitCode: EXIT.badInput,
    message: expect.stringMatching(/^no container engine answers: ./),
    hint: expect.stringContaining('docker info'),
  });
});
