// The building blocks of schemas: every text, list and map has a bound and a description, because CRDs, documentation
// and error messages are made from the same place. Object schemas themselves are strict: who wants to be lenient
// finds unknown fields first (operator/resources/inspect.ts).
//
// Meta keys that the product reads beside `description`:
//   secret: true          never shown: redacted in messages, pages and logs
//   protects: true        restricts access: serving without it would be more open than meant
//   inactive: true        known, but what it needs is not built yet
//   inactiveValues: [..]  the same for some values of an enumeration
//   format                the form of a text, for documentation

import { z } from 'zod';
import { CidrError, CidrSet } from './ip.ts';
import { compile, maxPatternLength, RegexpError } from './regexp.ts';

/** A text of at most `max` characters. */
export function text(description: string, max = 1024) {
  return z.string().max(max).meta({ description });
}

/** A text with at least one character. */
export function requiredText(description: string, max = 1024) {
  return z.string().min(1).max(max).meta({ description });
}

export function flag(description: string) {
  return z.boolean().meta({ description });
}

export function integer(description: string, min: number, max: number) {
  return z.int().min(min).max(max).meta({ description });
}

export function list<T extends z.ZodType>(item: T, max: number, description: string) {
  return z.array(item).max(max).meta({ description });
}

/** A map from texts of at most `maxKey` characters. */
export function map<T extends z.ZodType>(value: T, max: number, description: string) {
  return z
    .record(z.string().max(1024), value)
    .refine((entries) => Object.keys(entries).length <= max, { error: `a map of at most ${max} entries` })
    .meta({ description, maxProperties: max });
}

/** An expression in RE2 syntax. */
export function regexpField(description: string) {
  return z
    .string()
    .max(maxPatternLength)
    .superRefine((pattern, ctx) => {
      const reason = whyInvalid(() => compile(pattern));
      if (reason !== '') ctx.addIssue({ code: 'custom', message: `an expression in RE2 syntax (${reason})` });
    })
    .meta({ description, format: 'regexp' });
}

/** An address or network, IPv4 or IPv6. */
export function cidrField(description: string) {
  return z
    .string()
    .max(64)
    .refine((entry) => whyInvalid(() => new CidrSet([entry])) === '', {
      error: 'an IP address or network, such as `10.0.0.0/8`',
    })
    .meta({ description, format: 'cidr' });
}

function whyInvalid(build: () => unknown): string {
  try {
    build();
    return '';
  } catch (error) {
    if (error instanceof RegexpError || error instanceof CidrError)
      return error.message.replace(/^.* is not a valid regular expression: /s, '');
    throw error;
  }
}

/** Standard base64, padded or not; white space between lines is allowed, as in a PEM that was wrapped. */
export function base64Field(description: string, max = 262_144) {
  return z.string().max(max).refine(isBase64, { error: 'base64 text' }).meta({ description, format: 'base64' });
}

function isBase64(value: string): boolean {
  const compact = value.replace(/\s+/g, '');
  return compact.length % 4 !== 1 && /^[A-Za-z0-9+/]*={0,2}$/.test(compact);
}

export const httpMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'] as const;

export function methodList(description: string) {
  return z.array(z.enum(httpMethods)).max(httpMethods.length).meta({ description });
}

export function statusCode(description: string, min = 100) {
  return z.int().min(min).max(599).meta({ description });
}
