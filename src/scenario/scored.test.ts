import { expect, test } from 'vitest';
import { DoorbusterError } from '../core/errors.ts';
import { parseScenario } from './parse.ts';

const SMALL = `name: small
retail: { stores: 10 }
traffic: { pos: { returns: 0% }, wms: {}, inventory: {} }
phases:
  - { name: spike, for: 60s, load: 5x }
checks: ['distance(KIND) == 0']
`;

/** Why a check on the distance of a kind is refused; null when it is not. */
function refused(kind: string, set: readonly string[] = []): string | null {
  try {
    parseScenario(SMALL.replace('KIND', kind), { file: 'x', set });
    return null;
  } catch (error) {
    if (error instanceof DoorbusterError) return error.message;
    throw error;
  }
}

test.each([
  ['new_id', 'traffic.faults.duplicates={}'],
  ['malformed', 'traffic.faults.malformed={}'],
  ['redelivery', 'traffic.faults.redelivery={}'],
  ['late', 'traffic.faults.transport={}'],
  ['offline', 'traffic.faults.offline={}'],
  ['clock_off', 'traffic.faults.clocks={}'],
  ['wrong_date', 'traffic.faults.clocks={}'],
  ['field_added', 'traffic.faults.schema_drift={}'],
  ['type_widened', 'traffic.faults.schema_drift={}'],
  ['training', 'traffic.pos.training=1%'],
  ['return', 'traffic.pos.returns=10%'],
  ['sequence_wrap', 'traffic.pos.sequence_to=20'],
  ['deleted', 'traffic.wms.delist=1%'],
])('a check may name %s when it can happen, and only then', (kind, knob) => {
  expect(refused(kind)).toContain(`no fault "${kind}" in this scenario`);
  expect(refused(kind, [knob])).toBeNull();
});

test('returns have a share by the profile; a kind that is never recorded is refused', () => {
  const set = ['traffic.pos={}', 'traffic.faults.malformed={}'];
  expect(refused('return', set)).toBeNull();
  expect(refused('truncated', set)).toContain('no fault "truncated"');
});
