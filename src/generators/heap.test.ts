import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

type Item = { readonly at: number; readonly tie: number };
const inOrder = (items: readonly Item[]) => [...items].sort((a, b) => a.at - b.at || a.tie - b.tie);

test('items come out in order of their numbers, whatever was pushed, popped and moved before', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('push', 'pop', 'move'), fc.nat({ max: 20 })));
  fc.assert(
    fc.property(steps, (done) => {
      const heap = new Heap<Item>();
      let held: Item[] = [];
      done.forEach(([what, at], tie) => {
        const [first, ...rest] = inOrder(held);
        if (what === 'push') {
          held.push({ at, tie });
          heap.push(at, tie, { at, tie });
        } else if (what === 'pop') {
          held = rest;
          expect(heap.pop()?.tie).toBe(first?.tie);
        } else if (first !== undefined) {
          held = [...rest, { at, tie: first.tie }];
          heap.moveFirst(at);
        }
        const next = inOrder(held)[0];
        expect(heap.nextAt).toBe(next?.at ?? Number.POSITIVE_INFINITY);
        expect(heap.peek()?.tie).toBe(next?.tie);
      });
    }),
  );
});
