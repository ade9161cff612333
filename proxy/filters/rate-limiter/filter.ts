// RateLimiter: the first entry of `urls` that fits a request decides, by its own limiter, whether it goes on at once,
// waits for its cycle, or is refused with 429. The limiters live in shared memory under a key made of the entry and
// its policy, so all threads share one rate, and an update that leaves both alone keeps the counters.

import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { type FilterScope, type RequestContext, defineFilter, pending } from '#proxy/pipeline/filter.ts';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import { decodedPathOf } from '#proxy/primitives/decoded-path.ts';
import { durationMs } from '#proxy/primitives/duration.ts';
import { type StringTest, compileStringMatcher } from '../string-matcher.ts';
import { Limiter, limiterSlots, refused } from './limiter.ts';
import { type RateLimiterSpec, rateLimiterSchema } from './schema.ts';

export const rateLimiter = defineFilter({
  schema: rateLimiterSchema,
  create(spec, scope) {
    const entries = compileEntries(spec, scope);
    const error = new ProxyError('RateLimited', `filter ${scope.name}: too many requests`);
    return {
      handle(ctx) {
        const { request } = ctx;
        if (request === null) return '';
        const path = decodedPathOf(request.target);
        const entry = entries.find(
          ({ methods, url }) => (methods.length === 0 || methods.includes(request.method)) && url(path),
        );
        if (entry === undefined) return '';
        const now = scope.now();
        const wait = entry.limiter.take(now);
        if (wait === 0) return '';
        if (wait === refused) return refuse(ctx, entry.limiter.retryAfter(now), error);
        const cancel = scope.timer(Math.ceil(wait), () => ctx.complete(''));
        ctx.onAbort = () => {
          cancel();
          ctx.complete('');
        };
        return pending;
      },
    };
  },
});

interface Entry {
  readonly methods: readonly string[];
  readonly url: StringTest;
  readonly limiter: Limiter;
}

function compileEntries(spec: RateLimiterSpec, scope: FilterScope): Entry[] {
  const seen = new Map<string, number>();
  return spec.urls.map((entry) => {
    const name = entry.policyRef || spec.defaultPolicyRef;
    const policy = spec.policies.find((candidate) => candidate.name === name);
    if (policy === undefined) throw new Error(`no policy is called ${JSON.stringify(name ?? '')}`);
    const text = canonicalJson([entry.methods, entry.url, policy]);
    // Two equal entries own a limiter each, though the second is never asked.
    const occurrence = seen.get(text) ?? 0;
    seen.set(text, occurrence + 1);
    const key = sha256(`${text}#${occurrence}`).toString('hex', 0, 16);
    return {
      methods: entry.methods,
      url: compileStringMatcher(entry.url),
      limiter: new Limiter(
        {
          timeout: durationMs(policy.timeoutDuration),
          period: Math.max(1, durationMs(policy.limitRefreshPeriod)),
          perCycle: policy.limitForPeriod,
        },
        scope.shared(key, limiterSlots),
        scope.now(),
      ),
    };
  });
}

/** An answer that is there already keeps its body and headers, as in Easegress. */
function refuse(ctx: RequestContext, retryAfterMs: number, error: ProxyError): string {
  const response = ctx.response ?? { status: 429, reason: '', headers: new HeaderList(), body: null };
  response.status = 429;
  response.reason = '';
  response.headers.set('X-EG-Rate-Limiter', 'too-many-requests');
  response.headers.set('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  ctx.response = response;
  ctx.fail(error);
  return 'rateLimited';
}
