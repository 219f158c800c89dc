import type { Manifest, TargetKind } from '../../../topology/manifest.ts';
import type { Stack } from '../../stack/stack.ts';
import { inProcess } from './in-process.ts';
import { kafka } from './kafka.ts';
import type { LoadTarget, TargetAddress } from './target.ts';

/** Every kind of target. */
const TARGETS: { readonly [K in TargetKind]: LoadTarget<K> } = {
  kafka,
  'in-process': inProcess,
};

/** Where the load of a pipeline is sent on a stack. */
export function addressOf(
  { target }: Pick<Manifest, 'target'>,
  stack: Pick<Stack, 'endpoints' | 'inProcess'>,
): TargetAddress {
  return TARGETS[target].address(stack);
}

/** A target that is given addresses of its own kind only. */
export function targetOf({ kind }: TargetAddress): LoadTarget<TargetKind> {
  return TARGETS[kind] as LoadTarget<TargetKind>;
}
