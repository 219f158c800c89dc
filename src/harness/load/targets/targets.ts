import type { Manifest, TargetKind } from '../../../topology/manifest.ts';
import type { Stack } from '../../stack/stack.ts';
import { inProcess } from './in-process.ts';
import { kafka } from './kafka.ts';
import { postgres } from './postgres.ts';
import type { LoadTarget, TargetAddress } from './target.ts';

/** Every kind of target. */
export const TARGETS: { readonly [K in TargetKind]: LoadTarget<K> } = {
  kafka,
  postgres,
  'in-process': inProcess,
};

/** Where the load of a pipeline is sent on a stack. */
export function addressOf(
  { target }: Pick<Manifest, 'target'>,
  stack: Pick<Stack, 'endpoints' | 'inProcess'>,
): TargetAddress {
  return TARGETS[target].address(stack);
}

/** The target of an address. The cast is safe: the caller passes it only addresses of that kind. */
export function targetOf({ kind }: TargetAddress): LoadTarget<TargetKind> {
  return TARGETS[kind] as LoadTarget<TargetKind>;
}
