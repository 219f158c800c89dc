import { expect, test } from 'vitest';
import { TrialState } from './trial-state.ts';

test('a trial only goes forward, and reports the steps of its states', () => {
  const said: string[] = [];
  const state = new TrialState((text) => said.push(text));
  expect([state.name, state.phase, state.t0Ms]).toEqual(['starting', 'start', null]);
  state.enter('deploying', 'deploying mine');
  state.beginAt(1_000);
  state.enterPhase('warmup');
  state.enterPhase('spike');
  expect([state.name, state.phase, state.t0Ms]).toEqual(['replaying', 'spike', 1_000]);
  expect(() => state.enter('preloading', null)).toThrow('cannot go back to preloading');
  state.enter('closing', 'draining');
  expect(state.phase).toBe('drain');
  expect(() => state.enterPhase('late')).toThrow('cannot go back to replaying');
  expect(said).toEqual(['deploying mine', 'draining']);
});
