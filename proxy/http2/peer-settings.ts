// What the peer's SETTINGS say (RFC 9113 6.5.2).

import { uint32 } from './frame-reader.ts';
import { defaultFrameSize, defaultWindow, errorCode, largestFrameSize, largestWindow, setting } from './frames.ts';

export class PeerSettings {
  /** A first SETTINGS frame has come. */
  known = false;
  headerTableSize = 4096;
  initialWindow: number = defaultWindow;
  /** Streams that we may have open; the peer has said nothing = no limit. */
  maxStreams: number = Number.MAX_SAFE_INTEGER;

  /** An error code, `noError` when all is well. `fromClient`: the peer is a client. */
  read(data: Buffer, start: number, end: number, fromClient: boolean): number {
    this.known = true;
    for (let at = start; at < end; at += 6) {
      const id = ((data[at] as number) << 8) | (data[at + 1] as number);
      const code = this.apply(id, uint32(data, at + 2), fromClient);
      if (code !== errorCode.noError) return code;
    }
    return errorCode.noError;
  }

  private apply(id: number, value: number, fromClient: boolean): number {
    switch (id) {
      case setting.headerTableSize:
        this.headerTableSize = value;
        break;
      case setting.enablePush:
        if (value > 1 || (value === 1 && !fromClient)) return errorCode.protocolError;
        break;
      case setting.maxConcurrentStreams:
        this.maxStreams = value;
        break;
      case setting.initialWindowSize:
        if (value > largestWindow) return errorCode.flowControlError;
        this.initialWindow = value;
        break;
      case setting.maxFrameSize:
        if (value < defaultFrameSize || value > largestFrameSize) return errorCode.protocolError;
        break;
      default:
        // Unknown ones, and those that only advise, are ignored.
        break;
    }
    return errorCode.noError;
  }
}

/** A SETTINGS frame with its head. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const frame = Buffer.alloc(9 + settings.length * 6);
  frame.writeUIntBE(settings.length * 6, 0, 3);
  frame[3] = 4;
  settings.forEach(([id, value], i) => {
    frame.writeUInt16BE(id, 9 + i * 6);
    frame.writeUInt32BE(value, 11 + i * 6);
  });
  return frame;
}
