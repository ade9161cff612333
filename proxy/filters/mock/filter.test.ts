import { describe, expect, it } from 'vitest';
import { FilterBench } from '#test/support/filter-run.ts';
import { ProxyError } from '#proxy/exchange/error.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { PipelineBuildError } from '#proxy/pipeline/pipeline.ts';
import { mock } from './filter.ts';

const bench = (...rules: object[]): FilterBench => new FilterBench(mock, { rules });

describe('Mock', () => {
  it('answers with code, headers and body, and the result is `mocked`, which ends the flow', () => {
    const run = bench({ match: {}, code: 203, headers: { 'X-A': '1', 'x-b': 'ü' }, body: 'héllo' }).send();
    expect([run.result, run.end, run.response?.status]).toEqual(['mocked', 'ended', 203]);
    expect(run.response?.headers.get('x-a')).toBe('1');
    expect(run.response?.headers.get('x-b')).toBe('Ã¼');
    expect(run.response?.body?.length).toBe(6);
    expect(run.text).toBe('héllo');
  });

  it('has no body when the rule states none', () => {
    expect(bench({ match: {}, code: 204 }).send().response?.body).toBeNull();
  });

  it('answers each request for itself: a change to one answer is not seen by the next', () => {
    const it = bench({ match: {}, code: 200, headers: { a: '1' }, body: 'x' });
    it.send().response?.headers.set('a', '2');
    const second = it.send();
    expect(second.response?.headers.get('a')).toBe('1');
    expect(second.text).toBe('x');
  });

  it.each<[string, object, string, boolean]>([
    ['an empty match takes all', {}, '/x', true],
    ['the exact path', { path: '/a' }, '/a', true],
    ['the exact path without its query', { path: '/a' }, '/a?b', true],
    ['another path', { path: '/a' }, '/ab', false],
    ['a prefix', { pathPrefix: '/a' }, '/ab', true],
    ['another prefix', { pathPrefix: '/a' }, '/b', false],
    ['either of path and prefix', { path: '/a', pathPrefix: '/b' }, '/a', true],
    ['either of path and prefix', { path: '/a', pathPrefix: '/b' }, '/bc', true],
    ['the path as the router reads it', { path: '/a' }, '/%61', true],
  ])('%s: %j on %s', (_, match, target, fits) => {
    expect(bench({ match, code: 200 }).send(target).result).toBe(fits ? 'mocked' : '');
  });

  const both = { 'X-A': { exact: '1' }, 'x-b': { prefix: '2' } };
  it.each<[object, [string, string][], boolean]>([
    [{ headers: both }, [['x-a', '1']], true],
    [{ headers: both }, [['X-B', '23']], true],
    [{ headers: both }, [['x-a', '2']], false],
    [{ headers: both, matchAllHeaders: true }, [['x-a', '1']], false],
    [
      { headers: both, matchAllHeaders: true },
      [
        ['x-a', '1'],
        ['x-b', '2'],
      ],
      true,
    ],
    [{ headers: { 'x-c': { empty: true } } }, [], true],
    [{ headers: { 'x-c': { empty: true } } }, [['x-c', '1']], false],
    [
      { headers: { 'x-a': { exact: '2' } } },
      [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
      false,
    ],
    [{ path: '/a', headers: both }, [['x-a', '1']], false],
  ])('%j with %j: %s', (match, headers, fits) => {
    const run = bench({ match, code: 200 }).send('/', { headers: HeaderList.of(...headers) });
    expect(run.result).toBe(fits ? 'mocked' : '');
  });

  it('takes the first rule that fits', () => {
    const it = bench({ match: { path: '/a' }, code: 201 }, { match: {}, code: 202 }, { match: {}, code: 203 });
    expect(it.send('/a').response?.status).toBe(201);
    expect(it.send('/b').response?.status).toBe(202);
  });

  it('passes without a response when no rule fits', () => {
    const run = bench({ match: { path: '/a' }, code: 200 }).send('/b');
    expect([run.result, run.end, run.response]).toEqual(['', 'passed', null]);
  });

  it('waits for the delay', () => {
    const it = bench({ match: {}, code: 200, delay: '50ms' });
    const run = it.send();
    it.kit.clock.advance(49);
    expect([run.result, run.response]).toEqual([null, null]);
    it.kit.clock.advance(1);
    expect([run.result, run.response?.status]).toEqual(['mocked', 200]);
  });

  it('forgets the delay of a client that is gone', () => {
    const it = bench({ match: {}, code: 200, delay: '50ms' });
    const run = it.send();
    run.ctx.abort(new ProxyError('ClientAbort', 'gone'));
    expect([run.end, run.response, it.kit.clock.pending]).toEqual(['aborted', null, 0]);
  });

  it.each([
    [{ 'a b': '1' }, /no header name/],
    [{ '': '1' }, /no header name/],
    [{ a: 'x\r\nSet-Cookie: y' }, /control characters/],
    [{ a: 'x\0' }, /control characters/],
  ])('refuses headers that would break the head: %j', (headers, message) => {
    const build = (): FilterBench => bench({ match: {}, code: 200, headers });
    expect(build).toThrow(PipelineBuildError);
    expect(build).toThrow(message);
  });
});
