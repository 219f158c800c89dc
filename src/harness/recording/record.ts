import type { RunRecord } from '../../record/record.ts';
import { RECEIPTS, type Scenario } from '../../scenario/scenario.ts';
import type { Facts } from '../facts.ts';

/** The record's section about the recording that a scenario replays; null if there is none. */
export function recordingSection({ traffic }: Scenario): RunRecord['scenario']['recording'] {
  const tape = traffic[RECEIPTS]?.tape ?? null;
  if (tape === null || tape.recording === null) return null;
  const { sha256, atMs, product, stores, priceCents, measures, turned, from, to } = tape.recording;
  return {
    file: tape.file,
    sha256,
    receipts: atMs.length,
    lines: product.length,
    stores,
    products: priceCents.length,
    measures,
    turned,
    from,
    to,
    replayed: null,
  };
}

/** The scenario of a record with the number of recorded receipts that were sent. */
export async function withReplayed(
  scenario: RunRecord['scenario'],
  facts: Pick<Facts, 'rows'>,
): Promise<RunRecord['scenario']> {
  if (scenario.recording === null) return scenario;
  const [sent] = await facts.rows<{ n: number }>(
    `SELECT count(*)::INTEGER AS n FROM events WHERE stream = '${RECEIPTS}' AND role = 'original'`,
  );
  return { ...scenario, recording: { ...scenario.recording, replayed: sent?.n ?? 0 } };
}
