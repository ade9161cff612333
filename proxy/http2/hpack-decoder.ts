// Decodes field blocks (RFC 7541). Every field goes straight to the sink, with its kind; no list is made in between.
// One decoder per connection: its dynamic table is state that both sides share, so that a block is decoded to its end
// even when nobody wants the fields, and an error ends the connection.

import { kindOf } from './field-kinds.ts';
import { decodedBound, decodeHuffman } from './huffman.ts';
import { staticFields } from './static-table.ts';

export interface FieldSink {
  /** `kind` is one of fieldKind. False = no more of this block is tolerated. */
  field(name: string, value: string, kind: number): boolean;
}

export const decodeResult = { ok: 0, invalid: 1, tooMuch: 2 } as const;

interface Entry {
  readonly name: string;
  readonly value: string;
  readonly kind: number;
}

const entryOverhead = 32;
const statics: readonly Entry[] = staticFields.map(([name, value]) => ({ name, value, kind: kindOf(name, value) }));
/** More than any field or table size that is allowed. */
const largestNumber = 0x0fff_ffff;

let scratch: Buffer = Buffer.allocUnsafeSlow(4096);

export class HpackDecoder {
  private readonly maxTable: number;
  private tableLimit: number;
  private tableSize = 0;
  /** A ring: entry i of the table, newest first, is ring[(newest - i) & mask]. */
  private ring: (Entry | null)[] = noRing;
  private newest = -1;
  private count = 0;
  private data: Buffer = noBytes;
  private at = 0;
  private end = 0;
  private failed = false;

  /** `maxTable` is what our SETTINGS_HEADER_TABLE_SIZE allows. */
  constructor(maxTable: number) {
    this.maxTable = maxTable;
    this.tableLimit = maxTable;
  }

  /** One whole field block: `data` from `start` to `end`. */
  decode(data: Buffer, start: number, end: number, sink: FieldSink): number {
    this.data = data;
    this.at = start;
    this.end = end;
    this.failed = false;
    let fields = 0;
    while (this.at < end) {
      const first = data[this.at] as number;
      let wanted = true;
      if (first >= 0x80) {
        const entry = this.entryAt(this.number(7));
        if (entry === null) return decodeResult.invalid;
        wanted = sink.field(entry.name, entry.value, entry.kind);
        fields++;
      } else if (first >= 0x40) {
        wanted = this.literal(6, sink);
        fields++;
      } else if (first >= 0x20) {
        // Only at the start of a block (RFC 7541 4.2).
        if (fields > 0 || !this.resize(this.number(5))) return decodeResult.invalid;
      } else {
        wanted = this.literal(4, sink);
        fields++;
      }
      if (this.failed) return decodeResult.invalid;
      if (!wanted) return decodeResult.tooMuch;
    }
    this.data = noBytes;
    return decodeResult.ok;
  }

  private literal(prefix: 4 | 6, sink: FieldSink): boolean {
    const index = this.number(prefix);
    let name = '';
    if (index === 0) {
      name = this.text();
    } else {
      const entry = this.entryAt(index);
      if (entry === null) {
        this.failed = true;
        return true;
      }
      name = entry.name;
    }
    const value = this.text();
    if (this.failed) return true;
    const kind = kindOf(name, value);
    if (prefix === 6) this.insert({ name, value, kind });
    return sink.field(name, value, kind);
  }

  private entryAt(index: number): Entry | null {
    if (index <= statics.length) return index === 0 ? null : (statics[index - 1] as Entry);
    const i = index - statics.length - 1;
    if (i >= this.count) return null;
    return this.ring[(this.newest - i) & (this.ring.length - 1)] as Entry;
  }

  private insert(entry: Entry): void {
    const size = entry.name.length + entry.value.length + entryOverhead;
    this.evict(this.tableLimit - size);
    // One that does not fit leaves an empty table (RFC 7541 4.4).
    if (size > this.tableLimit) return;
    if (this.count === this.ring.length) this.grow();
    this.newest = (this.newest + 1) & (this.ring.length - 1);
    this.ring[this.newest] = entry;
    this.count++;
    this.tableSize += size;
  }

  private evict(limit: number): void {
    const mask = this.ring.length - 1;
    while (this.tableSize > limit && this.count > 0) {
      const at = (this.newest - this.count + 1) & mask;
      const oldest = this.ring[at] as Entry;
      this.ring[at] = null;
      this.tableSize -= oldest.name.length + oldest.value.length + entryOverhead;
      this.count--;
    }
  }

  private grow(): void {
    const ring: (Entry | null)[] = Array.from({ length: Math.max(8, this.ring.length * 2) }, () => null);
    for (let i = 0; i < this.count; i++) {
      ring[this.count - 1 - i] = this.ring[(this.newest - i) & (this.ring.length - 1)] as Entry;
    }
    this.ring = ring;
    this.newest = this.count - 1;
  }

  private resize(limit: number): boolean {
    if (limit > this.maxTable || this.failed) return false;
    this.tableLimit = limit;
    this.evict(limit);
    return true;
  }

  /** An integer with a prefix of so many bits (RFC 7541 5.1). */
  private number(prefix: number): number {
    const mask = (1 << prefix) - 1;
    const { data, end } = this;
    let value = (data[this.at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.at >= end) break;
      const byte = data[this.at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value > largestNumber ? this.fail() : value;
    }
    return this.fail();
  }

  private fail(): number {
    this.failed = true;
    return 0;
  }

  /** A string literal, one character per byte (RFC 7541 5.2). */
  private text(): string {
    const { data, end } = this;
    if (this.failed || this.at >= end) {
      this.failed = true;
      return '';
    }
    const coded = (data[this.at] as number) >= 0x80;
    const length = this.number(7);
    const start = this.at;
    if (this.failed || length > end - start) {
      this.failed = true;
      return '';
    }
    this.at = start + length;
    if (!coded) return data.toString('latin1', start, start + length);
    const bound = decodedBound(length);
    if (bound > scratch.length) scratch = Buffer.allocUnsafeSlow(bound);
    const size = decodeHuffman(data, start, start + length, scratch);
    if (size < 0) {
      this.failed = true;
      return '';
    }
    return scratch.toString('latin1', 0, size);
  }
}

const noBytes: Buffer = Buffer.alloc(0);
const noRing: (Entry | null)[] = [];
