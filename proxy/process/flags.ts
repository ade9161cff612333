// Flags and environment of a command, from one zod schema: `dataDir` is --data-dir and EASEGRESS_DATA_DIR. A flag wins
// over the environment. Values are text until the schema makes something of them; a flag without a value is `true`.
// What a person typed wrong is a SettingsError with a line that says what would be right.

import { z } from 'zod';
import { nearest } from '#proxy/primitives/nearest.ts';

export class SettingsError extends Error {}

export function readSettings<S extends z.ZodObject>(
  schema: S,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): z.infer<S> {
  const names = new Map(Object.keys(schema.shape).map((key) => [flagOf(key), key]));
  const values: Record<string, string> = {};
  for (const [flag, key] of names) {
    const value = env[`EASEGRESS_${flag.slice(2).toUpperCase().replaceAll('-', '_')}`];
    if (value !== undefined) values[key] = value;
  }
  for (let i = 0; i < argv.length; i++) {
    const [flag = '', ...rest] = (argv[i] as string).split('=');
    const key = names.get(flag);
    if (key === undefined) throw new SettingsError(unknownFlag(flag, names.keys()));
    const next = argv[i + 1];
    if (rest.length > 0) values[key] = rest.join('=');
    else if (next !== undefined && !next.startsWith('--')) values[key] = argv[++i] as string;
    else values[key] = 'true';
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw new SettingsError(parsed.error.issues.map((issue) => faultOf(issue, values)).join('\n'));
}

/** A setting of a closed set of words. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W) {
  return z.enum(words, `one of ${words.join(', ')}`);
}

/** One line per flag, for `--help`. `without` names settings that a command has no use for. */
export function describeFlags(schema: z.ZodObject, without: readonly string[] = []): string {
  const entries = Object.entries(schema.shape)
    .filter(([key]) => !without.includes(key))
    .map(([key, field]) => [flagOf(key), descriptionOf(field)] as const);
  const width = Math.max(...entries.map(([flag]) => flag.length)) + 2;
  return entries.map(([flag, text]) => `  ${flag.padEnd(width)}${text}\n`).join('');
}

/** The flag, what was typed, and what would be right. */
function faultOf({ path: [key], message }: z.core.$ZodIssue, values: Readonly<Record<string, string>>): string {
  const value = values[String(key)];
  const typed = value === undefined ? '' : `${JSON.stringify(value)} is not possible; expected `;
  return `${flagOf(String(key))}: ${typed}${message}`;
}

/** What it is, and what it is when it is not stated: a default that is text, as a person would type it. */
function descriptionOf(field: unknown): string {
  const text = (field as z.ZodType).description ?? '';
  const unstated = field instanceof z.ZodPrefault ? field.def.defaultValue : '';
  return typeof unstated === 'string' && unstated !== '' ? `${text} (default ${unstated})` : text;
}

/** `stateDir` is --state-dir. */
export function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function unknownFlag(flag: string, known: Iterable<string>): string {
  if (!flag.startsWith('--')) return `unexpected argument ${flag}`;
  const near = nearest(flag, known);
  return `unknown flag ${flag}${near === null ? '' : `; did you mean ${near}?`}`;
}
