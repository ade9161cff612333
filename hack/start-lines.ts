// What `npm start` prints about compiled units: a line per route, and requests to try.

import type { AnyUnit, HostMatch, PathContent, RuleContent } from '#proxy/contract/units.ts';

interface Route {
  readonly port: number;
  readonly scheme: 'http' | 'https';
  readonly host: HostMatch | undefined;
  readonly path: PathContent;
}

/** `http://127.0.0.1:8080 and :18080` with its routes below. */
export function routeLines(units: readonly AnyUnit[], offsets: readonly number[]): string[] {
  const routes = routesOf(units);
  const ports = [...new Set(routes.map(({ port }) => port))].toSorted((a, b) => a - b);
  return ports.flatMap((port) => [
    offsets.map((more) => `${schemeOf(routes, port)}://127.0.0.1:${port + more}`).join('  '),
    ...routes.filter((route) => route.port === port).map((route) => `  ${describe(route)}`),
  ]);
}

/** Three requests that should get an answer; the last goes to the last proxy. */
export function exampleRequests(units: readonly AnyUnit[], offsets: readonly number[]): string[] {
  const plain = routesOf(units).filter(
    ({ host, path }) =>
      path.pipeline !== null &&
      path.pathRegexp === '' &&
      path.headers.length === 0 &&
      path.queries.length === 0 &&
      (path.methods.length === 0 || path.methods.includes('GET')) &&
      (host === undefined || host.kind === 'exact'),
  );
  // Without a host first, those are shorter; of different pipelines first, because times the same answer would show nothing.
  const seen = new Set<string>();
  const ordered = [
    ...plain.filter(({ host }) => host === undefined),
    ...plain.filter(({ host }) => host !== undefined),
  ];
  const first = ordered.filter(({ path }) => !seen.has(path.pipeline ?? '') && seen.add(path.pipeline ?? ''));
  const chosen = [...first, ...ordered.filter((route) => !first.includes(route))].slice(0, 3);
  return chosen.map((route, index) => {
    const more = index === chosen.length - 1 ? (offsets.at(-1) ?? 0) : (offsets[0] ?? 0);
    const host = route.host === undefined ? '' : ` -H 'Host: ${route.host.value}'`;
    const insecure = route.scheme === 'https' ? ' -k' : '';
    return `curl -i${insecure}${host} ${route.scheme}://127.0.0.1:${route.port + more}${target(route.path)}`;
  });
}

function schemeOf(routes: readonly Route[], port: number): string {
  return routes.find((route) => route.port === port)?.scheme ?? 'http';
}

function describe({ host, path }: Route): string {
  const where = `${host === undefined ? '*' : hostText(host)} ${pathText(path)}`;
  const methods = path.methods.length === 0 ? '' : ` ${path.methods.join(',')}`;
  const conditions = path.headers.length + path.queries.length > 0 ? ' (with conditions)' : '';
  return `${where}${methods}${conditions} → ${path.pipeline ?? '503, its pipeline is not usable'}`;
}

function routesOf(units: readonly AnyUnit[]): Route[] {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  return units.flatMap((owner) => {
    if (owner.kind !== 'owner') return [];
    const listener = byName.get(owner.content.listener);
    if (listener?.kind !== 'listener') return [];
    const { port, protocol } = listener.content;
    return owner.content.rules.flatMap((name) => {
      const rule = byName.get(name);
      return rule?.kind === 'rule' ? routesOfRule(rule.content, { port, scheme: protocol }) : [];
    });
  });
}

function routesOfRule(rule: RuleContent, where: Pick<Route, 'port' | 'scheme'>): Route[] {
  const hosts: readonly (HostMatch | undefined)[] = rule.hosts.length === 0 ? [undefined] : rule.hosts;
  return hosts.flatMap((host) => rule.paths.map((path) => ({ ...where, host, path })));
}

function hostText({ kind, value }: HostMatch): string {
  switch (kind) {
    case 'exact':
      return value;
    case 'suffix':
      return `*${value}`;
    case 'prefix':
      return `${value}*`;
    case 'regexp':
      return `~${value}`;
    default:
      return kind satisfies never;
  }
}

function pathText({ path, pathPrefix, pathRegexp }: PathContent): string {
  if (path !== '') return path;
  if (pathPrefix !== '') return `${pathPrefix}…`;
  return pathRegexp === '' ? '/…' : `~${pathRegexp}`;
}

function target({ path, pathPrefix }: PathContent): string {
  if (path !== '') return path;
  return pathPrefix === '' ? '/' : pathPrefix;
}
