import type { Command } from './command.ts';
import { composeCommand } from './commands/compose.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { explainCommand } from './commands/explain.ts';
import { imageCommand } from './commands/image.ts';
import { listCommand } from './commands/list.ts';
import { mergeCommand } from './commands/merge.ts';
import { previewCommand } from './commands/preview.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { schemaCommand } from './commands/schema.ts';
import { setupCommand } from './commands/setup.ts';
import { sqlCommand } from './commands/sql.ts';
import { upCommand } from './commands/up.ts';
import { validateCommand } from './commands/validate.ts';

/** In the order of `--help`: the most useful for a newcomer first. */
export const commands: readonly Command[] = [
  runCommand,
  previewCommand,
  validateCommand,
  reportCommand,
  listCommand,
  sqlCommand,
  explainCommand,
  setupCommand,
  doctorCommand,
  mergeCommand,
  upCommand,
  downCommand,
  composeCommand,
  imageCommand,
  schemaCommand,
];
