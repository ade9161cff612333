// Access-log lines in Easegress's format: a text with {{Variables}}, compiled once per format. Pure: the line goes
// back to the caller, who batches and writes it.

import { escapeText } from './access-log-escape.ts';
import { formatHeaders, formatSpan, formatTags, formatTime, short } from './access-log-fields.ts';
import type { RequestRecord } from './record.ts';

export const defaultAccessLogFormat =
  '[{{Time}}] [{{RemoteAddr}} {{RealIP}} {{Method}} {{URI}} {{Proto}} {{StatusCode}}] ' +
  '[{{Duration}} rx:{{ReqSize}}B tx:{{RespSize}}B] [{{Tags}}]';

type Piece = (record: RequestRecord) => string;

const variables: ReadonlyMap<string, Piece> = new Map<string, Piece>([
  ['Time', (record) => formatTime(record.time)],
  ['RemoteAddr', (record) => hostPort(record.peer.address, record.peer.port)],
  ['RealIP', (record) => escapeText(record.realIp)],
  ['Method', (record) => escapeText(short(record.method))],
  ['URI', (record) => escapeText(short(record.target))],
  ['Proto', (record) => protocolOf(record.version)],
  ['StatusCode', (record) => String(record.status)],
  ['Duration', (record) => formatSpan(record.durationMs)],
  ['ReqSize', (record) => String(record.bytesIn)],
  ['RespSize', (record) => String(record.bytesOut)],
  ['ReqHeaders', (record) => formatHeaders(record.requestHeaders)],
  ['RespHeaders', (record) => formatHeaders(record.responseHeaders)],
  ['Tags', formatTags],
]);

/** Formats come from specs, so there are few; when they have changed so often, those of today are compiled anew. */
const maxFormats = 1024;
const compiled = new Map<string, Piece>();

/** One line without its end. `` as format means the default one. */
export function formatText(record: RequestRecord, format: string): string {
  let piece = compiled.get(format);
  if (piece === undefined) {
    if (compiled.size >= maxFormats) compiled.clear();
    piece = compileFormat(format === '' ? defaultAccessLogFormat : format);
    compiled.set(format, piece);
  }
  return piece(record);
}

/** An unknown variable stands for nothing, as in Easegress's template with a missing field. */
function compileFormat(format: string): Piece {
  const texts: string[] = [];
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of format.matchAll(/\{\{\s*\.?(\w+)\s*\}\}/g)) {
    texts.push(oneLine(format.slice(from, match.index)));
    pieces.push(variables.get(match[1] as string) ?? (() => ''));
    from = match.index + match[0].length;
  }
  const rest = oneLine(format.slice(from));
  return (record) => {
    let line = '';
    for (let i = 0; i < pieces.length; i++) line += (texts[i] as string) + (pieces[i] as Piece)(record);
    return line + rest;
  };
}

/** A format may be written over several lines; the log has one per request. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function protocolOf(version: string): string {
  if (version === '1.1') return 'HTTP/1.1';
  return version === '2' ? 'HTTP/2.0' : `HTTP/${version}`;
}
