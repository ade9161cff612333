// What one look-up costs among 10,000 routes: host, rule and path, as the request path does it, with fresh strings as a
// parser would make them. In this process, without sockets; the least of several batches, because the machine is noisy.

import { HeaderList } from '#proxy/exchange/headers.ts';
import { HostTable } from '#proxy/router/host-table.ts';
import { compileOwner } from '#proxy/router/owner.ts';
import { RouteMatch } from '#proxy/router/route-match.ts';
import { compileRule } from '#proxy/router/rule.ts';
import { hosts, ownerContent, path, readySlot, rule } from '#test/support/routes.ts';

export interface LookupFigures {
  readonly what: string;
  readonly micros: number;
}

const routes = 10_000;
const batch = 20_000;

export function measureLookups(): LookupFigures[] {
  return [
    { what: '10,000 servers with a host each', micros: measure(manyOwners(), (i) => [`h${i}.test`, '/']) },
    { what: 'one host with 10,000 exact paths', micros: measure(manyPaths('path'), (i) => ['a.test', `/p${i}`]) },
    { what: 'one host with 10,000 prefixes', micros: measure(manyPaths('pathPrefix'), (i) => ['a.test', `/p${i}/x`]) },
  ];
}

function measure(table: HostTable<string>, place: (i: number) => [authority: string, target: string]): number {
  const match = new RouteMatch<string>();
  const headers = new HeaderList();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) {
    // Made anew for every batch: a string that was looked up before carries its hash.
    const heads = Array.from({ length: batch }, (_, n) => {
      const [authority, target] = place((n * 7919) % routes);
      return { method: 'GET', target, authority, scheme: 'http' as const, headers };
    });
    const began = performance.now();
    for (const head of heads) {
      const owner = table.choose(head.authority);
      if (owner === null || owner.route(head, '192.0.2.1', match) !== null)
        throw new Error(`no route for ${head.target}`);
    }
    least = Math.min(least, ((performance.now() - began) * 1000) / batch);
  }
  return least;
}

function manyOwners(): HostTable<string> {
  const table = new HostTable<string>();
  for (let i = 0; i < routes; i++) {
    const content = rule({ hosts: hosts(`h${i}.test`), paths: [path({ pathPrefix: '/' })] });
    const key = `default/r${i}`;
    const owner = ownerContent({ precedence: { rank: 0, createdAt: '', key } });
    table.set(compileOwner(`owner/HTTPServer/${key}`, owner, [compileRule(`rule/${i}`, content, readySlot)]));
  }
  return table;
}

function manyPaths(field: 'path' | 'pathPrefix'): HostTable<string> {
  const rules = Array.from({ length: routes / 250 }, (_, r) => {
    const paths = Array.from({ length: 250 }, (_p, p) => path({ [field]: `/p${r * 250 + p}` }));
    return compileRule(`rule/${r}`, rule({ hosts: hosts('a.test'), paths }), readySlot);
  });
  const table = new HostTable<string>();
  table.set(compileOwner('owner/HTTPServer/default/paths', ownerContent({}), rules));
  return table;
}
