import { describe, expect, it } from 'vitest';
import { listenerUnit, ownerUnit, ruleUnit } from '#test/support/units.ts';
import type { AnyUnit, HostMatch, PathContent } from '#proxy/contract/units.ts';
import { exampleRequests, routeLines } from './start-lines.ts';

const listener = 'listener/default/*:8080';
const sample = ruleUnit('x', [null]);

function path(content: Partial<PathContent>): PathContent {
  if (sample.kind !== 'rule') throw new Error('a rule is a rule');
  return { ...(sample.content.paths[0] as PathContent), path: '', ...content };
}

function units(hosts: HostMatch[], paths: PathContent[]): AnyUnit[] {
  return [
    listenerUnit(listener),
    ownerUnit('owner/web', listener, { rules: ['rule/a', 'rule/absent'] }),
    ruleUnit('rule/a', [], { hosts, paths }),
  ];
}

describe('what npm start prints', () => {
  it('lists the routes below the addresses of all proxies', () => {
    const lines = routeLines(
      units(
        [{ kind: 'suffix', value: '.a.test' }],
        [
          path({ path: '/hello', methods: ['GET'], pipeline: 'pipeline/hello' }),
          path({ pathPrefix: '/api', pipeline: null }),
        ],
      ),
      [0, 10_000],
    );
    expect(lines).toEqual([
      'http://127.0.0.1:8080  http://127.0.0.1:18080',
      '  *.a.test /hello GET → pipeline/hello',
      '  *.a.test /api… → 503, its pipeline is not usable',
    ]);
  });

  it('proposes three requests that get an answer, the last to the last proxy', () => {
    const paths = [
      path({ path: '/post', methods: ['POST'], pipeline: 'pipeline/a' }),
      path({ path: '/closed', pipeline: null }),
      path({ path: '/if', headers: [{ key: 'x', values: ['1'], regexp: '' }], pipeline: 'pipeline/a' }),
      path({ path: '/a', pipeline: 'pipeline/a' }),
      path({ path: '/a2', pipeline: 'pipeline/a' }),
      path({ pathPrefix: '/b/', pipeline: 'pipeline/b' }),
      path({ pipeline: 'pipeline/c' }),
    ];
    const host: HostMatch = { kind: 'exact', value: 'a.test' };
    expect(exampleRequests(units([host], paths), [0, 10_000])).toEqual([
      "curl -i -H 'Host: a.test' http://127.0.0.1:8080/a",
      "curl -i -H 'Host: a.test' http://127.0.0.1:8080/b/",
      "curl -i -H 'Host: a.test' http://127.0.0.1:18080/",
    ]);
  });
});
