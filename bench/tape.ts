import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bench as Tinybench } from 'tinybench';
import { encode } from '../src/generators/encode.ts';
import type { TapeEvent } from '../src/generators/event.ts';
import { storesOf, tapeOf } from '../src/generators/tape.ts';
import { packageRoot } from '../src/harness/entry.ts';
import { parseScenario } from '../src/scenario/parse.ts';
import type { Bench } from './bench.ts';
import { ownCpuS } from './cpu.ts';

const SAMPLE = 5_000;
/** When the tape begins, epoch ms: stamps have as many digits as in a run. */
const T0_MS = 1_795_770_000_000;

/** The generator and the encoder by themselves, on one thread. */
export const tape: Bench = {
  name: 'tape',
  about: 'events generated and encoded per core, beside JSON.stringify alone',
  async run() {
    const file = 'scenarios/black-friday.yaml';
    const text = readFileSync(join(packageRoot, file), 'utf8');
    const { scenario } = parseScenario(text, { file });
    const stores = storesOf(scenario);
    const events = tapeOf(scenario, stores)[Symbol.iterator]();
    const next = () => events.next().value as TapeEvent;
    const sample = Array.from({ length: SAMPLE }, next);
    // By CPU time, so that what else the machine does is not counted.
    const now = () => ownCpuS() * 1_000;
    const bench = new Tinybench({ now, time: 2_000, warmupTime: 500, throws: true });
    bench
      .add('generated', () => {
        for (let i = 0; i < SAMPLE; i++) next();
      })
      .add('encoded', () => {
        for (const event of sample) encode(event, T0_MS);
      })
      .add('JSON.stringify of the body alone', () => {
        for (const { body } of sample) JSON.stringify(body);
      })
      .add('generated and encoded', () => {
        for (let i = 0; i < SAMPLE; i++) encode(next(), T0_MS);
      });
    await bench.run();
    const perSecond = bench.tasks.map(({ name, result }) => {
      if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`);
      return { name, value: (SAMPLE * 1_000) / result.latency.p50 };
    });
    const of = (name: string) => perSecond.find((task) => task.name === name)?.value ?? Number.NaN;
    return {
      title: 'The tape of black-friday.yaml (events per core-second, medians)',
      rows: perSecond.map(({ name, value }) => ({
        what: name,
        values: { 'events/core-s': value },
      })),
      ratios: [
        {
          name: 'encoded / JSON.stringify of the body alone',
          ratio: of('encoded') / of('JSON.stringify of the body alone'),
        },
        { name: 'generated / encoded', ratio: of('generated') / of('encoded') },
      ],
      notes: [`${SAMPLE} events a sample`],
    };
  },
};
