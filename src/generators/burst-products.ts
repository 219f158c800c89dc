import type { Scenario } from '../scenario/scenario.ts';
import { worldOf } from './world/world.ts';

/** The products that the bursts of a scenario have in demand, hottest of each burst first, each once. */
export function burstProducts(scenario: Scenario): readonly number[] {
  const { hotSets, skuOfRank } = worldOf(scenario);
  return [...new Set(hotSets.flatMap(({ ranks }) => ranks.map((rank) => skuOfRank[rank] ?? 0)))];
}
