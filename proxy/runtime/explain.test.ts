import { describe, expect, it } from 'vitest';
import { listenerUnit, ownerUnit, pipelineUnit, ruleUnit } from '#test/support/units.ts';
import type { WireUnit } from '#proxy/contract/messages.ts';
import type { AnyUnit, PathContent } from '#proxy/contract/units.ts';
import { explainRequest, type Explanation } from './explain.ts';

const listener = 'listener/default/*:8080';
const plain = ruleUnit('x', [null]);
const blank: PathContent = plain.kind === 'rule' ? { ...(plain.content.paths[0] as PathContent), path: '' } : never();

function never(): never {
  throw new Error('a rule is a rule');
}

const units = tableOf([
  listenerUnit(listener),
  ownerUnit('owner/web', listener, { rules: ['rule/api', 'rule/any'] }),
  ruleUnit('rule/api', [], {
    hosts: [{ kind: 'exact', value: 'api.test' }],
    paths: [{ ...blank, pathPrefix: '/', pipeline: 'pipeline/api' }],
  }),
  ruleUnit('rule/any', [], {
    paths: [
      { ...blank, path: '/hello', methods: ['POST'], pipeline: 'pipeline/api' },
      { ...blank, path: '/hello', headers: [{ key: 'X-A', values: ['1'], regexp: '' }], pipeline: 'pipeline/api' },
      { ...blank, pathPrefix: '/v1/', rewriteTarget: '/', pipeline: 'pipeline/web' },
      { ...blank, path: '/broken', pipeline: 'pipeline/absent' },
    ],
  }),
  pipelineUnit('pipeline/api', ['upstream/api']),
  pipelineUnit('pipeline/web', ['upstream/web']),
]);

function tableOf(all: readonly AnyUnit[]): Map<string, WireUnit> {
  return new Map(all.map((unit) => [unit.name, JSON.parse(JSON.stringify(unit)) as WireUnit]));
}

function explain(query: Readonly<Record<string, string>>, offset = 0, table = units): Explanation {
  return explainRequest(table, offset, query) as Explanation;
}

describe('explain', () => {
  it('names listener, owner, rule, path, pipeline and upstreams of what would serve a request', () => {
    expect(explain({ url: 'http://www.test:8080/v1/a?b=c' })).toMatchObject({
      answer: 'served by pipeline/web',
      status: null,
      listener,
      owner: 'owner/web',
      origins: ['HTTPServer default/web'],
      rule: 'rule/any',
      path: 2,
      pipeline: { name: 'pipeline/web', flow: ['filter-0 (Proxy)'], upstreams: ['upstream/web'] },
      target: '/a?b=c',
    });
  });

  it('says of every path before it why it did not take the request', () => {
    expect(explain({ url: 'http://www.test:8080/v1/a' }).considered).toEqual([
      'rule/api: is for other hosts',
      'rule/any path 0: no path matches',
      'rule/any path 1: no path matches',
      'rule/any path 2: takes it',
    ]);
  });

  it.each([
    ['conditions that do not hold', { url: 'http://a.test:8080/hello', method: 'GET', header: 'X-A: 2' }, 400],
    ['a header that holds', { url: 'http://a.test:8080/hello', header: 'X-A: 1' }, null],
    ['a pipeline that is not there', { url: 'http://a.test:8080/broken' }, 503],
    ['no path at all', { url: 'http://a.test:8080/else' }, 404],
    ['another host', { url: 'http://api.test:8080/hello' }, null],
  ])('gives the status of %s', (_, query, status) => {
    expect(explain(query).status).toBe(status);
  });

  it('shows that a rule which is not there closes what it might have served', () => {
    const owner = ownerUnit('owner/web', listener, { rules: ['rule/gone', 'rule/any'] });
    const answer = explain({ url: 'http://a.test:8080/v1/' }, 0, new Map([...units, ...tableOf([owner])]));
    expect(answer.status).toBe(503);
    expect(answer.considered[0]).toBe('rule/gone: cannot be had, so its hosts answer 503');
  });

  it('knows the offset of this proxy’s ports', () => {
    expect(explain({ url: 'http://a.test:8080/v1/' }, 10_000).answer).toBe('nothing listens on port 8080');
    expect(explain({ url: 'http://a.test:18080/v1/' }, 10_000).answer).toBe('served by pipeline/web');
  });

  it('says how to ask when it was asked for nothing', () => {
    expect(explain({})).toEqual({ error: expect.stringContaining('?url=') as string });
  });
});
