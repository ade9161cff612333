// Decodes the Huffman code of HPACK (RFC 7541 5.2, Appendix B), eight bits per step: each step looks up a table of 256
// entries, which says either the symbol and how many of the bits it took, or which table the next eight bits are for.
// Nothing is encoded with it: what it saves on the wire does not pay for its time.

/** Lengths of the codes of bytes 0 to 255, `a` = 5 bits. The code is canonical, so that the lengths say all. */
const lengths =
  'isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijbkabababbbaccbbbab' +
  'cbaabccccckgjixprpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwpt' +
  'pqrqqsrruuttvsvwvvwwwwwxwwwwwv';

const isTable = 0x8000;

/** Entries of all tables, 256 each; 0 = no code (EOS, which must not be sent). Length of the code's rest << 8, symbol. */
const tables: Uint16Array = buildTables();

function buildTables(): Uint16Array {
  const symbols = Array.from(lengths, (letter, symbol) => ({ symbol, length: letter.charCodeAt(0) - 92 }));
  symbols.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const entries: number[] = Array.from({ length: 256 }, () => 0);
  let code = 0;
  let before = 0;
  for (const { symbol, length } of symbols) {
    code <<= length - before;
    before = length;
    addCode(entries, { code, length, symbol });
    code++;
  }
  return Uint16Array.from(entries);
}

function addCode(entries: number[], { code, length, symbol }: { code: number; length: number; symbol: number }): void {
  let table = 0;
  let left = length;
  while (left > 8) {
    left -= 8;
    const at = table * 256 + ((code >>> left) & 0xff);
    if (entries[at] === 0) {
      entries[at] = isTable | (entries.length / 256);
      for (let i = 0; i < 256; i++) entries.push(0);
    }
    table = (entries[at] as number) & ~isTable;
  }
  const first = (code << (8 - left)) & 0xff;
  for (let i = 0; i < 1 << (8 - left); i++) entries[table * 256 + first + i] = (left << 8) | symbol;
}

/** The shortest code has five bits. */
export function decodedBound(bytes: number): number {
  return Math.ceil((bytes * 8) / 5);
}

/** Decodes `data` from `start` to `end` into `to`; the number of bytes, or -1 when it is no valid code. */
export function decodeHuffman(data: Buffer, start: number, end: number, to: Buffer): number {
  let bits = 0;
  let count = 0;
  let table = 0;
  let size = 0;
  for (let i = start; i < end; i++) {
    bits = ((bits << 8) | (data[i] as number)) & 0xffff;
    count += 8;
    while (count >= 8) {
      const entry = tables[table | ((bits >>> (count - 8)) & 0xff)] as number;
      if (entry === 0) return -1;
      if (entry >= isTable) {
        table = (entry & ~isTable) << 8;
        count -= 8;
      } else {
        to[size++] = entry & 0xff;
        table = 0;
        count -= entry >>> 8;
      }
    }
  }
  while (count > 0) {
    const entry = tables[table | ((bits << (8 - count)) & 0xff)] as number;
    if (entry === 0 || entry >= isTable || entry >>> 8 > count) break;
    to[size++] = entry & 0xff;
    table = 0;
    count -= entry >>> 8;
  }
  // Padding is shorter than a byte and all ones (RFC 7541 5.2).
  if (table !== 0) return -1;
  const padding = (1 << count) - 1;
  return (bits & padding) === padding ? size : -1;
}
