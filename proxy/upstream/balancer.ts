// Which target takes the next request. A balancer sees only the targets that can serve now, in the order of the spec;
// health, readiness and pools are not its business. One is built per set of targets, so that all that depends on the
// set is prepared once; `pick` runs per request. Balancers that look at the request (hashes, sticky sessions) or at
// the load of a target come behind the same interface.

import type { UpstreamRequest } from './upstream.ts';

/** What a balancer may know of a target. */
export interface BalancerTarget {
  /** -1 = none stated. */
  readonly weight: number;
}

export interface Balancer<T extends BalancerTarget = BalancerTarget> {
  /** Null only when there are no targets. */
  pick(request: UpstreamRequest): T | null;
  /** Position to carry into the balancer of the next set, so that a change does not start at the first target again. */
  readonly position: number;
}

export interface BalancerOptions {
  /** [0, 1). */
  readonly random: () => number;
  /** `position` of the balancer before. */
  readonly position: number;
}

export type BalancerPolicy = keyof typeof balancers;

type CreateBalancer = <T extends BalancerTarget>(targets: readonly T[], options: BalancerOptions) => Balancer<T>;

/** Every policy by the name that the spec uses (reference: `loadBalance.policy`). */
export const balancers = {
  roundRobin: createRoundRobin,
  random: createRandom,
  weightedRandom: createWeightedRandom,
} satisfies Record<string, CreateBalancer>;

export function createBalancer<T extends BalancerTarget>(
  policy: BalancerPolicy,
  targets: readonly T[],
  options: BalancerOptions,
): Balancer<T> {
  return balancers[policy](targets, options);
}

function createRoundRobin<T extends BalancerTarget>(targets: readonly T[], options: BalancerOptions): Balancer<T> {
  let counter = options.position;
  return {
    pick() {
      if (targets.length === 0) return null;
      // Wraps far below the point where a double loses precision.
      if (counter >= 0x7fffffff) counter %= targets.length;
      return targets[counter++ % targets.length] ?? null;
    },
    get position() {
      return counter;
    },
  };
}

function createRandom<T extends BalancerTarget>(targets: readonly T[], options: BalancerOptions): Balancer<T> {
  return {
    pick: () => targets[Math.floor(options.random() * targets.length)] ?? null,
    position: 0,
  };
}

function createWeightedRandom<T extends BalancerTarget>(targets: readonly T[], options: BalancerOptions): Balancer<T> {
  const total = targets.reduce((sum, target) => sum + Math.max(0, target.weight), 0);
  // Easegress panics here; equal shares are what a spec without weights can only mean.
  if (total === 0) return createRandom(targets, options);
  // Upper bound of each target's share; targets of weight 0 get an empty share.
  const bounds: number[] = [];
  let sum = 0;
  for (const target of targets) bounds.push((sum += Math.max(0, target.weight)));
  return {
    pick() {
      const point = options.random() * total;
      return targets[firstAbove(bounds, point)] ?? null;
    },
    position: 0,
  };
}

/** Index of the first bound that is greater than `point`. */
function firstAbove(bounds: readonly number[], point: number): number {
  let low = 0;
  let high = bounds.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bounds[middle] as number) > point) high = middle;
    else low = middle + 1;
  }
  return low;
}
