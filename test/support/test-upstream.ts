// An upstream on real sockets with a fake clock, and its disposal.

import type { UpstreamContent } from '#proxy/contract/units.ts';
import { allowAll, type ConnectPolicy } from '#proxy/upstream/connect-policy.ts';
import type { UpstreamInstance } from '#proxy/upstream/upstream-instance.ts';
import { createUpstream } from '#proxy/upstream/upstream-instance.ts';
import { FakeClock } from './fake-clock.ts';

export class TestUpstreams implements Disposable {
  readonly clock = new FakeClock();
  /** Answers that were broken off because they stood still. */
  stalled = 0;
  private readonly made: UpstreamInstance[] = [];

  create(
    content: UpstreamContent,
    options: { policy?: ConnectPolicy; random?: () => number; bodyIdleMs?: number } = {},
  ): UpstreamInstance {
    const upstream = createUpstream('upstream/test', content, {
      now: this.clock.now,
      timer: this.clock.timer,
      random: options.random ?? (() => 0.5),
      connectPolicy: options.policy ?? allowAll,
      bodyIdleMs: options.bodyIdleMs ?? 0,
      onStalled: () => this.stalled++,
    });
    this.made.push(upstream);
    return upstream;
  }

  [Symbol.dispose](): void {
    for (const upstream of this.made) upstream.dispose();
  }
}
