import {
  type EventDataset,
  type EventStream,
  type ImageDataset,
  REJECTED,
  REJECTED_IDENTITY,
  type RejectedDataset,
} from '../../src/topology/dataset.ts';

/** Datasets as a minimal pipeline.yaml declares them. */

const PLAIN = { layer: null, columns: {}, visibility: 'iceberg' } as const;

export function events(carries: EventStream, name: string = carries): EventDataset {
  return { ...PLAIN, name, carries, semantics: 'append', firstOf: ['event_id'] };
}

export function images(
  semantics: ImageDataset['semantics'],
  name: string = 'inventory',
): ImageDataset {
  const key = ['store_id', 'sku_id'];
  return { ...PLAIN, name, carries: 'inventory', semantics, key, version: 'version', subset: null };
}

export function rejected(name = 'dead_letter'): RejectedDataset {
  return { ...PLAIN, name, carries: REJECTED, semantics: 'append', firstOf: REJECTED_IDENTITY };
}
