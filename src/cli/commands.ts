import type { Command } from './command.ts';

/**
 * Every command, in the order of `--help`: the most useful for a newcomer first. A command is loaded when it is needed,
 * because most of the time to start would be spent on clients of servers that it does not use.
 */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand,
  preview: async () => (await import('./commands/preview.ts')).previewCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  validate: async () => (await import('./commands/validate.ts')).validateCommand,
  report: async () => (await import('./commands/report.ts')).reportCommand,
  compare: async () => (await import('./commands/compare.ts')).compareCommand,
  gate: async () => (await import('./commands/gate.ts')).gateCommand,
  aa: async () => (await import('./commands/aa.ts')).aaCommand,
  history: async () => (await import('./commands/history.ts')).historyCommand,
  impact: async () => (await import('./commands/impact.ts')).impactCommand,
  list: async () => (await import('./commands/list.ts')).listCommand,
  sql: async () => (await import('./commands/sql.ts')).sqlCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  setup: async () => (await import('./commands/setup.ts')).setupCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  merge: async () => (await import('./commands/merge.ts')).mergeCommand,
  up: async () => (await import('./commands/up.ts')).upCommand,
  down: async () => (await import('./commands/down.ts')).downCommand,
  remove: async () => (await import('./commands/remove.ts')).removeCommand,
  compose: async () => (await import('./commands/compose.ts')).composeCommand,
  image: async () => (await import('./commands/image.ts')).imageCommand,
  schema: async () => (await import('./commands/schema.ts')).schemaCommand,
};

/** All commands. */
export async function allCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(COMMANDS).map((load) => load()));
}

/** The commands that may be meant: the one that is named, or all if none is. */
export async function commandsFor(argv: readonly string[]): Promise<readonly Command[]> {
  const name = argv.find((one) => !one.startsWith('-'));
  if (name === undefined && argv.length === 1 && argv[0] === '--version') return [];
  const load = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return load === undefined ? await allCommands() : [await load()];
}
