import { PROBES, type ProbeKind } from '../src/harness/probes/probes.ts';
import type { Bench } from './bench.ts';
import { type Replayed, replay } from './replay.ts';

/** What observing changes in what is observed: the same replay with no probe and with all of them. */
export const observer: Bench = {
  name: 'observer',
  about: 'the same replay with probes off and on: what broker, Flink and store say changed',
  async run(context) {
    context.say('probes off');
    const off = await replay(context, 'probes-off', []);
    context.say('probes on');
    const on = await replay(context, 'probes-on', Object.keys(PROBES) as ProbeKind[]);
    const row = (what: string, replayed: Replayed) => ({
      what,
      values: {
        'events/s': replayed.events / replayed.wallS,
        ...Object.fromEntries(
          [...replayed.serverCpuS].map(([server, cpuS]) => [`${server} core-s`, cpuS]),
        ),
        commits: replayed.snapshots,
        checkpoints: replayed.checkpoints,
        'checkpoint ms': replayed.checkpointMs,
        'harness core-s': replayed.harnessCpuS,
      },
    });
    const servers = [...on.serverCpuS].map(([server, cpuS]) => ({
      name: `on / off, CPU time of ${server}`,
      ratio: cpuS / (off.serverCpuS.get(server) ?? Number.NaN),
    }));
    return {
      title: `Observer effect over ${on.wallS.toFixed(0)} s of the same load`,
      rows: [row('probes off', off), row('probes on', on)],
      ratios: [
        ...servers,
        { name: 'on / off, commits', ratio: on.snapshots / off.snapshots },
        { name: 'on / off, mean checkpoint duration', ratio: on.checkpointMs / off.checkpointMs },
        { name: 'on / off, events acknowledged', ratio: on.events / off.events },
      ],
      notes: [
        'one replay each: differences below a tenth are within what two equal replays differ by',
      ],
    };
  },
};
