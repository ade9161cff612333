// The client of rows about HTTP/2: frames as bytes, valid or not, and what the frames that came back say. Field blocks
// go out as plain literals, so any name and value can be sent.

import { HpackDecoder } from '#proxy/http2/hpack-decoder.ts';
import { type Fields, fieldBlock, frame } from '#test/support/http2-peer.ts';
import type { ClientSide } from './play.ts';

const type = { data: 0, headers: 1, reset: 3, settings: 4, goaway: 7, continuation: 9 } as const;
const endStream = 1;
const endHeaders = 4;
export const protocolError = 1;

const hello = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${frame(type.settings, 0, 0).toString('latin1')}`;
const acknowledgement = frame(type.settings, 1, 0).toString('latin1');

/** A request for a.test; `undefined` takes a field out. */
export function head(change: Readonly<Record<string, string | undefined>> = {}, more: Fields = []): Fields {
  const fields = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'a.test', ...change };
  const kept = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return [...kept, ...more];
}

/** HEADERS of a stream; the last of it unless `open`. */
export function headers(stream: number, fields: Fields, open = false): string {
  return frame(type.headers, endHeaders | (open ? 0 : endStream), stream, fieldBlock(fields)).toString('latin1');
}

export function data(stream: number, body: string, end = true): string {
  return frame(type.data, end ? endStream : 0, stream, body).toString('latin1');
}

/** Sends `frames` behind the preface and waits until every one of `streams` is over, or the connection. */
export function http2Client(frames: string, streams: readonly number[] = [1]): (client: ClientSide) => Promise<void> {
  return async (client) => {
    await client.send(hello);
    await client.until(() => client.text.length >= 9);
    await client.send(acknowledgement + frames);
    await client.until(() => {
      const { ended, goaway } = readFrames(client.text);
      return goaway !== -1 || client.ended || streams.every((stream) => ended.has(stream));
    });
  };
}

export interface Frames {
  /** All statuses of a stream, interim ones first. */
  readonly statuses: ReadonlyMap<number, readonly number[]>;
  readonly bodies: ReadonlyMap<number, string>;
  /** Codes of RST_STREAM. */
  readonly resets: ReadonlyMap<number, number>;
  /** Streams that are over, in whichever way. */
  readonly ended: ReadonlySet<number>;
  /** Code of GOAWAY, -1 = none came. */
  readonly goaway: number;
}

/** What a client has received, one character per byte; half a frame at the end is left out. */
export function readFrames(text: string): Frames {
  const bytes = Buffer.from(text, 'latin1');
  const statuses = new Map<number, number[]>();
  const bodies = new Map<number, string>();
  const resets = new Map<number, number>();
  const ended = new Set<number>();
  const decoder = new HpackDecoder(4096);
  let goaway = -1;
  for (let at = 0; at + 9 <= bytes.length;) {
    const length = bytes.readUIntBE(at, 3);
    const [kind, flags, stream] = [bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, bytes.readUInt32BE(at + 5)];
    const from = at + 9;
    at = from + length;
    if (at > bytes.length) break;
    if (kind === type.reset) resets.set(stream, bytes.readUInt32BE(from));
    if (kind === type.goaway) goaway = bytes.readUInt32BE(from + 4);
    if (kind === type.data) bodies.set(stream, (bodies.get(stream) ?? '') + bytes.toString('latin1', from, at));
    if (kind === type.headers) {
      const list = statuses.get(stream) ?? [];
      statuses.set(stream, list);
      const field = (name: string, value: string): boolean => {
        if (name === ':status') list.push(Number(value));
        return true;
      };
      decoder.decode(bytes, from, at, { field });
    }
    if (kind === type.reset || (kind <= type.headers && (flags & endStream) !== 0)) ended.add(stream);
  }
  return { statuses, bodies, resets, ended, goaway };
}
