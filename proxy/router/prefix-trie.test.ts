import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedList } from './ordered-list.ts';
import { type TrieNode, addToTrie, createTrie, removeFromTrie } from './prefix-trie.ts';

interface Entry {
  order: number;
}

function ordersOf(root: TrieNode<Entry>, text: string): number[] {
  const found: number[] = [];
  let at = 0;
  for (let node: TrieNode<Entry> | null = root; node !== null; node = node.next(text, at)) {
    at += node.label.length;
    if (node.entries instanceof OrderedList) found.push(...node.entries.values.map(({ order }) => order));
    else if (node.entries !== null) found.push(node.entries.order);
  }
  return found;
}

const word = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 5 }).map((letters) => letters.join(''));

describe('a prefix trie', () => {
  it('finds exactly the keys that a text begins with, each in order, and is empty when all are removed', () => {
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 20 }),
        fc.array(word, { maxLength: 8 }),
        fc.nat(),
        (keys, texts, seed) => {
          const root = createTrie<Entry>();
          for (const [order, key] of keys.entries()) addToTrie(root, key, { order });
          const left = new Map(keys.entries());
          const check = (): void => {
            for (const text of texts) {
              const expected = [...left].filter(([, key]) => text.startsWith(key));
              expected.sort((a, b) => a[1].length - b[1].length || a[0] - b[0]);
              expect(ordersOf(root, text)).toEqual(expected.map(([order]) => order));
            }
          };
          check();
          while (left.size > 0) {
            const order = [...left.keys()][seed % left.size] as number;
            removeFromTrie(root, left.get(order) as string, order);
            left.delete(order);
            check();
          }
          expect([root.isLeaf, root.entries]).toEqual([true, null]);
        },
      ),
    );
  });

  it('joins nodes again, so that it does not grow with the keys that came and went', () => {
    const root = createTrie<Entry>();
    addToTrie(root, '/api/v1/users', { order: 0 });
    for (const key of ['/api/v1/x', '/api/y', '/api']) {
      addToTrie(root, key, { order: 1 });
      removeFromTrie(root, key, 1);
    }
    expect(root.onlyChild?.label).toBe('/api/v1/users');
  });

  it('ignores what is not there', () => {
    const root = createTrie<Entry>();
    addToTrie(root, '/a', { order: 0 });
    removeFromTrie(root, '/a', 1);
    removeFromTrie(root, '/b', 0);
    removeFromTrie(root, '/', 0);
    expect(ordersOf(root, '/a')).toEqual([0]);
  });
});
