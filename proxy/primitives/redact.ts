// Takes secrets out of a value before a person sees it: debug pages, compile's output, diagnostics. What is secret is
// said by the schema (`.meta({ secret: true })`), never by the name of a field; a union's field is secret when any of
// its options says so. It copies what it changes and leaves the value itself alone. Not for the hot path.

import { z } from 'zod';

/** What stands in the place of a secret that is not empty. */
export const redactedText = '<redacted>';

/**
 * A text without what is secret wherever it stands: credentials in `http://user:password@host`, and the whole text when
 * it holds a private key, which people put beside the certificate or into its place.
 */
export function withoutSecrets(text: string): string {
  if (text.length > 100 && holdsKey(text)) return redactedText;
  return text.includes('@') ? text.replace(/\/\/[^/?#\s]*@/g, `//${redactedText}@`) : text;
}

/** `PRIVATE KEY` as it is or in base64, where it may begin in each of three places. */
function holdsKey(text: string): boolean {
  if (text.includes('PRIVATE KEY')) return true;
  return /UFJJVkFURSBLRV|BSSVZBVEUgS0VZ|QUklWQVRFIEtFW/.test(text.replace(/\s+/g, ''));
}

export function redact(schema: z.ZodType, value: unknown): unknown {
  return redactNode(schema as unknown as SchemaNode, value, 0);
}

/** The parts of a zod schema that the walk reads; all are optional because each type has only some. */
interface SchemaNode {
  meta(): Record<string, unknown> | undefined;
  readonly def: {
    readonly type: string;
    readonly shape?: Readonly<Record<string, SchemaNode>>;
    readonly catchall?: SchemaNode;
    readonly element?: SchemaNode;
    readonly items?: readonly SchemaNode[];
    readonly rest?: SchemaNode | null;
    readonly valueType?: SchemaNode;
    readonly innerType?: SchemaNode;
    readonly options?: readonly SchemaNode[];
    readonly left?: SchemaNode;
    readonly right?: SchemaNode;
    readonly in?: SchemaNode;
    readonly out?: SchemaNode;
    readonly getter?: () => SchemaNode;
  };
}

/** Deeper than any spec; stops a value or a lazy schema that contains itself. */
const maxDepth = 64;

function redactNode(schema: SchemaNode, value: unknown, depth: number): unknown {
  if (value === undefined || value === null || value === '') return value;
  if (schema.meta()?.['secret'] === true || depth > maxDepth) return redactedText;
  const { def } = schema;
  switch (def.type) {
    case 'object':
      return redactMembers(value, depth, (key) => ownMember(def.shape, key) ?? def.catchall);
    case 'record':
      return redactMembers(value, depth, () => def.valueType);
    case 'array':
      return redactItems(value, depth, () => def.element);
    case 'tuple':
      return redactItems(value, depth, (index) => def.items?.[index] ?? def.rest ?? undefined);
    default: {
      const parts = [def.innerType, def.left, def.right, def.in, def.out, def.getter?.(), ...(def.options ?? [])];
      let result: unknown = value;
      for (const part of parts) if (part !== undefined) result = redactNode(part, result, depth + 1);
      return typeof result === 'string' ? withoutSecrets(result) : result;
    }
  }
}

function redactMembers(value: unknown, depth: number, of: (key: string) => SchemaNode | undefined): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const schema = of(key);
      return [key, schema === undefined ? member : redactNode(schema, member, depth + 1)];
    }),
  );
}

function redactItems(value: unknown, depth: number, of: (index: number) => SchemaNode | undefined): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown, index) => {
    const schema = of(index);
    return schema === undefined ? item : redactNode(schema, item, depth + 1);
  });
}

function ownMember(shape: Readonly<Record<string, SchemaNode>> | undefined, key: string): SchemaNode | undefined {
  return shape !== undefined && Object.hasOwn(shape, key) ? shape[key] : undefined;
}
