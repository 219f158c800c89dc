/** How often something was found, with up to ten ids to look at. */
export interface Finding {
  readonly count: number;
  readonly examples: readonly string[];
}

/** Ids that are kept of each finding. */
export const EXAMPLES = 10;

/** A row of SQL that found something: `examples` is a JSON list of ids. */
export interface FoundRow {
  readonly count: number;
  readonly examples: string | null;
}

/** All that some rows found. */
export function gathered(rows: readonly FoundRow[]): Finding {
  return {
    count: rows.reduce((total, { count }) => total + Number(count), 0),
    examples: rows.flatMap(({ examples }) => idsOf(examples)).slice(0, EXAMPLES),
  };
}

function idsOf(examples: string | null): readonly string[] {
  return (JSON.parse(examples ?? '[]') as string[] | null) ?? [];
}
