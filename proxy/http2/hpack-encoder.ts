// Encodes field blocks (RFC 7541), without Huffman codes. A name of the static table goes as its index. A value goes
// into the dynamic table when it is seen the second time in a row under its name, and as one index from the third time
// on; so that fields which differ each time never turn the table over. Writes into memory that the caller has measured.

import { classes, isValue } from '#proxy/http1/chars.ts';
import { outgoing, type OutgoingName } from './outgoing-fields.ts';
import { staticFields } from './static-table.ts';

/** The last value that went out under a name. */
interface Last {
  value: string;
  /** Number of the table entry that holds it, -1 = none. */
  entry: number;
}

const entryOverhead = 32;
const staticCount = staticFields.length;
/** Names whose last value is remembered, per connection. */
const maxLasts = 64;
/** What the table may hold at most, whatever the peer offers. */
const maxTable = 4096;
/** Values longer than this are not worth the room. */
const maxRepeated = 256;
/** Index, two lengths. */
const fieldOverhead = 12;

const statusIndexes: Readonly<Record<number, number>> = {
  200: 8,
  204: 9,
  206: 10,
  304: 11,
  400: 12,
  404: 13,
  500: 14,
};

export class HpackEncoder {
  /** Where the block is written. */
  memory: Buffer = noBytes;
  at = 0;
  private tableLimit = maxTable;
  private tableSize = 0;
  /** Sizes of the entries, oldest first, from `oldest`. */
  private sizes: number[] = [];
  private oldest = 0;
  /** Number that the next entry gets. */
  private added = 0;
  private lasts: Map<string, Last> | null = null;
  /** Limits that the peer has not been told of: the smallest since the last block, and the last. */
  private smallest = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  resize(limit: number): void {
    const size = Math.min(limit, maxTable);
    if (size === this.tableLimit) return;
    this.smallest = this.smallest === -1 ? size : Math.min(this.smallest, size);
    this.tableLimit = size;
    this.evict(size);
  }

  /** To be called before the first field of a block. */
  begin(memory: Buffer, at: number): void {
    this.memory = memory;
    this.at = at;
    if (this.smallest === -1) return;
    if (this.smallest < this.tableLimit) this.number(0x20, 5, this.smallest);
    this.number(0x20, 5, this.tableLimit);
    this.smallest = -1;
  }

  status(status: number): void {
    const index = statusIndexes[status];
    if (index !== undefined) {
      this.memory[this.at++] = 0x80 | index;
      return;
    }
    this.memory[this.at++] = 8;
    this.memory[this.at++] = 3;
    this.digits(status);
  }

  /** False when the value must not be sent; nothing of it has been written then. */
  field(name: OutgoingName, value: string): boolean {
    const { repeats } = name;
    if (repeats && value.length <= maxRepeated) {
      const last = this.lasts?.get(name.name);
      if (last !== undefined && last.value === value) {
        if (last.entry >= this.oldest && last.entry !== -1) {
          this.number(0x80, 7, staticCount + this.added - last.entry);
          return true;
        }
        if (!this.literal(0x40, name, value)) return false;
        last.entry = this.add(name.name.length + value.length + entryOverhead);
        return true;
      }
      if (!this.literal(0, name, value)) return false;
      this.remember(last, name, value);
      return true;
    }
    return this.literal(name.use === outgoing.secret ? 0x10 : 0, name, value);
  }

  /** An indexed field of the static table. */
  indexed(index: number): void {
    this.memory[this.at++] = 0x80 | index;
  }

  /** What has been encoded since begin() is thrown away: the next block empties the table on both sides. */
  startOver(): void {
    this.evict(0);
    this.lasts = null;
    this.smallest = 0;
  }

  private remember(last: Last | undefined, name: OutgoingName, value: string): void {
    if (last !== undefined) {
      last.value = value;
      last.entry = -1;
      return;
    }
    this.lasts ??= new Map();
    if (this.lasts.size < maxLasts) this.lasts.set(name.name, { value, entry: -1 });
  }

  private literal(pattern: number, name: OutgoingName, value: string): boolean {
    const { memory } = this;
    const start = this.at;
    const { index } = name;
    if (index > 0) {
      this.number(pattern, pattern === 0x40 ? 6 : 4, index);
    } else {
      memory[this.at++] = pattern;
      this.string(name.name);
    }
    const { length } = value;
    this.number(0, 7, length);
    let { at } = this;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 255 || ((classes[code] as number) & isValue) === 0) {
        this.at = start;
        return false;
      }
      memory[at++] = code;
    }
    this.at = at;
    return true;
  }

  private string(text: string): void {
    this.number(0, 7, text.length);
    this.at += this.memory.write(text, this.at, 'latin1');
  }

  private digits(status: number): void {
    this.memory[this.at++] = 48 + Math.floor(status / 100);
    this.memory[this.at++] = 48 + (Math.floor(status / 10) % 10);
    this.memory[this.at++] = 48 + (status % 10);
  }

  private number(pattern: number, prefix: number, value: number): void {
    const { memory } = this;
    const mask = (1 << prefix) - 1;
    if (value < mask) {
      memory[this.at++] = pattern | value;
      return;
    }
    memory[this.at++] = pattern | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      memory[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    memory[this.at++] = rest;
  }

  private add(size: number): number {
    this.evict(this.tableLimit - size);
    if (size > this.tableLimit) return -1;
    this.sizes.push(size);
    this.tableSize += size;
    return this.added++;
  }

  private evict(limit: number): void {
    let gone = 0;
    while (this.tableSize > limit && gone < this.sizes.length) {
      this.tableSize -= this.sizes[gone] as number;
      gone++;
    }
    if (gone === 0) return;
    this.sizes.splice(0, gone);
    this.oldest += gone;
  }
}

/** Bytes that a field takes at most. */
export function fieldBound(name: string, value: string): number {
  return name.length + value.length + fieldOverhead;
}

const noBytes: Buffer = Buffer.alloc(0);
