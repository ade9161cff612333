// Objects for tests of the operator, as a source would give them: written by hand, or from YAML in the
// custom-resource form and in Easegress's own.

import { loadAll } from 'js-yaml';
import type { RawObject } from '#operator/resources/object.ts';

type Fields = Readonly<Record<string, unknown>>;

/** An object of namespace `default`. */
export function rawObject(kind: string, name: string, spec: Fields, change: Partial<RawObject> = {}): RawObject {
  return {
    kind,
    namespace: 'default',
    name,
    createdAt: '',
    generation: 1,
    labels: {},
    annotations: {},
    spec,
    location: '',
    imported: false,
    ...change,
  };
}

/** All documents of a file. With `metadata` it is a custom resource, without it Easegress's own form. */
export function objectsFromYaml(text: string): RawObject[] {
  return (loadAll(text) as Fields[]).map((document) => {
    const { apiVersion: _, kind, name, metadata, spec, ...rest } = document;
    if (metadata === undefined) return rawObject(String(kind), String(name), rest, { imported: true });
    const { name: own, ...meta } = metadata as Partial<RawObject> & { readonly name: string };
    return rawObject(String(kind), own, (spec as Fields | undefined) ?? rest, meta);
  });
}
