// An object as a person wrote it, from whatever source: the custom-resource form, with `spec` still unchecked.

export interface ObjectKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export interface RawObject extends ObjectKey {
  /** RFC 3339, `` when the source has none (files). */
  readonly createdAt: string;
  readonly generation: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The fields below `spec` (for built-in kinds such as EndpointSlice: the whole object without metadata). */
  readonly spec: Readonly<Record<string, unknown>>;
  /** Where it stands, for messages: `web.yaml:12`, or `` . */
  readonly location: string;
  /** True when it was written in Easegress's own form (fields at top level). */
  readonly imported: boolean;
}

/** `HTTPServer/default/web`: the key in every table. */
export function keyOf(object: ObjectKey): string {
  return `${object.kind}/${object.namespace}/${object.name}`;
}
