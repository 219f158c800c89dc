import type { StorageListing } from '../visibility/visibility.ts';
import type { Probe, ProbeContext, RunningProbe } from './probe.ts';

/** Layout at the marks of a run; the census observes it per commit. */
export interface LayoutProbe extends RunningProbe {
  /** Writes the current live files of every table into `files`, under this name. */
  mark(name: string): Promise<void>;
  /**
   * Lists the tables' folders in the bucket and compares them with the files that the tables' metadata names. Only
   * meaningful after all writers have stopped: an uncommitted file counts as an orphan.
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
    const live = await retryDuringFaults(context, () => visibility.files(dataset, signal));
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

/** Pause between two attempts while catalog or object store are down. */
const RETRY_MS = 300;

/** Retries as long as a declared fault may be the reason for the failure. */
async function retryDuringFaults<T>(
  { clock, signal, underDeclaredFault }: ProbeContext,
  operation: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const before = underDeclaredFault();
    try {
      return await operation();
    } catch (error) {
      // The fault may have begun during the request, or ended before the request failed.
      if (signal.aborted || !(before || underDeclaredFault())) throw error;
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
