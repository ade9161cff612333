import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type Deadline, DeadlineQueue } from './deadlines.ts';

function entry(name: string, expired: string[]): Deadline {
  return { due: 0, previous: null, next: null, expire: () => expired.push(name) };
}

describe('a queue of deadlines', () => {
  it('expires entries in order, each at its own time, with one timer', () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(100, clock);
    const expired: string[] = [];
    queue.add(entry('a', expired));
    clock.advance(40);
    queue.add(entry('b', expired));
    expect(clock.pending).toBe(1);
    clock.advance(59);
    expect(expired).toEqual([]);
    clock.advance(1);
    expect(expired).toEqual(['a']);
    clock.advance(40);
    expect(expired).toEqual(['a', 'b']);
    expect(clock.pending).toBe(0);
  });

  it('forgets an entry that left, wherever it stood', () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(100, clock);
    const expired: string[] = [];
    const entries = ['a', 'b', 'c', 'd'].map((name) => entry(name, expired));
    for (const each of entries) queue.add(each);
    queue.remove(entries[1] as Deadline);
    queue.remove(entries[0] as Deadline);
    queue.remove(entries[3] as Deadline);
    queue.remove(entries[3] as Deadline);
    clock.advance(100);
    expect(expired).toEqual(['c']);
    expect(queue.oldest).toBe(null);
  });

  it('takes an entry again while it expires', () => {
    const clock = new FakeClock();
    const queue = new DeadlineQueue(100, clock);
    let times = 0;
    const again: Deadline = {
      due: 0,
      previous: null,
      next: null,
      expire() {
        if (++times < 3) queue.add(again);
      },
    };
    queue.add(again);
    clock.advance(1000);
    expect(times).toBe(3);
  });
});
