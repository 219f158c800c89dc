import { inProcessOf } from '../../stack/in-process.ts';
import type { Compaction } from './compaction.ts';

/** Simulated duration of a rewrite per file that it reads, ms. */
const REWRITE_PER_FILE_MS = 4;

/**
 * Writes each table in this process into one data file without deletes. Its duration is simulated, not measured: it
 * sleeps for a time that depends on the number of files, and counts that as its CPU time.
 */
export const inProcess = {
  kind: 'in-process',
  servers: [],
  tables: ({ manifest }) => manifest.datasets.map(({ name }) => name),
  async run({ place }, { stack, clock, signal }) {
    const { tables } = inProcessOf(stack);
    const startedMs = clock.nowMs();
    const counts = { rewrittenFiles: 0, addedFiles: 0, rewrittenBytes: 0, removedDeleteFiles: 0 };
    const rewritten: string[] = [];
    for (const name of tables.names(place.namespace)) {
      const before = tables.live(name) ?? [];
      if (before.length < 2) continue;
      await clock.sleep(REWRITE_PER_FILE_MS * before.length, signal);
      const { removed, added } = await tables.rewrite(name);
      rewritten.push(name);
      for (const { content, bytes } of removed) {
        if (content === 'data') {
          counts.rewrittenFiles += 1;
          counts.rewrittenBytes += bytes;
        } else counts.removedDeleteFiles += 1;
      }
      counts.addedFiles += added.length;
    }
    const committedMs = clock.nowMs();
    const wallMs = committedMs - startedMs;
    const step = { startMs: startedMs, endMs: committedMs, coreSeconds: wallMs / 1_000 };
    return {
      ...{ by: 'in-process', outcome: 'committed', error: null, tables: rewritten, ...counts },
      ...{ startedMs, engineReadyMs: startedMs, committedMs, wallMs, startupMs: 0 },
      ...{ coreSeconds: wallMs / 1_000, startupCoreSeconds: 0, output: '' },
      steps: [{ action: 'rewrite', ...step }],
      ...{ rewrittenManifests: 0, expiredFiles: 0, removedOrphans: 0, removedOrphanBytes: 0 },
    };
  },
} as const satisfies Compaction;
