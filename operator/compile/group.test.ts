import { describe, expect, it } from 'vitest';
import { Group } from './group.ts';

describe('group', () => {
  it('keeps its members in order of their keys, whoever came first', () => {
    const group = new Group<number>();
    for (const key of ['c', 'a', 'd', 'b']) group.set(key, key.charCodeAt(0));
    group.set('c', 1);
    group.delete('a');
    group.delete('nobody');
    expect([...group.entries()]).toEqual([
      ['b', 98],
      ['c', 1],
      ['d', 100],
    ]);
    expect(group.first()).toEqual({ key: 'b', value: 98 });
    expect(group.size).toBe(3);
  });

  it('has no first when it is empty', () => {
    expect(new Group().first()).toBeUndefined();
  });
});
