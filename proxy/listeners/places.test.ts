import { describe, expect, it } from 'vitest';
import { Places, countPlaces, createPlaces, forgetPlaces } from './places.ts';

describe('the places of a port', () => {
  it('are limited for all threads together', () => {
    const buffer = createPlaces(2);
    const [first, second] = [new Places(buffer, 0), new Places(buffer, 1)];
    expect([first.take(2), second.take(2), first.take(2)]).toEqual([true, true, false]);
    second.leave();
    expect(first.take(2)).toBe(true);
    expect(countPlaces(buffer)).toEqual({ open: 2, waiting: 0, turnedAway: 0 });
  });

  it('come back when a thread dies; what it turned away stays counted', () => {
    const buffer = createPlaces(2);
    for (const thread of [0, 1]) {
      const places = new Places(buffer, thread);
      places.take(10);
      places.wait(1);
      places.turnAway();
    }
    expect(countPlaces(buffer)).toEqual({ open: 2, waiting: 2, turnedAway: 2 });
    forgetPlaces(buffer, 1);
    expect(countPlaces(buffer)).toEqual({ open: 1, waiting: 1, turnedAway: 2 });
  });
});
