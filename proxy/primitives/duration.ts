// Durations as Go writes them (`10ms`, `1h30m`), because that is what the objects contain, and milliseconds, because
// that is what everything after compile works with. Objects keep the text; whoever needs a number asks durationMs.

import { z } from 'zod';

const nanosPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5
  μs: 1e3, // U+03BC; Go accepts both
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};

/** Go's limit: 2^63 - 1 nanoseconds, about 292 years. */
const maxNanos = 2 ** 63;

const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Milliseconds, or null when `text` is no Go duration. What is above zero but below one millisecond becomes 1,
 * because 0 means "none" in most fields; other fractions are rounded.
 */
export function parseDuration(text: string): number | null {
  const signed = text.startsWith('-') || text.startsWith('+');
  const body = signed ? text.slice(1) : text;
  if (body === '0') return 0;
  if (body === '' || body.length > 64) return null;
  let nanos = 0;
  part.lastIndex = 0;
  while (part.lastIndex < body.length) {
    const match = part.exec(body);
    if (match === null) return null;
    nanos += Number(match[1]) * (nanosPerUnit[match[2] as string] as number);
  }
  if (nanos >= maxNanos) return null;
  const ms = nanos > 0 && nanos < 1e6 ? 1 : Math.round(nanos / 1e6);
  return text.startsWith('-') ? -ms || 0 : ms;
}

/** Milliseconds of a text that the schema has checked. Anything else is a bug of ours. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new TypeError(`not a duration: ${JSON.stringify(text)}`);
  return ms;
}

/** `90000` → `1m30s`, as Go prints it. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3.6e6);
  const minutes = Math.floor((ms % 3.6e6) / 6e4);
  const seconds = (ms % 6e4) / 1000;
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

/** Field that holds a duration of zero or more. */
export function durationField(description: string) {
  return z
    .string()
    .max(64)
    .refine((text) => (parseDuration(text) ?? -1) >= 0, { error: 'a duration such as `500ms`, `30s` or `1m30s`' })
    .meta({ description, format: 'duration' });
}
