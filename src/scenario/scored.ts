import { DUPLICATE_SHARES } from './resolve.ts';
import type { Sections } from './rules.ts';
import { DUPLICATE_KINDS, type Label } from './scenario.ts';

/**
 * Kinds of fault and labels that this scenario can produce, which `distance(…)` may name. undefined while one of their
 * sections has errors.
 */
export function scoredKinds({ retail, traffic }: Sections): readonly string[] | undefined {
  if (!retail || !traffic) return undefined;
  const { duplicates, malformed, redelivery } = traffic.faults;
  const shares = duplicates ? (duplicates.kinds ?? DUPLICATE_SHARES) : null;
  const labels = labelsOn(retail, traffic);
  return [
    ...DUPLICATE_KINDS.filter((kind) => (shares?.[kind] ?? 0) > 0),
    ...(malformed ? ['malformed'] : []),
    ...(redelivery ? ['redelivery'] : []),
    ...Object.entries(labels).flatMap(([label, on]) => (on ? [label] : [])),
  ];
}

type Known = Required<Pick<Sections, 'retail' | 'traffic'>>;

function labelsOn(retail: Known['retail'], { pos, wms, cart, faults }: Known['traffic']) {
  const { transport, offline, clocks, schema_drift: drift } = faults;
  return {
    late: transport !== undefined,
    offline: offline !== undefined,
    clock_off:
      clocks !== undefined &&
      (clocks.hour_off > 0 || clocks.sigma > 0 || (cart !== undefined && clocks.shoppers > 0)),
    wrong_date: (clocks?.wrong_date ?? 0) > 0,
    clock_change: retail.clocks === 'us',
    field_added: (drift?.added ?? 0) > 0,
    type_widened: (drift?.widened ?? 0) > 0,
    training: (pos?.training ?? 0) > 0,
    // Without a share in the scenario the profile has it.
    return: pos !== undefined && pos.returns !== 0,
    sequence_wrap: pos?.sequence_to !== undefined,
    deleted: (wms?.delist ?? 0) > 0,
  } satisfies Record<Label, boolean>;
}
