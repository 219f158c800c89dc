import pc from 'picocolors';
import type { SetupEvent } from '../harness/setup/setup.ts';
import type { Terminal } from './terminal.ts';

/** Least time between two lines about the same artifact and step without a terminal, s. */
const EVERY_S = 15;

/** Shows the progress of setup: a redrawn window on a terminal, a line per step elsewhere. */
export function setupProgress(terminal: Terminal): {
  readonly show: (event: SetupEvent) => void;
  readonly end: () => void;
} {
  const latest = new Map<string, SetupEvent>();
  const said = new Map<string, { readonly step: string; readonly seconds: number }>();
  let drawn = 0;
  const draw = () => {
    const lines = [...latest.values()].map((event) =>
      lineOf(event).slice(0, terminal.columns + 20),
    );
    terminal.redraw(lines, drawn);
    drawn = lines.length;
  };
  return {
    show(event) {
      if (event.state === 'present') return;
      latest.set(event.artifact, event);
      if (terminal.live) return draw();
      const before = said.get(event.artifact);
      const fresh = before?.step !== event.step || event.state !== 'working';
      if (!fresh && event.seconds - before.seconds < EVERY_S) return;
      said.set(event.artifact, { step: event.step, seconds: event.seconds });
      terminal.say(lineOf(event));
    },
    end() {
      drawn = 0;
      latest.clear();
    },
  };
}

const COLORS: Readonly<Record<SetupEvent['state'], (text: string) => string>> = {
  present: pc.green,
  done: pc.green,
  working: pc.cyan,
  waiting: pc.yellow,
  failed: pc.red,
};

function lineOf({ artifact, version, state, step, fraction, seconds }: SetupEvent): string {
  const percent = fraction === undefined ? '' : ` ${Math.floor(fraction * 100)} %`;
  const name = `${artifact} ${version}`.slice(0, 44).padEnd(44);
  return `setup  ${name} ${COLORS[state](state.padEnd(7))} ${step}${percent}  ${seconds.toFixed(0)} s`;
}
