import type { RunRecord } from '../record/record.ts';
import { count, percent, plural, ratio } from './format.ts';

/** One sentence per stream with a partition that received much more than its share. */
export function skewInWords({ producing }: RunRecord): readonly string[] {
  return (producing?.partitions ?? [])
    .filter(({ skewed }) => skewed)
    .map(({ stream, partitions, messages, busiest, received, store, ofStore }) => {
      const share = received / messages;
      return (
        `key skew: partition ${busiest} of ${stream} received ${percent(share)} of ${plural(messages, 'message')}, ` +
        `${ratio(share * partitions)} times its even share on ${count(partitions)} partitions; ` +
        `store ${store} sent ${percent(ofStore / received)} of it`
      );
    });
}
