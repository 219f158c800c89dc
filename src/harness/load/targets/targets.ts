import type { TargetKind } from '../../../topology/manifest.ts';
import { inProcess } from './in-process.ts';
import { kafka } from './kafka.ts';
import type { LoadTarget, TargetAddress } from './target.ts';

/** Every kind of target. */
export const TARGETS: { readonly [K in TargetKind]: LoadTarget<K> } = {
  kafka,
  'in-process': inProcess,
};

/** A target that is given addresses of its own kind only. */
export function targetOf({ kind }: TargetAddress): LoadTarget<TargetKind> {
  return TARGETS[kind] as LoadTarget<TargetKind>;
}
