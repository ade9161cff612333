import { describe, expect, it } from 'vitest';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { type BalancerPolicy, balancers, createBalancer } from './balancer.ts';
import type { UpstreamRequest } from './upstream.ts';

const request: UpstreamRequest = {
  method: 'GET',
  target: '/',
  authority: 'a.test',
  scheme: 'http',
  headers: new HeaderList(),
  body: null,
  tunnel: null,
};

function targets(...weights: number[]): { name: string; weight: number }[] {
  return weights.map((weight, index) => ({ name: `t${index}`, weight }));
}

/** A small deterministic generator, good enough for shares. */
function seeded(): () => number {
  let state = 42;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}

function shares(policy: BalancerPolicy, set: { name: string; weight: number }[], count: number): Map<string, number> {
  const balancer = createBalancer(policy, set, { random: seeded(), position: 0 });
  const counts = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const name = balancer.pick(request)?.name ?? 'none';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

describe.each(Object.keys(balancers) as BalancerPolicy[])('any balancer: %s', (policy) => {
  it('gives nothing when there is no target', () => {
    expect(createBalancer(policy, [], { random: seeded(), position: 0 }).pick(request)).toBe(null);
  });

  it('gives the only target, also when its weight is 0', () => {
    expect(shares(policy, targets(0), 10)).toEqual(new Map([['t0', 10]]));
  });

  it('only gives targets of the set, and over many requests all of them', () => {
    const counts = shares(policy, targets(1, 1, 1), 300);
    expect([...counts.keys()].sort()).toEqual(['t0', 't1', 't2']);
  });

  it('shares equally when no weight is stated or all are 0', () => {
    for (const weight of [-1, 0]) {
      const counts = shares(policy, targets(weight, weight, weight), 3000);
      for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    }
  });

  it('survives the largest value that random can give', () => {
    const balancer = createBalancer(policy, targets(1, 2), { random: () => 1 - 2 ** -53, position: 0 });
    expect(balancer.pick(request)).not.toBe(null);
  });
});

describe('round robin', () => {
  it('starts with the first target and goes on in order', () => {
    const balancer = createBalancer('roundRobin', targets(-1, -1, -1), { random: seeded(), position: 0 });
    expect([0, 1, 2, 3].map(() => balancer.pick(request)?.name)).toEqual(['t0', 't1', 't2', 't0']);
  });

  it('goes on where the balancer before stood', () => {
    const before = createBalancer('roundRobin', targets(-1, -1, -1), { random: seeded(), position: 0 });
    before.pick(request);
    const after = createBalancer('roundRobin', targets(-1, -1), { random: seeded(), position: before.position });
    expect(after.pick(request)?.name).toBe('t1');
  });
});

describe('weighted random', () => {
  it('follows the weights and leaves out weight 0', () => {
    const counts = shares('weightedRandom', targets(10, 0, 30), 4000);
    expect(counts.has('t1')).toBe(false);
    expect(Math.abs((counts.get('t2') ?? 0) - 3000)).toBeLessThan(150);
  });
});
