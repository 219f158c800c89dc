/** Number of occurrences, with up to ten ids as examples. */
export interface Finding {
  readonly count: number;
  readonly examples: readonly string[];
}

/** Examples that are kept per finding. */
export const EXAMPLES = 10;

/** A result row with findings: `examples` is a JSON list of ids. */
export interface FoundRow {
  readonly count: number;
  readonly examples: string | null;
}

/** Combines the findings of several rows. */
export function combined(rows: readonly FoundRow[]): Finding {
  return {
    count: rows.reduce((total, { count }) => total + Number(count), 0),
    examples: rows.flatMap(({ examples }) => idsOf(examples)).slice(0, EXAMPLES),
  };
}

function idsOf(examples: string | null): readonly string[] {
  return (JSON.parse(examples ?? '[]') as string[] | null) ?? [];
}
