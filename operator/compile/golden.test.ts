// Golden cases: testdata/<case>/objects.yaml → units.yaml and status.yaml, all of which are meant to be read. Defaults
// are left out of the units, hashes do not appear, and one proxy runs whatever it was given. `vitest -u` rewrites them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import { type AnyUnit, type TlsContent, unitKinds } from '#proxy/contract/units.ts';
import { httpServerSchema } from '#operator/resources/http-server.ts';
import { intermediateCiphers, intermediateCurves } from '#operator/resources/tls.ts';
import { keyOf } from '#operator/resources/object.ts';
import type { SessionAcks } from '#operator/status/acks.ts';
import { createStatusTable, type ObjectStatus } from '#operator/status/status.ts';
import { objectsFromYaml } from '#test/support/objects.ts';
import { createCompiler } from './compile.ts';

const testdata = join(import.meta.dirname, 'testdata');
const cases = readdirSync(testdata).toSorted();

describe.each(cases)('golden case %s', (name) => {
  const folder = join(testdata, name);
  const text = readFileSync(join(folder, 'objects.yaml'), 'utf8');

  it('says what it proves and is short enough to read', () => {
    expect(text).toMatch(/^# proves: \S.{20,}\n/);
    const files = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8').trimEnd());
    expect(files.flatMap((file) => file.split('\n')).length).toBeLessThan(100);
  });

  it('compiles to the units and statuses that are written down', async () => {
    const changes = objectsFromYaml(text).map((object) => ({ type: 'upsert', object }) as const);
    const compiler = createCompiler();
    const delta = compiler.update(changes);
    for (const { unit } of delta.upserts)
      expect(unitKinds[unit.kind].content.parse(unit.content)).toEqual(unit.content);
    const table = createStatusTable(() => Date.parse('2026-06-01'));
    for (const { unit } of delta.upserts) hashes.set(unit.name, unit.hash);
    table.update({ objects: changes, delta, acks: { sessions: [obedient] }, acked: 'all' });
    const units = Object.fromEntries(delta.upserts.map(({ unit }) => [unit.name, unitText(unit)]));
    await expect(yaml(units, 3)).toMatchFileSnapshot(join(folder, 'units.yaml'));
    const others = [...delta.diagnostics].filter(([key]) => !table.all.has(key));
    const statuses = [
      ...[...table.all].map(([key, status]) => [key, statusText(status)] as const),
      ...others.map(([key, found]) => [key, { findings: found.map(findingText) }] as const),
    ];
    await expect(yaml(Object.fromEntries(statuses), 3)).toMatchFileSnapshot(join(folder, 'status.yaml'));
  });
});

const hashes = new Map<string, string>();

/** Runs every unit in the version that it was given. */
const obedient: SessionAcks = {
  id: 's',
  proxy: 'proxy-1',
  quarantined: false,
  holds: () => true,
  applied: (unit) => hashes.get(unit),
  rejected: new Map(),
};

function unitText(unit: AnyUnit): Record<string, unknown> {
  return { from: unit.origins.map(keyOf).join(', '), ...contentText(unit) };
}

const serverDefaults = httpServerSchema.parse({ port: 1 });

function contentText(unit: AnyUnit): Record<string, unknown> {
  switch (unit.kind) {
    case 'listener': {
      const { tls, ...content } = unit.content;
      const around = pruned(content, {
        audience: 'default',
        placement: 'all',
        protocol: 'http',
        keepAlive: true,
        keepAliveTimeout: 60_000,
        maxConnections: 10_240,
      });
      return tls === undefined ? around : { ...around, tls: tlsText(tls) };
    }
    case 'owner':
      return pruned(unit.content, {
        semantics: 'ordered',
        clientMaxBodySize: 4_194_304,
        before: null,
        after: null,
        fallthrough: { beforePipeline: false, pipeline: false },
        accessLogFormat: serverDefaults.accessLogFormat,
        precedence: { rank: 0, createdAt: '', key: unit.name.replace('owner/HTTPServer/', '') },
        rules: unit.content.rules.length === 1 ? [unit.name.replace('owner', 'rule') + '/0'] : undefined,
      });
    case 'rule':
      return { ...pruned(unit.content, {}), paths: unit.content.paths.map((path) => pruned(path, {})) };
    case 'pipeline': {
      const { flow, filters, ...rest } = unit.content;
      return {
        ...pruned(rest, { title: unit.name.replace(/^pipeline\/[^/]+\//, '') }),
        flow: flow.map((node) => pruned(node, { namespace: 'DEFAULT' })),
        filters: filters.map(({ spec, ...filter }) => ({ ...pruned(filter, {}), ...deepPruned(spec) })),
      };
    }
    case 'upstream': {
      const { servers, tls, ...rest } = unit.content;
      return {
        ...pruned(rest, {
          balancer: 'roundRobin',
          serverMaxBodySize: 4_194_304,
          maxIdleConns: 10_240,
          maxIdleConnsPerHost: 1024,
          endpoints: null,
        }),
        servers: servers.map((server) => pruned(server, { weight: -1 })),
        ...pruned({ tls: pruned(tls, { verify: true }) }, {}),
      };
    }
    case 'endpoints':
      return { ...unit.content };
    case 'certificate': {
      const { names, notAfter } = unit.content;
      return { names: names.join(', '), notAfter: new Date(notAfter).toISOString().slice(0, 10) };
    }
    default:
      return unit satisfies never;
  }
}

function tlsText({ ca, crl, ...tls }: TlsContent): Record<string, unknown> {
  return pruned(
    { ...tls, ca: ca.slice(0, 27), crl: crl.slice(0, 24) },
    {
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: intermediateCiphers,
      curves: intermediateCurves,
      clientAuth: 'none',
    },
  );
}

/** Without members that are empty, null ipFilters, and members equal to `defaults`. `null` of a pipeline stays. */
function pruned(value: object, defaults: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([name, member]) =>
      name in defaults
        ? canonicalJson(defaults[name]) !== canonicalJson(member)
        : !isEmpty(member) && !(name === 'ipFilter' && member === null),
    ),
  );
}

function deepPruned(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const inner = (member: unknown): unknown => {
    if (Array.isArray(member)) return member.map(inner);
    return typeof member === 'object' && member !== null ? deepPruned(member as Record<string, unknown>) : member;
  };
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (isEmpty(member) ? [] : [[name, inner(member)]])),
  );
}

function isEmpty(value: unknown): boolean {
  return ['[]', '{}', '""', '0', 'false'].includes(canonicalJson(value));
}

function statusText({ conditions, diagnostics }: ObjectStatus): unknown {
  const told = conditions.map(({ type, status, reason }) =>
    status === 'True' ? `${type}` : `${type} ${status} ${reason}`,
  );
  return diagnostics.length === 0
    ? told.join(', ')
    : { conditions: told.join(', '), findings: diagnostics.map(findingText) };
}

function findingText({ severity, code, path, message }: ObjectStatus['diagnostics'][number]): string {
  return `${severity} ${code} ${path === '' ? '(object)' : path}: ${message}`;
}

function yaml(value: object, flowLevel: number): string {
  return Object.keys(value).length === 0
    ? '{}\n'
    : dump(value, { flowLevel, lineWidth: 118, sortKeys: false, noRefs: true });
}
