import { describe, expect, it } from 'vitest';
import { nextStep, type Position, type ViewNews } from './next-step.ts';

const none: ReadonlySet<string> = new Set();
const set = (...names: string[]): ReadonlySet<string> => new Set(names);
const idle: Position = {
  open: true,
  full: false,
  changing: false,
  first: false,
  owed: { versioned: none, live: none },
  gone: none,
};
const quiet: ViewNews = { versioned: none, live: none };

describe('what a session sends next', () => {
  it.each<[string, Partial<Position>, Partial<ViewNews>, ReturnType<typeof nextStep>]>([
    ['nothing when nothing is new', {}, {}, { kind: 'wait' }],
    ['a first change, be it empty', { first: true }, {}, { kind: 'change', names: none }],
    ['nothing before hello', { open: false, first: true }, { live: set('e') }, { kind: 'wait' }],
    ['nothing when the outlet is full', { full: true }, { live: set('e') }, { kind: 'wait' }],
    [
      'live units before a change',
      { first: true },
      { live: set('e'), versioned: set('r') },
      { kind: 'live', names: set('e') },
    ],
    ['live units during a change', { changing: true }, { live: set('e') }, { kind: 'live', names: set('e') }],
    ['no second change during one', { changing: true }, { versioned: set('r') }, { kind: 'wait' }],
    [
      'what is new and what is owed together',
      { owed: { versioned: set('a'), live: none } },
      { versioned: set('b') },
      { kind: 'change', names: set('a', 'b') },
    ],
    ['owed live units', { owed: { versioned: none, live: set('e') } }, {}, { kind: 'live', names: set('e') }],
    ['removals of live units when quiet', { gone: set('e') }, {}, { kind: 'removeLive', names: set('e') }],
    ['no such removal during a change', { gone: set('e'), changing: true }, {}, { kind: 'wait' }],
    [
      'a change before such a removal',
      { gone: set('e') },
      { versioned: set('r') },
      { kind: 'change', names: set('r') },
    ],
    ['a wish for the table when history is too short', {}, { versioned: null }, { kind: 'needTable' }],
    ['that also for live units', {}, { live: null }, { kind: 'needTable' }],
    ['no such wish during a change', { changing: true }, { live: null }, { kind: 'wait' }],
  ])('%s', (_, position, news, step) => {
    expect(nextStep({ ...idle, ...position }, { ...quiet, ...news })).toEqual(step);
  });
});
