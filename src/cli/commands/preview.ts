import { EXIT } from '../../core/exit-codes.ts';
import { expectedCounts, rateAt } from '../../generators/expected/rate.ts';
import { pipelineFor } from '../../harness/pipelines/load.ts';
import { count, plural } from '../../reports/format.ts';
import { type Preview, renderPreview } from '../../reports/preview.ts';
import { plannedFaults } from '../../scenario/planned-faults.ts';
import { RECEIPTS, type Scenario, STOCK } from '../../scenario/scenario.ts';
import { timedMs, timeline } from '../../scenario/timeline.ts';
import type { Command } from '../command.ts';
import { type Looks, likenessOf, looksOf } from '../likeness.ts';
import { recorded } from '../recorded.ts';
import { readScenario, scenarioOptions } from '../scenario-file.ts';
import { colorOnStdout } from '../terminal.ts';

/** Points of the rate curve: about the width of a terminal. */
const POINTS = 80;
/** Samples of the rate within each point: the curve shows their mean, so that a short burst is not missed. */
const PARTS = 8;
/** Width of a query or compact phase in the picture, in which the load continues. */
const TAIL_SHARE = 0.15;

export const previewCommand: Command = {
  command: 'preview <scenario>',
  describe: 'Show what a scenario would send, without starting servers',
  builder: (yargs) =>
    scenarioOptions(yargs)
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'the numbers as JSON',
      })
      .example(
        '$0 preview scenarios/black-friday.yaml',
        'the rate curve, and counts per phase and stream',
      ),
  async run(args, context) {
    const { terminal } = context;
    const parsed = await recorded(readScenario(args), args, context);
    const { scenario } = parsed;
    const { name, tier, headline } = pipelineFor(parsed, process.cwd()).manifest;
    const looks = looksOf(scenario);
    const preview = previewOf(scenario, looks, `${name} (tier ${tier}): ${headline}`);
    const color = colorOnStdout();
    terminal.result(
      args.json
        ? JSON.stringify({ ...preview, looks }, null, 1)
        : renderPreview(preview, { color, columns: terminal.columns }),
    );
    return EXIT.pass;
  },
};

function previewOf(scenario: Scenario, looks: Looks | null, pipelineLine: string): Preview {
  const endMs = timedMs(scenario) * (1 + TAIL_SHARE);
  const everyMs = endMs / POINTS;
  const timed = new Map(timeline(scenario).map((one) => [one.phase.name, one]));
  return {
    name: scenario.name,
    title: titleOf(scenario),
    seed: scenario.seed,
    startsAt: scenario.startsAt,
    phases: scenario.phases.map((phase) => ({
      name: phase.name,
      kind: phase.kind,
      load: phase.kind === 'load' ? phase.load : 1,
      startMs: timed.get(phase.name)?.startMs ?? timedMs(scenario),
      endMs: timed.get(phase.name)?.endMs ?? null,
    })),
    rate: {
      everyMs,
      perSecond: Array.from({ length: POINTS }, (_, i) => meanRate(scenario, i * everyMs, everyMs)),
    },
    counts: expectedCounts(scenario).map(({ phase, stream, receipts, lines, messages }) => ({
      phase,
      stream,
      receipts: stream === RECEIPTS ? receipts : null,
      lines,
      events: messages,
    })),
    likeness: looks === null ? null : likenessOf(looks),
    notes: notesOf(scenario, `pipeline ${pipelineLine}`),
  };
}

/** Number of stores, their streams, and the highest load. */
function titleOf({ retail, traffic, phases }: Scenario): string {
  const { pos, cart } = traffic;
  const loads = phases.flatMap((phase) => (phase.kind === 'load' ? [phase.load] : []));
  const receipts =
    pos &&
    (pos.tape
      ? `the receipts of ${pos.tape.file}`
      : `${count(pos.receiptsPerStoreHour)} receipts per store and hour`);
  const sessions = cart && `${cart.sessionsPerSecond} cart sessions per second`;
  return [plural(retail.stores, 'store'), receipts, sessions, `up to ${Math.max(...loads)}x`]
    .filter((part) => part !== null)
    .join(', ');
}

/** Mean rate over an interval: the backlog after an outage may last only for a part of a second. */
function meanRate(scenario: Scenario, fromMs: number, forMs: number): number {
  let sum = 0;
  for (let i = 0; i < PARTS; i++) sum += rateAt(scenario, fromMs + ((i + 0.5) / PARTS) * forMs);
  return sum / PARTS;
}

function notesOf(scenario: Scenario, pipelineLine: string): string[] {
  const { retail, traffic } = scenario;
  const keys = (retail.stores * retail.assortment).toLocaleString('en-US');
  const faults = [
    traffic.faults.duplicates &&
      `${(traffic.faults.duplicates.rate * 100).toFixed(2)} % sent again`,
    traffic.faults.malformed && `${(traffic.faults.malformed.rate * 100).toFixed(2)} % damaged`,
    traffic.faults.transport && 'delayed in transport',
    traffic.faults.offline && 'stores offline',
    traffic.faults.clocks && 'wrong clocks',
    traffic.faults.schemaDrift && 'schema drift',
    traffic.faults.redelivery && 're-deliveries',
  ].filter((fault) => fault !== null);
  const outages = plannedFaults(scenario);
  return [
    pipelineLine,
    ...tapeNotes(scenario),
    traffic[STOCK]?.preload === 'assortment'
      ? `opening stock: ${keys} keys, loaded before t0 and outside staleness`
      : 'no opening stock: the tables start empty',
    faults.length === 0 ? 'no faults in delivery' : `faults in delivery: ${faults.join(', ')}`,
    ...(outages === null ? [] : [outages]),
    'counts are means over seeds, copies included; the load continues at 1x after the timed phases',
  ];
}

/** Contents of a recording, number of its repetitions, and adjustments to it. */
function tapeNotes(scenario: Scenario): string[] {
  const { retail, traffic } = scenario;
  const tape = traffic[RECEIPTS]?.tape ?? null;
  if (tape === null || tape.recording === null) return [];
  const { atMs, product, priceCents, stores, measures, turned, from, to } = tape.recording;
  const n = (value: number) => value.toLocaleString('en-US');
  const due = expectedCounts(scenario).reduce((sum, { receipts }) => sum + (receipts ?? 0), 0);
  return [
    `tape: ${tape.file}, ${n(atMs.length)} receipts of ${n(stores)} stores, ` +
      `${from.slice(0, 10)} to ${to.slice(0, 10)}, on ${n(retail.stores)}; ` +
      `the timed phases take ${n(Math.round(due))}` +
      (due > atMs.length ? ', so it begins again, under new ids' : ''),
    `${n(measures)} of its ${n(product.length)} lines have a measure as their quantity and count as one unit; ` +
      (priceCents.length > retail.skus
        ? `its ${n(priceCents.length)} products share ${n(retail.skus)} SKUs`
        : `its ${n(priceCents.length)} products have an SKU each`),
    ...(turned === 0
      ? []
      : [`${n(turned)} of its returned lines have a positive amount; the sign is reversed`]),
  ];
}
