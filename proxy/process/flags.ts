// Flags and environment of a command, from one zod schema: `dataDir` is --data-dir and EASEGRESS_DATA_DIR. A flag wins
// over the environment. Values are text until the schema makes something of them; a flag without a value is `true`.
// What a person typed wrong is a SettingsError with a line that says what would be right.

import type { z } from 'zod';
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
  const lines = parsed.error.issues.map((issue) => `${flagOf(String(issue.path[0]))}: ${issue.message}`);
  throw new SettingsError(lines.join('\n'));
}

/** One line per flag, for `--help`. */
export function describeFlags(schema: z.ZodObject): string {
  const entries = Object.entries(schema.shape).map(([key, field]) => [flagOf(key), descriptionOf(field)] as const);
  const width = Math.max(...entries.map(([flag]) => flag.length)) + 2;
  return entries.map(([flag, text]) => `  ${flag.padEnd(width)}${text}\n`).join('');
}

function descriptionOf(field: unknown): string {
  return (field as z.ZodType).description ?? '';
}

function flagOf(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function unknownFlag(flag: string, known: Iterable<string>): string {
  if (!flag.startsWith('--')) return `unexpected argument ${flag}`;
  const near = nearest(flag, known);
  return `unknown flag ${flag}${near === null ? '' : `; did you mean ${near}?`}`;
}
