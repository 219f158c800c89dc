import type { Bench } from './bench.ts';
import { replay } from './replay.ts';

/** What reading every row of every commit costs, as the difference between two replays. */
export const census: Bench = {
  name: 'census',
  about: 'the cost of the census per row, and its share of the machine',
  async run(context) {
    context.say('without any probe');
    const without = await replay(context, 'census-without', []);
    context.say('with the census alone');
    const with_ = await replay(context, 'census-with', ['census']);
    const seen = with_.census;
    if (seen === null) throw new Error('a replay with a census counted nothing');
    const censusS = with_.harnessCpuS - without.harnessCpuS;
    const row = (what: string, { harnessCpuS, wallS, events, cores }: typeof with_) => ({
      what,
      values: {
        events,
        'harness core-s': harnessCpuS,
        'harness, % of machine': (harnessCpuS / wallS / cores) * 100,
      },
    });
    return {
      title: `The census over ${seen.rows} rows in ${seen.commits} commits of ${with_.wallS.toFixed(0)} s`,
      rows: [
        row('load alone', without),
        row('load and census', with_),
        {
          what: 'the census (difference)',
          values: {
            'harness core-s': censusS,
            'harness, % of machine': (censusS / with_.wallS / with_.cores) * 100,
            'us per row': (censusS / seen.rows) * 1e6,
            'ms per commit': (censusS / seen.commits) * 1_000,
          },
        },
      ],
      ratios: [
        { name: 'census / load, CPU time of the harness', ratio: censusS / without.harnessCpuS },
      ],
      notes: ['most of it is per commit and per poll, so a heavier load costs less per row'],
    };
  },
};
