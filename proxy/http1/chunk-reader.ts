// The chunked coding (RFC 9112 7.1), byte by byte and without a buffer. Extensions are checked and forgotten: they are
// hop-by-hop, and what is lenient here is where two readers part. The trailer section is not its part.
//
//   size ─▶ (extensions) ─▶ LF ─▶ data ─▶ CR ─▶ LF ─▶ size …           size 0: `last` after LF

import { classes, CR, HTAB, hexValues, isToken, isValue, LF } from './chars.ts';

export const chunkStep = { more: 0, bytes: 1, last: 2, failed: 3 } as const;
export type ChunkStep = (typeof chunkStep)[keyof typeof chunkStep];

const state = {
  size: 0,
  extensionName: 1,
  extensionNameRest: 2,
  extensionValue: 3,
  extensionToken: 4,
  quoted: 5,
  quotedPair: 6,
  quotedEnd: 7,
  sizeLf: 8,
  data: 9,
  dataCr: 10,
  dataLf: 11,
} as const;

const maxDigits = 16;
/** Bytes of chunk lines beyond 16 and twice the data of each chunk (CVE-2023-39326). */
const maxExcess = 16 * 1024;

const SEMICOLON = 59;
const EQUALS = 61;
const QUOTE = 34;
const BACKSLASH = 92;

export class ChunkReader {
  /** Where to go on, and for `bytes` how many before it are data. */
  offset = 0;
  size = 0;
  failText = '';
  private state: number = state.size;
  private left = 0;
  private digits = 0;
  private lineBytes = 0;
  private excess = 0;

  reset(): void {
    this.state = state.size;
    this.left = 0;
    this.digits = 0;
    this.lineBytes = 0;
    this.excess = 0;
  }

  next(data: Buffer, from: number): ChunkStep {
    const end = data.length;
    let i = from;
    while (i < end) {
      const byte = data[i] as number;
      switch (this.state) {
        case state.size: {
          const digit = hexValues[byte] as number;
          if (digit === 255) {
            if (this.digits === 0) return this.fail('invalid chunk size');
            if (byte === CR) this.state = state.sizeLf;
            else if (byte === SEMICOLON) this.state = state.extensionName;
            else return this.fail('invalid chunk size');
          } else {
            this.left = this.left * 16 + digit;
            if (++this.digits > maxDigits || this.left > Number.MAX_SAFE_INTEGER)
              return this.fail('chunk is too large');
          }
          i++;
          break;
        }
        case state.sizeLf:
          if (byte !== LF) return this.fail('bare CR in a chunk line');
          i++;
          if (!this.endLine()) return this.fail('chunk extensions are too large');
          if (this.left === 0) {
            this.offset = i;
            return chunkStep.last;
          }
          this.state = state.data;
          break;
        case state.data: {
          const size = end - i;
          this.size = size < this.left ? size : this.left;
          this.left -= this.size;
          if (this.left === 0) this.state = state.dataCr;
          this.offset = i + this.size;
          return chunkStep.bytes;
        }
        case state.dataCr:
          if (byte !== CR) return this.fail('chunk is longer than its size');
          this.state = state.dataLf;
          i++;
          break;
        case state.dataLf:
          if (byte !== LF) return this.fail('bare CR after a chunk');
          this.state = state.size;
          i++;
          break;
        default:
          if (!this.extension(byte)) return this.fail('invalid chunk extension');
          if (++this.lineBytes > maxExcess) return this.fail('chunk extensions are too large');
          i++;
      }
    }
    this.offset = end;
    return chunkStep.more;
  }

  /** `;name`, `;name=token`, `;name="quoted"`, without the white space that RFC 9112 calls bad. */
  private extension(byte: number): boolean {
    const token = ((classes[byte] as number) & isToken) !== 0;
    switch (this.state) {
      case state.extensionName:
        this.state = state.extensionNameRest;
        return token;
      case state.extensionNameRest:
        if (token) return true;
        if (byte === EQUALS) this.state = state.extensionValue;
        else return this.extensionEnd(byte);
        return true;
      case state.extensionValue:
        this.state = byte === QUOTE ? state.quoted : state.extensionToken;
        return token || byte === QUOTE;
      case state.extensionToken:
        return token || this.extensionEnd(byte);
      case state.quoted:
        if (byte === QUOTE) this.state = state.quotedEnd;
        else if (byte === BACKSLASH) this.state = state.quotedPair;
        return byte === HTAB || ((classes[byte] as number) & isValue) !== 0;
      case state.quotedPair:
        this.state = state.quoted;
        return ((classes[byte] as number) & isValue) !== 0;
      default:
        return this.extensionEnd(byte);
    }
  }

  private extensionEnd(byte: number): boolean {
    if (byte === CR) this.state = state.sizeLf;
    else if (byte === SEMICOLON) this.state = state.extensionName;
    else return false;
    return true;
  }

  /** False when the sender spends more on chunk lines than on data. */
  private endLine(): boolean {
    this.excess += this.lineBytes + this.digits - 16 - 2 * this.left;
    if (this.excess < 0) this.excess = 0;
    this.digits = 0;
    this.lineBytes = 0;
    return this.excess <= maxExcess;
  }

  private fail(text: string): ChunkStep {
    this.failText = text;
    return chunkStep.failed;
  }
}
