// One end of an HTTP/2 connection that is nothing but a socket and a script: it sends the frames it is told to, valid or
// not, and shows the frames that came. It keeps no rules of its own but the acknowledgement of SETTINGS.

import { connect, type Socket } from 'node:net';
import { HeaderList } from '#proxy/exchange/headers.ts';
import { FieldBlock, blockOf } from '#proxy/http2/field-block.ts';
import { frameEvent, FrameReader, uint31, uint32 } from '#proxy/http2/frame-reader.ts';
import { flag, frameType, preface } from '#proxy/http2/frames.ts';
import { HpackDecoder } from '#proxy/http2/hpack-decoder.ts';
import { settingsFrame } from '#proxy/http2/peer-settings.ts';

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface SeenHead {
  readonly status: number;
  /** Of a request: method, path and so on. */
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: HeaderList;
}

export type Fields = readonly (readonly [name: string, value: string])[];

const anything = { maxHeaderBytes: 1 << 24, maxFields: 1 << 16, maxCrumbs: 1 << 16 };

/** A frame with its head. */
export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const whole = Buffer.alloc(9 + body.length);
  whole.writeUIntBE(body.length, 0, 3);
  whole[3] = type;
  whole[4] = flags;
  whole.writeUInt32BE(stream, 5);
  body.copy(whole, 9);
  return whole;
}

/** Literal fields, not indexed and without Huffman codes. */
export function fieldBlock(fields: Fields): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) parts.push(Buffer.of(0), literal(name), literal(value));
  return Buffer.concat(parts);
}

function literal(text: string): Buffer {
  const length: number[] = [];
  if (text.length < 127) {
    length.push(text.length);
  } else {
    length.push(127);
    let rest = text.length - 127;
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text, 'latin1')]);
}

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a.test'],
];
export const post: Fields = [[':method', 'POST'], ...get.slice(1)];

export class Http2Peer implements AsyncDisposable {
  readonly socket: Socket;
  readonly frames: SeenFrame[] = [];
  /** Heads and trailers by stream, in order. */
  readonly heads = new Map<number, SeenHead[]>();
  ended = false;
  closed = false;
  error = '';
  acknowledge = true;
  private readonly reader = new FrameReader();
  private readonly decoder = new HpackDecoder(4096);
  private readonly fields: number;
  private prefaceLeft: number;
  private block: Buffer[] = [];
  private watchers: (() => void)[] = [];

  /** `server` when the peer plays an origin. */
  constructor(socket: Socket, server = false) {
    this.socket = socket;
    this.fields = server ? blockOf.request : blockOf.response;
    this.prefaceLeft = server ? preface.length : 0;
    socket.on('data', (data: Buffer) => this.receive(data));
    socket.on('end', () => this.note(() => (this.ended = true)));
    socket.on('error', (error: NodeJS.ErrnoException) => this.note(() => (this.error = error.code ?? '')));
    socket.on('close', () => this.note(() => (this.closed = true)));
  }

  static client(port: number): Http2Peer {
    return new Http2Peer(connect({ port, host: '127.0.0.1', noDelay: true }));
  }

  /** The preface of a client, and settings. */
  hello(settings: readonly (readonly [number, number])[] = []): this {
    return this.raw(preface).raw(settingsFrame(settings));
  }

  settings(settings: readonly (readonly [number, number])[] = []): this {
    return this.raw(settingsFrame(settings));
  }

  raw(data: Buffer | string): this {
    this.socket.write(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    return this;
  }

  frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): this {
    return this.raw(frame(type, flags, stream, payload));
  }

  headers(stream: number, fields: Fields, flags: number = flag.endStream): this {
    return this.frame(frameType.headers, flags | flag.endHeaders, stream, fieldBlock(fields));
  }

  data(stream: number, payload: Buffer | string, end = false): this {
    return this.frame(frameType.data, end ? flag.endStream : 0, stream, payload);
  }

  reset(stream: number, code = 8): this {
    return this.frame(frameType.rstStream, 0, stream, number(code));
  }

  window(stream: number, increment: number): this {
    return this.frame(frameType.windowUpdate, 0, stream, number(increment));
  }

  // ── what came ──

  of(type: number, stream: number): SeenFrame[] {
    return this.frames.filter((each) => each.type === type && each.stream === stream);
  }

  /** Of the last GOAWAY with an error, or the last one; -1 = none came. */
  get goaway(): number {
    const last = this.of(frameType.goaway, 0).at(-1);
    return last === undefined ? -1 : uint32(last.payload, 4);
  }

  get goawayStream(): number {
    const last = this.of(frameType.goaway, 0).at(-1);
    return last === undefined ? -1 : uint31(last.payload, 0);
  }

  /** Code of the RST_STREAM, -1 = none came. */
  resetCode(stream: number): number {
    const last = this.of(frameType.rstStream, stream).at(-1);
    return last === undefined ? -1 : uint32(last.payload, 0);
  }

  status(stream: number): number {
    return this.heads.get(stream)?.find((head) => head.status >= 200)?.status ?? 0;
  }

  text(stream: number): string {
    return Buffer.concat(this.of(frameType.data, stream).map((each) => each.payload)).toString('latin1');
  }

  done(stream: number): boolean {
    const ends = (each: SeenFrame): boolean => each.type <= frameType.headers && (each.flags & flag.endStream) !== 0;
    return this.frames.some((each) => each.stream === stream && ends(each));
  }

  get over(): boolean {
    return this.ended || this.closed;
  }

  /** Tried whenever something comes; rejects when the connection closes before it holds. */
  async until(condition: () => boolean): Promise<this> {
    while (!condition()) {
      if (this.closed) throw new Error(`closed ${this.error} after ${JSON.stringify(this.summary())}`);
      await new Promise<void>((resolve) => this.watchers.push(resolve));
    }
    return this;
  }

  async untilOver(): Promise<this> {
    return this.until(() => this.over);
  }

  async untilDone(stream: number): Promise<this> {
    return this.until(() => this.done(stream));
  }

  summary(): string[] {
    return this.frames.map((each) => `${each.type}/${each.flags}@${each.stream}+${each.payload.length}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return;
    this.socket.destroy();
    while (!this.closed) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  private note(change: () => void): void {
    change();
    for (const watcher of this.watchers.splice(0)) watcher();
  }

  private receive(data: Buffer): void {
    let at = Math.min(this.prefaceLeft, data.length);
    this.prefaceLeft -= at;
    const { reader } = this;
    while (reader.next(data, at) === frameEvent.frame) {
      at = reader.offset;
      const { type, flags, stream } = reader;
      const payload = Buffer.from(reader.data.subarray(reader.start, reader.end));
      this.frames.push({ type, flags, stream, payload });
      if (type === frameType.settings && (flags & flag.ack) === 0 && this.acknowledge) {
        this.frame(frameType.settings, flag.ack, 0);
      }
      if (type === frameType.headers || type === frameType.continuation) this.onBlock(stream, flags, payload);
    }
    this.note(() => {});
  }

  private onBlock(stream: number, flags: number, payload: Buffer): void {
    this.block.push(payload);
    if ((flags & flag.endHeaders) === 0) return;
    const whole = Buffer.concat(this.block.splice(0));
    const before = this.heads.get(stream) ?? [];
    const trailers = before.some((head) => head.status >= 200 || head.method !== '');
    const fields = new FieldBlock();
    fields.begin(trailers ? blockOf.trailers : this.fields, anything);
    if (this.decoder.decode(whole, 0, whole.length, fields) !== 0) throw new Error('undecodable block');
    const { status, method, path, authority, headers } = fields;
    this.heads.set(stream, [...before, { status, method, path, authority, headers }]);
  }
}
