import { percent } from './format.ts';
import type { Gate } from './gate.ts';
import { gateHeadline } from './gate-text.ts';
import { shareOf } from './verdict-page.ts';

/**
 * Annotations of a job on GitHub, as the lines that it reads from the output of a step: an error per finding, a warning
 * where nothing was decided; none for a gate that passed.
 */
export function gateAnnotations(gate: Gate): readonly string[] {
  const { verdict, truth, metrics } = gate;
  if (verdict === 'PASS') return [];
  if (verdict !== 'FAIL') return [annotation('warning', gateHeadline(gate))];
  const worse = metrics.filter(({ found }) => found === 'worse');
  return [
    ...truth.map((text) => annotation('error', text)),
    ...worse.map(({ title, estimate, effect }) =>
      annotation('error', `${title} is ${shareOf(estimate)} worse (effect ${percent(effect)})`),
    ),
  ];
}

function annotation(level: 'error' | 'warning', text: string): string {
  const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::${level} title=doorbuster gate::${escaped}`;
}
