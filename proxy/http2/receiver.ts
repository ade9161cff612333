// The reading half of a connection: what each frame of the peer means, and which ones are faults (RFC 9113 5, 6). It
// changes streams and settings, and leaves to the connection what a fault costs.

import { ProxyError } from '#proxy/exchange/error.ts';
import type { Connection } from './connection.ts';
import { blockOf, FieldBlock, type BlockLimits } from './field-block.ts';
import { frameEvent, FrameReader, uint31, uint32 } from './frame-reader.ts';
import { codeName, drainPing, errorCode, flag, frameHeaderBytes, frameType, largestWindow, preface } from './frames.ts';
import { HeadCollector } from './head-collector.ts';
import { decodeResult, HpackDecoder } from './hpack-decoder.ts';
import type { Stream } from './stream.ts';
import { urgencyOf } from './urgency.ts';

/** What our settings say, by saying nothing: the default (RFC 9113 6.5.2). */
const tableBytes = 4096;
/** A longer PRIORITY_UPDATE says nothing that we know. */
const maxPriority = 256;

const block = new FieldBlock();

export class Receiver {
  private readonly connection: Connection;
  private readonly reader = new FrameReader();
  private readonly decoder = new HpackDecoder(tableBytes);
  private readonly collector: HeadCollector;
  private readonly blockLimits: BlockLimits;
  private prefaceLeft: number;

  constructor(connection: Connection) {
    const { limits, role } = connection;
    this.connection = connection;
    this.blockLimits = { ...limits, maxCrumbs: limits.http2.maxCrumbs };
    this.collector = new HeadCollector(limits.maxHeaderBytes * 2, limits.http2.maxContinuations);
    this.prefaceLeft = role.server ? preface.length : 0;
  }

  /** A preface, a frame or a field block has begun and is not complete. */
  get waiting(): boolean {
    return this.reader.inFrame || this.collector.stream !== 0 || this.prefaceLeft > 0;
  }

  read(data: Buffer): void {
    const { reader, connection } = this;
    let at = this.prefaceLeft > 0 ? this.readPreface(data) : 0;
    while (!connection.over) {
      const event = reader.next(data, at);
      at = reader.offset;
      if (event === frameEvent.more) break;
      if (event === frameEvent.tooLong) connection.fail(errorCode.frameSizeError, 'frame is too long');
      else this.onFrame();
    }
  }

  private readPreface(data: Buffer): number {
    const from = preface.length - this.prefaceLeft;
    const size = Math.min(this.prefaceLeft, data.length);
    if (data.compare(preface, from, from + size, 0, size) !== 0) {
      this.prefaceLeft = 0;
      this.connection.fail(errorCode.protocolError, 'invalid preface');
      return data.length;
    }
    this.prefaceLeft -= size;
    return size;
  }

  private onFrame(): void {
    const { reader, collector } = this;
    const { type, stream } = reader;
    if (collector.stream !== 0 && (type !== frameType.continuation || stream !== collector.stream)) {
      return this.connection.fail(errorCode.protocolError, 'frame inside a field block');
    }
    if (!this.connection.peer.known && type !== frameType.settings) {
      return this.connection.fail(errorCode.protocolError, 'the first frame is not SETTINGS');
    }
    const size = reader.end - reader.start;
    switch (type) {
      case frameType.data:
        return this.onDataFrame(size);
      case frameType.headers:
        return this.onHeadersFrame();
      case frameType.continuation:
        return this.onContinuation();
      case frameType.windowUpdate:
        return this.onWindowUpdate(size);
      case frameType.rstStream:
        return this.onRstStream(size);
      case frameType.settings:
        return this.onSettings(size);
      case frameType.ping:
        return this.onPing(size);
      case frameType.goaway:
        return this.onGoaway(size);
      case frameType.priority:
        return this.onPriority(size);
      case frameType.pushPromise:
        return this.connection.fail(errorCode.protocolError, 'PUSH_PROMISE although push is off');
      case frameType.priorityUpdate:
        return this.onPriorityUpdate(size);
      default:
        // RFC 9113 5.5: unknown ones are ignored.
        this.connection.idle();
    }
  }

  // ── DATA ──

  private onDataFrame(size: number): void {
    const { reader } = this;
    const { stream: id, data } = reader;
    const ended = (reader.flags & flag.endStream) !== 0;
    if (id === 0) return this.connection.fail(errorCode.protocolError, 'DATA on stream 0');
    let { start, end } = reader;
    if ((reader.flags & flag.padded) !== 0) {
      if (size === 0) return this.connection.fail(errorCode.frameSizeError, 'no pad length');
      end -= data[start] as number;
      start++;
      if (start > end) return this.connection.fail(errorCode.protocolError, 'padding is longer than the frame');
    }
    if (!this.connection.spend(size)) {
      return this.connection.fail(errorCode.flowControlError, 'DATA beyond the window of the connection');
    }
    const length = end - start;
    if (length === 0 && !ended) this.connection.idle();
    const stream = this.connection.streams.get(id);
    if (stream === undefined || stream.remoteDone) {
      this.connection.consumedAlone(size);
      if (stream !== undefined)
        return this.connection.fault(stream, errorCode.streamClosed, 'DATA after the end of a stream');
      if (this.isIdle(id)) return this.connection.fail(errorCode.protocolError, 'DATA on an idle stream');
      if (!this.connection.resets.has(id)) this.connection.fail(errorCode.streamClosed, 'DATA on a closed stream');
      return;
    }
    stream.count(size + frameHeaderBytes, 0);
    if (size > stream.receiveWindow) {
      this.connection.consumedAlone(size);
      return this.connection.fault(stream, errorCode.flowControlError, 'DATA beyond the window of the stream');
    }
    stream.receiveWindow -= size;
    if (ended) stream.remoteDone = true;
    if (size > length) this.connection.consumed(stream, size - length);
    if (length > 0) {
      this.connection.patience.useful(1);
      stream.onData(data.subarray(start, end));
    }
    if (!ended || stream.gone) return;
    stream.onEnd();
    if (stream.localDone) this.connection.ended(stream);
  }

  // ── field blocks ──

  private onHeadersFrame(): void {
    const { reader, collector } = this;
    const { data, flags, stream } = reader;
    let { start, end } = reader;
    if (stream === 0) return this.connection.fail(errorCode.protocolError, 'HEADERS on stream 0');
    if ((flags & flag.padded) !== 0) {
      if (start === end) return this.connection.fail(errorCode.frameSizeError, 'no pad length');
      end -= data[start] as number;
      start++;
    }
    collector.selfDependent = false;
    if ((flags & flag.priority) !== 0) {
      if (end - start < 5) return this.connection.fail(errorCode.frameSizeError, 'no priority');
      collector.selfDependent = uint31(data, start) === stream;
      start += 5;
    }
    if (start > end) return this.connection.fail(errorCode.protocolError, 'padding is longer than the frame');
    const ended = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) === 0) {
      collector.begin(stream, ended);
      if (!collector.add(data, start, end)) this.connection.fail(errorCode.enhanceYourCalm, 'field block is too large');
      return;
    }
    this.onFieldBlock(stream, ended, data.subarray(start, end));
  }

  private onContinuation(): void {
    const { reader, collector } = this;
    const { stream } = collector;
    if (stream === 0) return this.connection.fail(errorCode.protocolError, 'CONTINUATION without HEADERS');
    if (!collector.add(reader.data, reader.start, reader.end)) {
      return this.connection.fail(errorCode.enhanceYourCalm, 'field block is too large');
    }
    if ((reader.flags & flag.endHeaders) === 0) return;
    const whole = collector.finish();
    this.onFieldBlock(stream, collector.ended, whole);
  }

  private onFieldBlock(id: number, ended: boolean, data: Buffer): void {
    const stream = this.connection.streams.get(id);
    let kind: number = blockOf.nobody;
    if (stream !== undefined) kind = stream.expects;
    else if (this.connection.role.server && id > this.connection.lastPeer && id <= this.connection.lastTaken)
      kind = blockOf.request;
    block.begin(kind, this.blockLimits);
    const result = this.decoder.decode(data, 0, data.length, block);
    if (result === decodeResult.invalid) return this.connection.fail(errorCode.compressionError, 'invalid field block');
    if (result === decodeResult.tooMuch)
      return this.connection.fail(errorCode.enhanceYourCalm, 'field list is too large');
    block.finish();
    if (this.collector.selfDependent && block.malformed === '') block.malformed = 'stream depends on itself';
    if (stream === undefined) this.onNewBlock(id, ended, kind);
    else this.onKnownBlock(stream, ended, data.length);
  }

  private onKnownBlock(stream: Stream, ended: boolean, size: number): void {
    if (stream.remoteDone)
      return this.connection.fault(stream, errorCode.streamClosed, 'HEADERS after the end of a stream');
    stream.count(size + frameHeaderBytes, 0);
    if (stream.expects === blockOf.trailers && !ended) block.malformed ||= 'trailers do not end the stream';
    if (block.malformed !== '') return this.connection.fault(stream, errorCode.protocolError, block.malformed);
    this.connection.patience.useful(1);
    if (ended) stream.remoteDone = true;
    stream.onBlock(block, ended);
    if (ended && stream.localDone && !stream.gone) this.connection.ended(stream);
  }

  private onNewBlock(id: number, ended: boolean, kind: number): void {
    if (!this.connection.role.server) {
      if (this.isIdle(id)) return this.connection.fail(errorCode.protocolError, 'HEADERS on an idle stream');
      if (!this.connection.resets.has(id)) this.connection.fail(errorCode.streamClosed, 'HEADERS on a closed stream');
      return;
    }
    if ((id & 1) === 0) return this.connection.fail(errorCode.protocolError, 'even stream identifier');
    if (kind !== blockOf.request) {
      if (this.connection.resets.has(id) || id > this.connection.lastTaken) return;
      if (id === this.connection.lastPeer)
        return this.connection.fail(errorCode.streamClosed, 'HEADERS on a closed stream');
      return this.connection.fail(errorCode.protocolError, 'stream identifier is not new');
    }
    this.connection.lastPeer = id;
    if (this.connection.streams.size >= this.connection.limits.http2.maxStreams) {
      if (!this.connection.patience.reset()) return this.connection.calm('too many streams');
      return this.connection.resetUnknown(id, errorCode.refusedStream);
    }
    this.connection.patience.useful(4);
    this.connection.role.open(id, block, ended);
  }

  // ── other frames ──

  private onWindowUpdate(size: number): void {
    const { reader } = this;
    const { stream: id } = reader;
    if (size !== 4) return this.connection.fail(errorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    const increment = uint31(reader.data, reader.start);
    this.connection.idle();
    if (id === 0) {
      if (increment === 0) return this.connection.fail(errorCode.protocolError, 'WINDOW_UPDATE of 0');
      if (!this.connection.sender.open(increment))
        this.connection.fail(errorCode.flowControlError, 'window is too large');
      return;
    }
    const stream = this.connection.streams.get(id);
    if (stream === undefined) {
      if (this.isIdle(id)) this.connection.fail(errorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
      return;
    }
    if (increment === 0) return this.connection.fault(stream, errorCode.protocolError, 'WINDOW_UPDATE of 0');
    stream.sendWindow += increment;
    if (stream.sendWindow > largestWindow)
      return this.connection.fault(stream, errorCode.flowControlError, 'window is too large');
    if (stream.queued > 0) this.connection.sender.list(stream);
  }

  private onRstStream(size: number): void {
    const { stream: id, data, start } = this.reader;
    if (id === 0) return this.connection.fail(errorCode.protocolError, 'RST_STREAM on stream 0');
    if (size !== 4) return this.connection.fail(errorCode.frameSizeError, 'RST_STREAM of a wrong size');
    if (this.isIdle(id)) return this.connection.fail(errorCode.protocolError, 'RST_STREAM on an idle stream');
    const stream = this.connection.streams.get(id);
    if (stream === undefined) return this.connection.idle();
    const code = uint32(data, start);
    this.connection.remove(stream);
    // A server that has answered early says so with NO_ERROR (RFC 9113 8.1).
    if (this.connection.role.server && !this.connection.patience.reset())
      this.connection.calm('too many streams were reset');
    stream.onGone(this.resetCause(code));
  }

  private resetCause(code: number): ProxyError {
    if (this.connection.role.server)
      return new ProxyError('ClientAbort', `the client reset the stream: ${codeName(code)}`);
    return new ProxyError('UpstreamReset', codeName(code), {
      retry: code === errorCode.refusedStream ? 'unsent' : 'idempotent',
    });
  }

  private onSettings(size: number): void {
    const { flags, stream, data, start, end } = this.reader;
    if (stream !== 0) return this.connection.fail(errorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & flag.ack) !== 0) {
      if (size !== 0) return this.connection.fail(errorCode.frameSizeError, 'SETTINGS with ACK and a payload');
      if (!this.connection.peer.known)
        return this.connection.fail(errorCode.protocolError, 'the first frame is not SETTINGS');
      return this.connection.idle();
    }
    if (size % 6 !== 0) return this.connection.fail(errorCode.frameSizeError, 'SETTINGS of a wrong size');
    const before = this.connection.peer.initialWindow;
    const code = this.connection.peer.read(data, start, end, this.connection.role.server);
    if (code !== errorCode.noError) return this.connection.fail(code, 'invalid setting');
    this.connection.sender.encoder.resize(this.connection.peer.headerTableSize);
    const change = this.connection.peer.initialWindow - before;
    if (change !== 0 && !this.moveWindows(change))
      return this.connection.fail(errorCode.flowControlError, 'window is too large');
    this.connection.sender.writer.numbers((frameType.settings << 8) | flag.ack, 0);
    this.connection.countReply();
    this.connection.role.settled();
  }

  /** RFC 9113 6.9.2: acts on the streams that are open, and may make their windows negative. */
  private moveWindows(change: number): boolean {
    for (const stream of this.connection.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > largestWindow) return false;
      if (stream.queued > 0) this.connection.sender.list(stream);
    }
    return true;
  }

  private onPing(size: number): void {
    const { flags, stream, data, start, end } = this.reader;
    if (stream !== 0) return this.connection.fail(errorCode.protocolError, 'PING on a stream');
    if (size !== 8) return this.connection.fail(errorCode.frameSizeError, 'PING of a wrong size');
    if ((flags & flag.ack) !== 0) {
      this.connection.idle();
      if (data.compare(drainPing, 0, 8, start, end) === 0) this.connection.role.pinged();
      return;
    }
    this.connection.sender.writer.payload((frameType.ping << 8) | flag.ack, 0, data.subarray(start, end));
    this.connection.countReply();
  }

  private onGoaway(size: number): void {
    const { stream, data, start } = this.reader;
    if (stream !== 0) return this.connection.fail(errorCode.protocolError, 'GOAWAY on a stream');
    if (size < 8) return this.connection.fail(errorCode.frameSizeError, 'GOAWAY of a wrong size');
    this.connection.idle();
    this.connection.role.goaway(uint31(data, start), uint32(data, start + 4));
  }

  /** The tree of RFC 7540 is not kept; what cannot be in it is still a fault. */
  private onPriority(size: number): void {
    const { stream: id, data, start } = this.reader;
    if (id === 0) return this.connection.fail(errorCode.protocolError, 'PRIORITY on stream 0');
    const stream = this.connection.streams.get(id);
    if (size !== 5) {
      if (stream === undefined) this.connection.fail(errorCode.frameSizeError, 'PRIORITY of a wrong size');
      else this.connection.fault(stream, errorCode.frameSizeError, 'PRIORITY of a wrong size');
    } else if (uint31(data, start) === id) {
      if (stream === undefined) this.connection.fail(errorCode.protocolError, 'stream depends on itself');
      else this.connection.fault(stream, errorCode.protocolError, 'stream depends on itself');
    } else {
      this.connection.idle();
    }
  }

  /** RFC 9218 7.1 */
  private onPriorityUpdate(size: number): void {
    const { stream, data, start, end } = this.reader;
    if (stream !== 0) return this.connection.fail(errorCode.protocolError, 'PRIORITY_UPDATE on a stream');
    if (size < 4) return this.connection.fail(errorCode.frameSizeError, 'PRIORITY_UPDATE of a wrong size');
    const id = uint31(data, start);
    if (id === 0 || !this.connection.role.server) {
      return this.connection.fail(errorCode.protocolError, 'PRIORITY_UPDATE of nothing');
    }
    const of = this.connection.streams.get(id);
    if (of !== undefined && size <= maxPriority) {
      of.urgency = urgencyOf(data.toString('latin1', start + 4, end));
      this.connection.sender.relist(of);
    }
    this.connection.idle();
  }

  private isIdle(id: number): boolean {
    const own = ((id & 1) === 1) !== this.connection.role.server;
    return own ? id > this.connection.lastOwn : id > this.connection.lastPeer;
  }
}
