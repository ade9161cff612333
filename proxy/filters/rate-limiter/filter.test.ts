import { describe, expect, it } from 'vitest';
import { FilterBench } from '#test/support/filter-run.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { rateLimiter } from './filter.ts';

const twoPerSecond = { name: 'p', limitForPeriod: 2, limitRefreshPeriod: '1s', timeoutDuration: '0s' };

function bench(spec: object, kit?: FilterBench['kit']): FilterBench {
  return new FilterBench(rateLimiter, { policies: [twoPerSecond], defaultPolicyRef: 'p', ...spec }, kit);
}

const all = { urls: [{ url: { prefix: '/' } }] };

describe('RateLimiter', () => {
  it('refuses with 429, its header and Retry-After, and the result ends the flow', () => {
    const it = bench(all);
    expect([it.send().result, it.send().result]).toEqual(['', '']);
    it.kit.clock.advance(300);
    const run = it.send();
    expect([run.result, run.end, run.response?.status, run.response?.body]).toEqual([
      'rateLimited',
      'ended',
      429,
      null,
    ]);
    expect(run.response?.headers.get('x-eg-rate-limiter')).toBe('too-many-requests');
    expect(run.response?.headers.get('retry-after')).toBe('1');
    expect(run.ctx.failure).toMatchObject({ code: 'RateLimited', layer: 'pipeline', source: 'downstream' });
    it.kit.clock.advance(700);
    expect(it.send().result).toBe('');
  });

  it('states Retry-After in whole seconds, rounded up', () => {
    const it = bench({ ...all, policies: [{ ...twoPerSecond, limitRefreshPeriod: '90s' }] });
    it.send();
    it.send();
    it.kit.clock.advance(500);
    expect(it.send().response?.headers.get('retry-after')).toBe('90');
  });

  it('changes a response that is there already and keeps its body and headers', () => {
    const it = bench(all);
    it.send();
    it.send();
    const response = { status: 200, reason: 'fine', headers: HeaderList.of(['x-old', '1']), body: null };
    const run = it.send('/', {}, (ctx) => {
      ctx.response = response;
    });
    expect(run.response).toBe(response);
    expect([response.status, response.reason, response.headers.get('x-old')]).toEqual([429, '', '1']);
  });

  it('lets a request wait for its cycle', () => {
    const it = bench({ ...all, policies: [{ ...twoPerSecond, timeoutDuration: '1s' }] });
    it.send();
    it.send();
    it.kit.clock.advance(400);
    const run = it.send();
    it.kit.clock.advance(599);
    expect(run.end).toBeNull();
    it.kit.clock.advance(1);
    expect([run.result, run.end]).toEqual(['', 'passed']);
  });

  it('gives a client that leaves while it waits the empty result, and arms no timer for it', () => {
    const it = bench({ ...all, policies: [{ ...twoPerSecond, timeoutDuration: '1s' }] });
    it.send();
    it.send();
    const run = it.send();
    run.ctx.abort(new ProxyError('ClientAbort', 'gone'));
    expect([run.result, run.end, run.response, it.kit.clock.pending]).toEqual(['', 'aborted', null, 0]);
  });

  it("takes Easegress's defaults: 50 in 10 ms, and 100 ms to wait", () => {
    const it = bench({ ...all, policies: [{ name: 'p' }] });
    const ends = Array.from({ length: 551 }, () => it.send());
    expect(ends.filter(({ end }) => end === 'passed')).toHaveLength(50);
    expect(ends.filter(({ end }) => end === null)).toHaveLength(500);
    expect(ends.at(-1)?.result).toBe('rateLimited');
  });

  describe('the entries of urls', () => {
    it('own a limiter each, though they share a policy', () => {
      const it = bench({ urls: [{ url: { exact: '/a' } }, { url: { exact: '/b' } }] });
      const results = ['/a', '/a', '/a', '/b', '/b', '/b'].map((target) => it.send(target).result);
      expect(results).toEqual(['', '', 'rateLimited', '', '', 'rateLimited']);
    });

    it('decide by the first that fits, by method and path', () => {
      const it = bench({
        policies: [twoPerSecond, { ...twoPerSecond, name: 'one', limitForPeriod: 1 }],
        urls: [{ methods: ['POST'], url: { prefix: '/a' }, policyRef: 'one' }, { url: { prefix: '/a' } }],
      });
      const send = (method: string): string | null => it.send('/a/1', { method }).result;
      expect([send('POST'), send('POST'), send('GET'), send('GET'), send('GET')]).toEqual([
        '',
        'rateLimited',
        '',
        '',
        'rateLimited',
      ]);
    });

    it('let pass what none of them fits', () => {
      const it = bench({ urls: [{ url: { exact: '/a' } }] });
      for (let i = 0; i < 10; i++) expect(it.send('/b').result).toBe('');
    });

    it('read the path as the router does, so that no spelling of it is free', () => {
      const it = bench({ urls: [{ url: { exact: '/a' } }] });
      const results = ['/%61', '/a?x', '/a', '/%61'].map((target) => it.send(target).result);
      expect(results).toEqual(['', '', 'rateLimited', 'rateLimited']);
    });
  });

  describe('an update', () => {
    const spec = (urls: object[], more: object = {}) => ({
      policies: [{ ...twoPerSecond, ...more }],
      defaultPolicyRef: 'p',
      urls,
    });
    const [a, b] = [{ url: { exact: '/a' } }, { url: { exact: '/b' } }];

    it('keeps the counter of an entry that stays, wherever it stands now', () => {
      const it = bench({ urls: [a] });
      it.send('/a');
      it.send('/a');
      it.update(rateLimiter, spec([b, a]));
      expect(it.send('/a').result).toBe('rateLimited');
      expect(it.send('/b').result).toBe('');
    });

    it('starts anew when the policy of the entry has changed', () => {
      const it = bench({ urls: [a] });
      it.send('/a');
      it.send('/a');
      it.update(rateLimiter, spec([a], { limitForPeriod: 1 }));
      expect([it.send('/a').result, it.send('/a').result]).toEqual(['', 'rateLimited']);
    });

    it('starts anew when the entry has changed', () => {
      const it = bench({ urls: [a] });
      it.send('/a');
      it.send('/a');
      it.update(rateLimiter, spec([{ ...a, methods: ['GET'] }]));
      expect(it.send('/a').result).toBe('');
    });
  });

  it('shares one rate among the threads of the proxy', () => {
    const first = bench(all);
    const second = bench(all, first.kit);
    expect([first.send().result, second.send().result, first.send().result]).toEqual(['', '', 'rateLimited']);
  });

  it('refuses a policy that does not exist when it is built', () => {
    expect(() => bench({ urls: [{ url: { prefix: '/' }, policyRef: 'none' }] })).toThrow(/no policy/);
  });
});
