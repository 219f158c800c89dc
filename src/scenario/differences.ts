import type { Scenario } from './scenario.ts';

/** A setting in which scenarios differ: its path, and its value in each, undefined where it does not exist. */
export interface Difference {
  readonly path: string;
  readonly values: readonly unknown[];
  /** Whether it determines what is sent, and when. */
  readonly traffic: boolean;
}

/** A difference as text: `retail.stores 12 / 13`. */
export function differenceText({ path, values }: Difference): string {
  return `${path} ${values.map(String).join(' / ')}`;
}

/** What determines the generated events and their times; the rest determines how they are received and measured. */
const TRAFFIC: readonly string[] = ['seed', 'startsAt', 'retail', 'traffic', 'phases'];

/** Settings that change nothing that is measured. */
const NAMES: readonly string[] = ['name', 'about', 'checks'];

/** The settings in which resolved scenarios differ, defaults included, in the order of the first one. */
export function differencesOf(scenarios: readonly Scenario[]): readonly Difference[] {
  const settings = scenarios.map((scenario) => new Map(leaves(scenario, '')));
  const paths = new Set(settings.flatMap((one) => [...one.keys()]));
  return [...paths].flatMap((path) => {
    const values = settings.map((one) => one.get(path));
    const texts = new Set(values.map((value) => JSON.stringify(value)));
    const section = path.split('.')[0] as string;
    if (texts.size <= 1 || NAMES.includes(section)) return [];
    return [{ path, values, traffic: TRAFFIC.includes(section) }];
  });
}

/** Every value that is not a section, by its path; phases by their names. */
function leaves(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null) return [[path, value]];
  if (Array.isArray(value) && !value.every((one) => typeof one === 'object')) {
    return [[path, value.join(', ')]];
  }
  return Object.entries(value).flatMap(([key, inner]) => {
    const named = Array.isArray(value) ? ((inner as { name?: string })?.name ?? key) : key;
    return leaves(inner, path === '' ? named : `${path}.${named}`);
  });
}
