import { PROBES, type ProbeKind } from '../src/harness/probes/probes.ts';
import type { Bench } from './bench.ts';
import { type Replayed, replay } from './replay.ts';

const ALL = Object.keys(PROBES) as ProbeKind[];
/** Off, on, on, off: what drifts with time (a machine's load, its caches) falls on both alike. */
const ORDER = ['off', 'on', 'on', 'off'] as const;
/** Below so many CPU seconds a server's ratio says nothing. */
const LEAST_CPU_S = 1;

/** What observing changes in what is observed: the same replay with no probe and with all of them. */
export const observer: Bench = {
  name: 'observer',
  about: 'the same replay with probes off and on: what broker, Flink and store say changed',
  async run(context) {
    const replays: { readonly probes: 'on' | 'off'; readonly replayed: Replayed }[] = [];
    for (const [i, probes] of ORDER.entries()) {
      context.say(`probes ${probes}`);
      const replayed = await replay(context, `${i}-${probes}`, probes === 'on' ? ALL : []);
      replays.push({ probes, replayed });
    }
    const ratio = (of: (replayed: Replayed) => number) => {
      const sum = (wanted: 'on' | 'off') =>
        replays.reduce((total, { probes, replayed }) => {
          return probes === wanted ? total + of(replayed) : total;
        }, 0);
      return sum('on') / sum('off');
    };
    const cpuOf = (server: string) => (replayed: Replayed) =>
      replayed.serverCpuS.get(server) ?? Number.NaN;
    const [first] = replays as [(typeof replays)[number]];
    const servers = [...first.replayed.serverCpuS]
      .filter(([, cpuS]) => cpuS >= LEAST_CPU_S)
      .map(([server]) => ({
        name: `on / off, CPU time of ${server}`,
        ratio: ratio(cpuOf(server)),
      }));
    return {
      title: `Observer effect: four replays, ${first.replayed.wallS.toFixed(0)} s of the same load each`,
      rows: replays.map(({ probes, replayed }) => ({
        what: `probes ${probes}`,
        values: valuesOf(replayed),
      })),
      ratios: [
        ...servers,
        { name: 'on / off, commits', ratio: ratio(({ snapshots }) => snapshots) },
        { name: 'on / off, mean checkpoint', ratio: ratio(({ checkpointMs }) => checkpointMs) },
        { name: 'on / off, events acknowledged', ratio: ratio(({ events }) => events) },
      ],
      notes: [
        'what two replays of one kind differ by is noise: no ratio says more than that allows',
      ],
    };
  },
};

function valuesOf(replayed: Replayed): Readonly<Record<string, number>> {
  return {
    'events/s': replayed.events / replayed.wallS,
    ...Object.fromEntries(
      [...replayed.serverCpuS].map(([server, cpuS]) => [`${server} core-s`, cpuS]),
    ),
    commits: replayed.snapshots,
    checkpoints: replayed.checkpoints,
    'checkpoint ms': replayed.checkpointMs,
    'harness core-s': replayed.harnessCpuS,
  };
}
