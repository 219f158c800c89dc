import { formatDuration } from '../core/units.ts';
import type { Scenario } from './scenario.ts';

/** The server faults of a scenario and their times as text, before the run; null: there are none. */
export function plannedFaults({
  faults,
  seed,
  stalenessTargetMs,
}: Pick<Scenario, 'faults' | 'seed' | 'stalenessTargetMs'>): string | null {
  if (faults.length === 0 || stalenessTargetMs === null) return null;
  const each = faults.map(
    ({ act, server, during, atMs, forMs }) =>
      `${act} ${server} ${formatDuration(atMs)} into ${during}, for ${formatDuration(forMs)}`,
  );
  const drawn = faults.filter((fault) => fault.drawn).length;
  const from = drawn === 0 ? '' : `${drawn} drawn by seed ${seed}: `;
  return `${from}${each.join('; ')}; recovered below ${formatDuration(stalenessTargetMs)}`;
}
