// One decoded field block: the rules of RFC 9113 8 for pseudo-fields, connection-level fields, cookies and
// Content-Length are applied as the fields come, and the rest lands in the list that goes to router and upstream. One
// object per thread serves all blocks, since a block is decoded in one go.

import { forbiddenTrailer } from '#proxy/http1/fields.ts';
import { HeaderList } from '#proxy/exchange/headers.ts';
import type { FieldSink } from './hpack-decoder.ts';
import { fieldKind } from './field-kinds.ts';

export const blockOf = { request: 0, response: 1, trailers: 2, nobody: 3 } as const;

/** RFC 9113 6.5.2 */
const fieldOverhead = 32;

export interface BlockLimits {
  readonly maxHeaderBytes: number;
  readonly maxFields: number;
  readonly maxCrumbs: number;
}

export class FieldBlock implements FieldSink {
  headers: HeaderList = new HeaderList();
  method = '';
  path = '';
  scheme = '';
  authority = '';
  /** 0 = there was none. */
  status = 0;
  host = '';
  hosts = 0;
  /** -1 = none. */
  contentLength = -1;
  expect = '';
  /** As it came; it stays in the list. */
  priority = '';
  teTrailers = false;
  /** Why the message is malformed (RFC 9113 8.1.1), or ``. */
  malformed = '';
  /** More bytes or fields than the limits allow; the list is not whole. */
  tooLarge = false;
  private kind: number = blockOf.request;
  private limits: BlockLimits = noLimits;
  private size = 0;
  private fields = 0;
  private crumbs = 0;
  private cookieAt = -1;
  private seen = 0;
  private regular = false;

  begin(kind: number, limits: BlockLimits): void {
    this.headers = new HeaderList();
    this.method = '';
    this.path = '';
    this.scheme = '';
    this.authority = '';
    this.status = 0;
    this.host = '';
    this.hosts = 0;
    this.contentLength = -1;
    this.expect = '';
    this.priority = '';
    this.teTrailers = false;
    this.malformed = '';
    this.tooLarge = false;
    this.kind = kind;
    this.limits = limits;
    this.size = 0;
    this.fields = 0;
    this.crumbs = 0;
    this.cookieAt = -1;
    this.seen = 0;
    this.regular = false;
  }

  field(name: string, value: string, kind: number): boolean {
    const { limits } = this;
    this.size += name.length + value.length + fieldOverhead;
    if (this.size > limits.maxHeaderBytes) {
      this.tooLarge = true;
      // A few bytes more and the sender hears 431; a bomb is not read to its end.
      return this.size <= limits.maxHeaderBytes * 4;
    }
    if (this.kind === blockOf.nobody || this.malformed !== '') return true;
    if (kind >= fieldKind.method && kind <= fieldKind.status) {
      this.pseudo(value, kind);
      return true;
    }
    this.regular = true;
    if (kind === fieldKind.regular) this.keep(name, value);
    else this.special(name, value, kind);
    return true;
  }

  /** Whether a list with these fields is missing a pseudo-field. To be called once, after the last field. */
  finish(): void {
    if (this.malformed !== '' || this.tooLarge) return;
    if (this.kind === blockOf.request) this.checkRequest();
    else if (this.kind === blockOf.response && this.status === 0) this.malformed = 'no :status';
  }

  private keep(name: string, value: string): void {
    if (this.kind === blockOf.trailers && forbiddenTrailer(name)) return;
    if (++this.fields > this.limits.maxFields) {
      this.tooLarge = true;
      return;
    }
    this.headers.names.push(name);
    this.headers.values.push(value);
  }

  private pseudo(value: string, kind: number): void {
    if (this.kind === blockOf.trailers) return this.fail('pseudo-field in trailers');
    if (this.regular) return this.fail('pseudo-field after a regular one');
    if ((this.seen & (1 << kind)) !== 0) return this.fail('repeated pseudo-field');
    this.seen |= 1 << kind;
    if ((kind === fieldKind.status) !== (this.kind === blockOf.response)) return this.fail('wrong pseudo-field');
    switch (kind) {
      case fieldKind.method:
        this.method = value;
        break;
      case fieldKind.path:
        this.path = value;
        break;
      case fieldKind.scheme:
        this.scheme = value;
        break;
      case fieldKind.authority:
        this.authority = value;
        break;
      default:
        this.readStatus(value);
    }
  }

  private readStatus(value: string): void {
    let status = 0;
    for (let i = 0; i < value.length; i++) status = status * 10 + digit(value, i);
    if (value.length !== 3 || !(status >= 100)) return this.fail('invalid :status');
    this.status = status;
  }

  private special(name: string, value: string, kind: number): void {
    switch (kind) {
      case fieldKind.malformed:
        return this.fail('invalid field');
      case fieldKind.connection:
        return this.fail('connection-specific field');
      case fieldKind.te:
        if (value !== 'trailers') return this.fail('te other than trailers');
        this.teTrailers = true;
        return;
      case fieldKind.trailer:
        return;
      case fieldKind.contentLength:
        this.readContentLength(name, value);
        return;
      case fieldKind.cookie:
        this.joinCookie(name, value);
        return;
      default:
        this.ofRequest(name, value, kind);
    }
  }

  /** Host and Expect mean nothing in answers. */
  private ofRequest(name: string, value: string, kind: number): void {
    if (this.kind !== blockOf.request || kind === fieldKind.priority) {
      if (kind === fieldKind.priority) this.priority = value;
      this.keep(name, value);
    } else if (kind === fieldKind.host) {
      this.hosts++;
      this.host = value;
    } else {
      this.expect = this.expect === '' ? value : `${this.expect}, ${value}`;
    }
  }

  private joinCookie(name: string, value: string): void {
    const { values } = this.headers;
    if (this.kind !== blockOf.request || this.cookieAt === -1) {
      this.cookieAt = values.length;
      this.keep(name, value);
    } else if (++this.crumbs > this.limits.maxCrumbs) {
      this.tooLarge = true;
    } else if (!this.tooLarge) {
      values[this.cookieAt] = `${values[this.cookieAt] as string}; ${value}`;
    }
  }

  private readContentLength(name: string, value: string): void {
    if (this.kind === blockOf.trailers) return;
    if (this.contentLength !== -1) return this.fail('more than one content-length');
    let length = 0;
    for (let i = 0; i < value.length; i++) length = length * 10 + digit(value, i);
    // NaN fails the comparison.
    if (value.length === 0 || value.length > 16 || !(length <= Number.MAX_SAFE_INTEGER)) {
      return this.fail('invalid content-length');
    }
    this.contentLength = length;
    this.keep(name, value);
  }

  private checkRequest(): void {
    const connect = this.method === 'CONNECT';
    if (this.method === '') this.malformed = 'no :method';
    else if (connect) {
      // Only :authority goes with it (RFC 9113 8.5).
      if ((this.seen & ((1 << fieldKind.path) | (1 << fieldKind.scheme))) !== 0) this.malformed = 'CONNECT with a path';
      else if (this.authority === '') this.malformed = 'CONNECT without an authority';
    } else if (this.scheme === '') this.malformed = 'no :scheme';
    else if (this.path === '') this.malformed = 'no :path';
  }

  private fail(text: string): void {
    if (this.malformed === '') this.malformed = text;
  }
}

const noLimits: BlockLimits = { maxHeaderBytes: 0, maxFields: 0, maxCrumbs: 0 };

/** Value of the digit, NaN for anything else. */
function digit(text: string, i: number): number {
  const value = text.charCodeAt(i) - 48;
  return value >= 0 && value <= 9 ? value : NaN;
}
