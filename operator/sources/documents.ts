// A document of a file to an object. Two forms mean the same:
//
//   custom resource               Easegress's own
//   apiVersion, kind              kind
//   metadata: {name, …}           name
//   spec: {fields}                fields at top level
//
// Only what is needed to name the object is judged here; fields are judged when it is parsed.

import type { DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import { isObjectName } from '#proxy/primitives/names.ts';
import { nearest } from '#proxy/primitives/nearest.ts';
import { metaOf } from '#proxy/primitives/shape.ts';
import { ownGroup, resourceKinds, resourceKindsByName } from '#operator/resources/index.ts';
import type { ResourceKind } from '#operator/resources/kind.ts';
import type { RawObject } from '#operator/resources/object.ts';

export interface DocumentFinding {
  readonly code: DiagnosticCode;
  readonly message: string;
  /** What the document calls itself, as far as it can be read. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface DocumentReading {
  readonly objects: readonly RawObject[];
  readonly findings: readonly DocumentFinding[];
}

type Mapping = Readonly<Record<string, unknown>>;

const customResourceFields = new Set(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
const easegressFields = new Set(['kind', 'name', 'namespace', 'version', 'labels', 'createdAt']);

export function readDocument(value: unknown, location: string): DocumentReading {
  if (!isMapping(value))
    return refuse('NotAnObject', `the document is ${nameOfType(value)}; expected a mapping with \`kind\` and a name`);
  const { kind } = value;
  if (typeof kind !== 'string' || kind === '') {
    return refuse('NotAnObject', 'the document has no `kind`; state it, as `kind: HTTPServer`');
  }
  if (kind === 'List' && Array.isArray(value['items'])) {
    const read = value['items'].map((item: unknown) => readDocument(item, location));
    return { objects: read.flatMap((one) => one.objects), findings: read.flatMap((one) => one.findings) };
  }
  const known = resourceKindsByName.get(kind);
  if (known === undefined) {
    const near = nearest(kind, resourceKindsByName.keys());
    const hint =
      near === null ? `known are ${resourceKinds.map((one) => one.kind).join(', ')}` : `did you mean \`${near}\`?`;
    return refuse('UnknownKind', `no kind is called ${JSON.stringify(kind.slice(0, 80))}; ${hint}`, kind);
  }
  return isMapping(value['metadata']) || value['apiVersion'] !== undefined
    ? readCustomResource(known, value, value['metadata'], location)
    : readEasegress(known, value, location);
}

function readCustomResource(kind: ResourceKind, value: Mapping, metadata: unknown, location: string): DocumentReading {
  const meta = isMapping(metadata) ? metadata : {};
  const expected = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  if (value['apiVersion'] !== undefined && value['apiVersion'] !== expected) {
    const stated = JSON.stringify(value['apiVersion'])?.slice(0, 80);
    return refuse(
      'UnknownKind',
      `no kind \`${kind.kind}\` is known in ${stated}; expected \`apiVersion: ${expected}\``,
      kind.kind,
    );
  }
  const stray = strayFields(kind, value);
  const findings = stray.findings.map((finding) => ({ ...finding, ...identity(meta) }));
  if (stray.refused) return { objects: [], findings };
  const named = readName(kind, meta, 'metadata.name');
  if ('code' in named) return { objects: [], findings: [...findings, named] };
  let body: unknown = value['spec'] ?? {};
  if (kind.body === 'whole') {
    const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = value;
    body = rest;
  }
  if (!isMapping(body)) {
    return refuse('NotAnObject', `\`spec\` is ${nameOfType(body)}; expected a mapping`, kind.kind, named.name);
  }
  return { objects: [makeObject(kind, named, meta, { body, location, imported: false })], findings };
}

function readEasegress(kind: ResourceKind, value: Mapping, location: string): DocumentReading {
  if (kind.group !== ownGroup) {
    return refuse('NotAnObject', `a ${kind.kind} needs \`apiVersion\` and \`metadata.name\``, kind.kind);
  }
  if (isMapping(value['spec'])) {
    return refuse('NotAnObject', 'a document with `spec` needs `metadata: {name: …}` beside it', kind.kind);
  }
  const named = readName(kind, value, 'name');
  if ('code' in named) return { objects: [], findings: [named] };
  const body = Object.fromEntries(Object.entries(value).filter(([field]) => !easegressFields.has(field)));
  return { objects: [makeObject(kind, named, value, { body, location, imported: true })], findings: [] };
}

/** Fields beside `spec` that mean nothing. One that would protect inside `spec` makes the document refused. */
function strayFields(kind: ResourceKind, value: Mapping): { findings: DocumentFinding[]; refused: boolean } {
  if (kind.body === 'whole' || kind.group !== ownGroup) return { findings: [], refused: false };
  let refused = false;
  const findings = Object.keys(value).flatMap((field): DocumentFinding[] => {
    if (customResourceFields.has(field)) return [];
    const near = nearest(field, [...customResourceFields, ...Object.keys(kind.schema.shape)]);
    const schema = near === null ? undefined : kind.schema.shape[near];
    const protects = schema !== undefined && metaOf(schema).protects;
    refused ||= protects;
    const hint =
      schema !== undefined
        ? `put \`${near}\` below \`spec\``
        : near === null
          ? 'remove it'
          : `did you mean \`${near}\`?`;
    const code = protects ? 'UnknownProtectingField' : 'UnknownField';
    return [
      {
        code,
        message: `\`${field.slice(0, 80)}\` is no field here; ${hint}`,
        kind: kind.kind,
        namespace: '',
        name: '',
      },
    ];
  });
  return { findings, refused };
}

interface Named {
  readonly name: string;
  readonly namespace: string;
}

function readName(kind: ResourceKind, from: Mapping, field: string): Named | DocumentFinding {
  const { name, namespace } = from;
  const stated = { kind: kind.kind, ...identity(from) };
  if (name === undefined || name === null || name === '') {
    return { ...stated, code: 'NotAnObject', message: `the ${kind.kind} has no name; state \`${field}\`` };
  }
  const wrong = (what: string, value: unknown): DocumentFinding => ({
    ...stated,
    code: 'InvalidName',
    message: `\`${what}\` is ${JSON.stringify(value)?.slice(0, 120)}; expected letters, digits, \`-\`, \`_\`, \`.\` and \`~\`, 253 characters at most`,
  });
  if (typeof name !== 'string' || !isObjectName(name)) return wrong(field, name);
  if (namespace === undefined || namespace === null || namespace === '') return { name, namespace: 'default' };
  if (typeof namespace !== 'string' || !isObjectName(namespace)) return wrong('namespace', namespace);
  return { name, namespace };
}

interface Contents {
  readonly body: Mapping;
  readonly location: string;
  readonly imported: boolean;
}

function makeObject(kind: ResourceKind, named: Named, meta: Mapping, contents: Contents): RawObject {
  return {
    kind: kind.kind,
    namespace: named.namespace,
    name: named.name,
    createdAt: '',
    generation: 0,
    labels: texts(meta['labels']),
    annotations: texts(meta['annotations']),
    spec: contents.body,
    location: contents.location,
    imported: contents.imported,
  };
}

/** Labels and annotations: what is no text cannot be compared with one, so plain values become texts. */
function texts(value: unknown): Record<string, string> {
  if (!isMapping(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) =>
      typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean'
        ? [[key, String(member)]]
        : [],
    ),
  );
}

function refuse(code: DiagnosticCode, message: string, kind = '', name = ''): DocumentReading {
  return { objects: [], findings: [{ code, message, kind, namespace: 'default', name }] };
}

function identity(from: Mapping): { namespace: string; name: string } {
  return { namespace: textOf(from['namespace']) || 'default', name: textOf(from['name']) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 253) : '';
}

function nameOfType(value: unknown): string {
  if (value === null) return 'empty';
  return Array.isArray(value) ? 'a list' : `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
