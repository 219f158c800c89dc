import type { ScenarioArguments } from './scenario-file.ts';

/** An argument as a shell reads it. */
export function quoted(text: string): string {
  return /^[\w./=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** An option that may be given several times, once per value. */
export function repeated(option: string, values: readonly string[]): readonly string[] {
  return values.flatMap((value) => [option, quoted(value)]);
}

/** The command line that replays a run, quoted for a shell. */
export function reproduce({
  scenario,
  seed,
  set,
  on,
  shard,
  load,
}: ScenarioArguments & { on?: string; shard?: string; load?: string }): string {
  return [
    'doorbuster run',
    quoted(scenario),
    ...(seed === undefined ? [] : ['--seed', seed]),
    ...repeated('--set', set),
    ...(on === undefined ? [] : ['--on', on]),
    ...(shard === undefined ? [] : ['--shard', shard]),
    ...(load === undefined ? [] : ['--load', load]),
  ].join(' ');
}
