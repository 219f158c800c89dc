import { z } from 'zod';
import { scenarioSchema } from './schema.ts';

/**
 * The JSON Schema for completion and validation in editors: it describes the text of a scenario, so units are patterns.
 * `scenarios/scenario.schema.json` is this text; a test checks that.
 */
export function scenarioJsonSchema(): string {
  const schema = z.toJSONSchema(scenarioSchema, { target: 'draft-07', io: 'input' });
  return `${JSON.stringify({ title: 'doorbuster scenario', ...schema }, null, 2)}\n`;
}
