import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/core/clock.ts';
import { locateArtifacts } from '../src/harness/setup/artifacts.ts';
import { defaultCacheDir } from '../src/harness/setup/cache.ts';
import { readLock } from '../src/harness/setup/lock.ts';
import type { Bench, BenchResult } from './bench.ts';
import { census } from './census.ts';
import { memory } from './memory.ts';
import { observer } from './observer.ts';
import { oracle } from './oracle.ts';
import { partitions } from './partitions.ts';
import { parts } from './parts.ts';
import { peers } from './peers.ts';
import { pipeline } from './pipeline.ts';
import { producing } from './producing.ts';
import { readers } from './readers.ts';
import { slip } from './slip.ts';
import { tape } from './tape.ts';

const BENCHES: readonly Bench[] = [
  ...[tape, memory, producing, slip, peers],
  ...[pipeline, readers, partitions, oracle, census, observer, parts],
];

/** What the machine is, and how busy others keep it: without that no number here can be read. */
interface Report {
  readonly cores: number;
  readonly node: string;
  /** Load average of the last minute before the first bench. */
  readonly loadBefore: number;
  readonly results: readonly (BenchResult & { readonly name: string })[];
}

async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const names = args.filter((arg) => arg !== '--json');
  const unknown = names.filter((name) => !BENCHES.some((bench) => bench.name === name));
  if (unknown.length > 0 || args.includes('--help')) {
    const list = BENCHES.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n');
    process.stderr.write(`npm run bench -- [--json] [name …]\n${list}\n`);
    process.exitCode = unknown.length > 0 ? 2 : 0;
    return;
  }
  const loadBefore = loadavg()[0] ?? 0;
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const results = [];
  // Servers end and folders are removed; a second Ctrl-C ends it at once.
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  for (const bench of BENCHES) {
    if (names.length > 0 && !names.includes(bench.name)) continue;
    say(`${bench.name}: ${bench.about}`);
    const dir = mkdtempSync(join(tmpdir(), 'doorbuster-bench-'));
    const context = {
      artifacts: locateArtifacts(defaultCacheDir(), readLock()),
      clock: systemClock,
      signal: stopping.signal,
      dir,
      say: (line: string) => say(`  ${line}`),
    };
    try {
      results.push({ name: bench.name, ...(await bench.run(context)) });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }
  const report = { cores: availableParallelism(), node: process.version, loadBefore, results };
  process.stdout.write(json ? `${JSON.stringify(report, null, 1)}\n` : tables(report));
}

function tables({ cores, node, loadBefore, results }: Report): string {
  const busy = loadBefore > cores / 2 ? ': others were at work, mistrust all but the ratios' : '';
  const head = `${cores} cores, Node ${node}, load ${loadBefore.toFixed(1)} before${busy}`;
  return [head, ...results.map(table)].join('\n\n').concat('\n');
}

function table({ title, rows, ratios, notes }: BenchResult): string {
  const columns = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const cells = [
    ['', ...columns],
    ...rows.map(({ what, values }) => [what, ...columns.map((column) => cell(values[column]))]),
  ];
  const widths = ['', ...columns].map((_, i) =>
    Math.max(...cells.map((row) => row[i]?.length ?? 0)),
  );
  const lines = cells.map((row) =>
    row
      .map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
      .join('  '),
  );
  const told = ratios.map(({ name, ratio }) => `${ratio.toFixed(2)}  ${name}`);
  return [title, ...lines, ...told, ...notes.map((note) => `(${note})`)].join('\n');
}

/** Four significant figures. */
function cell(value: number | null | undefined): string {
  if (value === null || value === undefined) return '-';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(4)));
}

await main(process.argv.slice(2));
