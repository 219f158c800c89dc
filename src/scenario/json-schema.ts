import { z } from 'zod';
import { scenarioSchema } from './schema.ts';

/**
 * The JSON Schema that gives editors completion and red lines: what people write, so units are
 * patterns of text. `scenarios/scenario.schema.json` is this text; a test keeps it so.
 */
export function scenarioJsonSchema(): string {
  const schema = z.toJSONSchema(scenarioSchema, { target: 'draft-07', io: 'input' });
  return `${JSON.stringify({ title: 'doorbuster scenario', ...schema }, null, 2)}\n`;
}
