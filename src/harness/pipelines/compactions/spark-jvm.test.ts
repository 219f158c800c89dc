import { expect, test } from 'vitest';
import type { Endpoints } from '../../clients/endpoints.ts';
import type { LaunchContext } from '../../stack/auxiliary-process.ts';
import { sparkMergeJob, sparkScript, sparkSession } from './spark-jvm.ts';

const endpoints = {
  catalog: { uri: 'http://127.0.0.1:1', warehouse: 's3://w/', auth: { kind: 'none' } },
  s3: { endpoint: 'http://127.0.0.1:2', bucket: 'w', region: 'us-east-1' },
} as Endpoints;
const session = { port: 3, token: 'secret', threads: 1 };

test.each([
  ['a script', sparkScript('SELECT 1', endpoints)],
  ['a session', sparkSession(session, endpoints)],
  ['a merge', sparkMergeJob({ ...session, config: () => ({}) }, endpoints)],
])('%s unpacks and spills into its own folder, which goes when it is killed', (_, program) => {
  const artifacts = {} as LaunchContext['artifacts'];
  const { args } = program.command({ java: 'java', artifacts, internal: false, dir: '/its/own' });
  for (const property of ['java.io.tmpdir', 'spark.local.dir', 'derby.system.home']) {
    expect(args).toContain(`-D${property}=/its/own`);
  }
  expect(args.join(' ')).not.toContain(session.token);
});
