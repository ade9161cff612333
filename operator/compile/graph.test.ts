import { describe, expect, it } from 'vitest';
import { type CellKind, Graph, type InputKind } from './graph.ts';

const number: InputKind<number> = { name: 'number', level: 0, absent: 0 };
const same = <T>(a: T, b: T): boolean => a === b;

/** Counts how often each cell ran. */
function counted<T>(kind: Omit<CellKind<T>, 'same'>): CellKind<T> & { readonly runs: string[] } {
  const runs: string[] = [];
  return {
    ...kind,
    same,
    runs,
    compute: (key, read, before) => {
      runs.push(key);
      return kind.compute(key, read, before);
    },
  };
}

const parityOf = () => counted({ name: 'parity', level: 1, compute: (key, read) => read.get(number, key) % 2 });

describe('graph', () => {
  it('runs only what read the changed input, and stops where the value is the same', () => {
    const parity = parityOf();
    const words = counted({
      name: 'word',
      level: 2,
      compute: (key, read) => (read.get(parity, key) === 0 ? 'even' : 'odd'),
    });
    const graph = new Graph();
    graph.set(number, 'a', 1);
    graph.set(number, 'b', 2);
    graph.want(words, 'a', true);
    graph.want(words, 'b', true);
    expect(
      graph
        .settle()
        .filter(({ kind }) => kind === 'word')
        .map(({ key, after }) => [key, after]),
    ).toEqual([
      ['a', 'odd'],
      ['b', 'even'],
    ]);
    graph.set(number, 'a', 3);
    expect(graph.settle()).toEqual([]);
    expect(parity.runs).toEqual(['a', 'b', 'a']);
    expect(words.runs).toEqual(['a', 'b']);
    graph.set(number, 'a', 4);
    expect(graph.settle().map(({ kind, before, after }) => [kind, before, after])).toEqual([
      ['parity', 1, 0],
      ['word', 'odd', 'even'],
    ]);
  });

  it('follows what a cell reads now, not what it read before', () => {
    const choose = counted({
      name: 'choose',
      level: 1,
      compute: (_, read) => read.get(number, read.get(number, 'switch') === 0 ? 'a' : 'b'),
    });
    const graph = new Graph();
    graph.want(choose, '', true);
    graph.settle();
    graph.set(number, 'switch', 1);
    graph.settle();
    graph.set(number, 'a', 7);
    expect(graph.settle()).toEqual([]);
    expect(choose.runs.length).toBe(2);
    graph.set(number, 'b', 8);
    expect(graph.settle().map(({ after }) => after)).toEqual([8]);
    graph.set(number, 'a', 0);
    graph.settle();
    expect(graph.size).toBe(3);
  });

  it('a held cell is an output of its own: it changes without running its holder', () => {
    const parity = parityOf();
    const holder = counted({
      name: 'holder',
      level: 2,
      compute: (key, read) => {
        read.hold(parity, key);
        return 'held';
      },
    });
    const graph = new Graph();
    graph.want(holder, 'a', true);
    graph.settle();
    graph.set(number, 'a', 1);
    expect(graph.settle().map(({ kind, after }) => [kind, after])).toEqual([['parity', 1]]);
    expect(holder.runs.length).toBe(1);
    graph.want(holder, 'a', false);
    expect(graph.settle().map(({ kind, after }) => [kind, after])).toEqual([
      ['holder', undefined],
      ['parity', undefined],
    ]);
  });

  it('leaves nothing behind when all is taken away', () => {
    const parity = parityOf();
    const graph = new Graph();
    graph.set(number, 'a', 1);
    graph.want(parity, 'a', true);
    graph.settle();
    graph.want(parity, 'a', false);
    graph.set(number, 'a', 0);
    graph.settle();
    expect(graph.size).toBe(0);
  });

  it('gives a reader that comes in the same settling the new value of a cell that nobody wanted', () => {
    const parity = parityOf();
    const late = counted({ name: 'late', level: 2, compute: (_, read) => read.get(parity, 'a') });
    const graph = new Graph();
    graph.want(parity, 'a', true);
    graph.settle();
    graph.want(parity, 'a', false);
    graph.set(number, 'a', 1);
    graph.want(late, '', true);
    graph.settle();
    expect(graph.settle()).toEqual([]);
    graph.set(number, 'a', 2);
    expect(graph.settle().map(({ kind, before, after }) => [kind, before, after])).toContainEqual(['late', 1, 0]);
  });

  it('refuses a step that reads its own level or a higher one', () => {
    const upward: CellKind<number> = { name: 'up', level: 1, same, compute: (_, read) => read.get(upward, 'other') };
    const graph = new Graph();
    graph.want(upward, 'a', true);
    expect(() => graph.settle()).toThrow('up may not read up');
  });
});
