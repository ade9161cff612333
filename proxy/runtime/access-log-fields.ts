// Pieces that the text and the JSON form of an access-log line share: times, durations, the trace, headers.

import type { HeaderList } from '#proxy/exchange/headers.ts';
import { sameName } from '#proxy/exchange/headers.ts';
import type { PipelineTrace } from '#proxy/pipeline/trace.ts';
import { escapeText } from './access-log-escape.ts';
import type { RequestRecord } from './record.ts';

const maxText = 512;
const maxHeaders = 8192;

/** A text that a client chose, cut at 512 characters as Easegress cuts the URI. */
export function short(text: string): string {
  return cut(text, maxText);
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}...`;
}

let secondOfText = -1;
let textOfSecond = '';

/** RFC 3339 in UTC with milliseconds. The text of a second is made once. */
export function formatTime(ms: number): string {
  const whole = Math.floor(ms);
  const second = Math.floor(whole / 1000);
  if (second !== secondOfText) {
    secondOfText = second;
    textOfSecond = new Date(second * 1000).toISOString().slice(0, 20);
  }
  const rest = whole - second * 1000;
  return `${textOfSecond}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}

/** `12us`, `1.2ms`, `3.4s`. Only whole numbers are printed: turning a fraction into text costs five times as much. */
export function formatSpan(ms: number): string {
  if (ms < 1) return `${Math.round(ms * 1000)}us`;
  return ms < 1000 ? `${tenths(ms)}ms` : `${tenths(ms / 1000)}s`;
}

function tenths(value: number): string {
  const all = Math.round(value * 10);
  const rest = all % 10;
  return rest === 0 ? String(all / 10) : `${(all - rest) / 10}.${rest}`;
}

/** `pipeline(line): add(2us)->send(clientError,11.8ms)`. */
export function formatTrace(trace: PipelineTrace): string {
  let line = '';
  for (const { node, result, durationMs } of trace.steps) {
    if (line !== '') line += '->';
    line += result === '' ? `${node}(${formatSpan(durationMs)})` : `${node}(${result},${formatSpan(durationMs)})`;
  }
  return `pipeline(${trace.pipeline}): ${line === '' ? '<empty>' : line}`;
}

/** What Easegress calls tags: traces, calls of upstreams, remarks of filters, and why the answer is the gateway's. */
export function formatTags(record: RequestRecord): string {
  let tags = '';
  for (const trace of record.traces) tags = joinTag(tags, formatTrace(trace));
  for (const { title, endpoint, durationMs } of record.upstreams) {
    tags = joinTag(tags, `${title}#duration: ${formatSpan(durationMs)} ${endpoint}`);
  }
  for (const tag of record.tags) tags = joinTag(tags, tag);
  if (record.error !== null) {
    const detail = record.errorDetail === '' ? '' : `: ${short(record.errorDetail)}`;
    tags = joinTag(tags, `${record.errorLayer}: ${record.error}${detail}`);
  }
  return escapeText(tags);
}

function joinTag(tags: string, tag: string): string {
  return tags === '' ? tag : `${tags} | ${tag}`;
}

const secretNames = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie'];
const secretParts = ['token', 'secret', 'password', 'api-key', 'apikey', 'session', 'credential', 'signature'];

/** `Name: value, …`; values that may be credentials are left out. */
export function formatHeaders(headers: HeaderList | null): string {
  if (headers === null) return '';
  let line = '';
  for (let i = 0; i < headers.length; i++) {
    const name = headers.names[i] as string;
    if (line !== '') line += ', ';
    line += `${name}: ${isSecret(name) ? '***' : (headers.values[i] as string)}`;
  }
  return escapeText(cut(line, maxHeaders));
}

function isSecret(name: string): boolean {
  if (secretNames.some((secret) => sameName(name, secret))) return true;
  const lower = name.toLowerCase();
  return secretParts.some((part) => lower.includes(part));
}
