import type { StorageListing } from '../visibility/visibility.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Layout at the marks of a run; per commit it is the census's to tell. */
export interface LayoutProbe extends RunningProbe {
  /** Writes the live files of every table now into `files`, under this name. */
  mark(name: string): Promise<void>;
  /**
   * Lists the tables' folders in the bucket and compares them with everything the tables' metadata names. Meaningful when
   * nothing writes any more: a file that is not committed yet is an orphan too.
   */
  bucket(): Promise<StorageListing>;
}

export const layoutProbe: Probe<LayoutProbe> & { readonly kind: 'layout' } = {
  kind: 'layout',
  async start(context) {
    return {
      mark: (name) => mark(context, name),
      bucket: () => context.visibility.storage(context.signal),
      stop: async () => {},
    };
  },
};

async function mark(context: ProbeContext, name: string): Promise<void> {
  const { facts, clock, signal, datasets, visibility } = context;
  for (const dataset of datasets) {
    const live = await despiteFaults(context, () => visibility.files(dataset, signal));
    if (live === null) continue;
    const atMs = clock.nowMs();
    await facts.append(
      'files',
      live.map(({ content, path, rows, bytes }) => ({
        mark: name,
        at_ms: atMs,
        table_name: dataset.name,
        content,
        path,
        rows,
        bytes,
      })),
    );
  }
}

/** Between two questions to a catalog or an object store that is away. */
const RETRY_MS = 300;

/** Asks again for as long as a declared fault may be why there was no answer. */
async function despiteFaults<T>(
  { clock, signal, excused }: ProbeContext,
  ask: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const before = excused();
    try {
      return await ask();
    } catch (error) {
      // The fault may have begun while an answer was on its way, or have been over by the time it was missed.
      if (signal.aborted || !(before || excused())) throw error;
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
