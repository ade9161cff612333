import { describe, expect, it } from 'vitest';
import { blockOf, FieldBlock } from './field-block.ts';
import { HpackDecoder, decodeResult } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { decodeHuffman } from './huffman.ts';
import { outgoingName } from './outgoing-fields.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function decode(decoder: HpackDecoder, data: Buffer): { result: number; fields: string[] } {
  const fields: string[] = [];
  const sink = {
    field(name: string, value: string): boolean {
      fields.push(`${name}: ${value}`);
      return true;
    },
  };
  return { result: decoder.decode(data, 0, data.length, sink), fields };
}

describe('HPACK decoding', () => {
  // RFC 7541 C.4: three requests with Huffman codes on one connection.
  it('reads the requests of RFC 7541 C.4', () => {
    const decoder = new HpackDecoder(4096);
    expect(decode(decoder, hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')).fields).toEqual([
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
    ]);
    expect(decode(decoder, hex('8286 84be 5886 a8eb 1064 9cbf')).fields).toEqual([
      ':method: GET',
      ':scheme: http',
      ':path: /',
      ':authority: www.example.com',
      'cache-control: no-cache',
    ]);
    expect(decode(decoder, hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')).fields).toEqual([
      ':method: GET',
      ':scheme: https',
      ':path: /index.html',
      ':authority: www.example.com',
      'custom-key: custom-value',
    ]);
  });

  // RFC 7541 C.6: three answers in a table of 256 bytes, so that entries are evicted.
  it('reads the answers of RFC 7541 C.6', () => {
    const decoder = new HpackDecoder(256);
    const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
    const first =
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3';
    expect(decode(decoder, hex(first)).fields).toEqual([
      ':status: 302',
      'cache-control: private',
      `date: ${date}`,
      'location: https://www.example.com',
    ]);
    expect(decode(decoder, hex('4883 640e ffc1 c0bf')).fields[0]).toBe(':status: 307');
    const third =
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07';
    expect(decode(decoder, hex(third)).fields).toEqual([
      ':status: 200',
      'cache-control: private',
      'date: Mon, 21 Oct 2013 20:13:22 GMT',
      'location: https://www.example.com',
      'content-encoding: gzip',
      'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ]);
  });

  it.each([
    ['index 0', '80'],
    ['an index beyond the tables', 'be'],
    ['a name index beyond the tables', '7e 00'],
    ['a table larger than allowed', '3f e2 1f'],
    ['a table size behind a field', '82 20'],
    ['a number without end', 'ff ff ff ff ff ff ff ff 00'],
    ['a number that is cut', 'ff'],
    ['a string longer than the block', '00 05 61'],
    ['a string that is missing', '00 01 61'],
    ['Huffman padding of zeros', '00 01 61 81 00'],
    ['Huffman padding of eight ones', '00 01 61 82 1f ff'],
    ['the end of the Huffman code', '00 01 61 84 ff ff ff ff'],
  ])('refuses %s', (_, data) => {
    expect(decode(new HpackDecoder(4096), hex(data)).result).toBe(decodeResult.invalid);
  });

  it('keeps what was inserted when a field is too large for the table, which empties it', () => {
    const decoder = new HpackDecoder(64);
    decode(decoder, hex('40 01 61 01 62'));
    expect(decode(decoder, hex('be')).fields).toEqual(['a: b']);
    decode(decoder, Buffer.concat([hex('40 01 61 40'), Buffer.alloc(64, 'x')]));
    expect(decode(decoder, hex('be')).result).toBe(decodeResult.invalid);
  });

  it('stops at the limit of a bomb, not at its end', () => {
    const block = new FieldBlock();
    block.begin(blockOf.request, { maxHeaderBytes: 1000, maxFields: 100, maxCrumbs: 10 });
    const bomb = Buffer.concat([hex('40 01 61 7f 81 06'), Buffer.alloc(896, 'x'), Buffer.alloc(1000, 0xbe)]);
    expect(new HpackDecoder(4096).decode(bomb, 0, bomb.length, block)).toBe(decodeResult.tooMuch);
  });
});

describe('Huffman codes', () => {
  it('round-trip every byte, as RFC 7541 Appendix B has it', () => {
    // From Appendix B: `0` 00000 (5), `!` 1111111000 (10), 0x00 1111111111000 (13), 0xff 0x3ffffee (26), `}` 14 bits, `~` 13 bits.
    const samples: [string, string][] = [
      ['07', '0'],
      ['fe3f', '!'],
      ['ffc7', '\0'],
      ['fffffbbf', '\xff'],
      ['fff7', '}'],
      ['ffef', '~'],
    ];
    for (const [code, text] of samples) {
      const to = Buffer.alloc(8);
      const size = decodeHuffman(hex(code), 0, code.length / 2, to);
      expect([code, to.toString('latin1', 0, size)]).toEqual([code, text]);
    }
  });
});

describe('HPACK encoding', () => {
  function encode(encoder: HpackEncoder, fields: readonly (readonly [string, string])[], status = 0): Buffer {
    const memory = Buffer.alloc(8192);
    encoder.begin(memory, 0);
    if (status !== 0) encoder.status(status);
    for (const [name, value] of fields) expect(encoder.field(outgoingName(name), value)).toBe(true);
    return Buffer.from(memory.subarray(0, encoder.at));
  }

  it('is understood by the decoder through thousands of blocks, evictions and changes of the table size', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(4096);
    let seed = 7;
    const below = (limit: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * limit);
    };
    for (let i = 0; i < 5000; i++) {
      if (below(50) === 0) encoder.resize(below(3) === 0 ? 0 : below(8192));
      const fields: [string, string][] = [];
      for (let j = below(8); j > 0; j--) {
        const name = ['Content-Type', 'server', 'x-a', 'X-B', 'set-cookie', 'etag', `x-${below(100)}`][
          below(7)
        ] as string;
        fields.push([name, ['', 'a', 'b'.repeat(below(300)), String(below(5))][below(4)] as string]);
      }
      if (below(40) === 0) {
        encode(encoder, fields, 200);
        encoder.startOver();
      }
      const status = 100 + below(900);
      const { result, fields: seen } = decode(decoder, encode(encoder, fields, status));
      expect(result).toBe(decodeResult.ok);
      expect(seen).toEqual([`:status: ${status}`, ...fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`)]);
    }
  });

  it('sends one byte for what is repeated a third time', () => {
    const encoder = new HpackEncoder();
    const sizes = [0, 1, 2, 3].map(() => encode(encoder, [['server', 'easegress']], 200).length);
    expect(sizes).toEqual([13, 12, 2, 2]);
  });

  it('never puts secrets into a table', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 3; i++) {
      const block = encode(encoder, [
        ['Authorization', 'Bearer x'],
        ['Set-Cookie', 'a=1'],
      ]);
      // 0001 = never indexed (RFC 7541 6.2.3).
      expect((block[0] as number) >> 4).toBe(1);
      expect(block.length).toBe(2 + 1 + 8 + 2 + 1 + 3);
    }
  });

  it('tells of a smaller table in the next block that goes out, also when one was thrown away', () => {
    const encoder = new HpackEncoder();
    encoder.resize(100);
    encode(encoder, [['server', 's']], 200);
    encoder.startOver();
    // 001xxxxx = the size of the table, twice: empty, then 100.
    expect(encode(encoder, [], 200).toString('hex')).toBe('203f4588');
    expect(encode(encoder, [], 200).toString('hex')).toBe('88');
  });

  it('refuses values that could end a line, and writes nothing of them', () => {
    const encoder = new HpackEncoder();
    encoder.begin(Buffer.alloc(100), 0);
    for (const value of ['a\r\nb', 'a\0', '\u20ac']) expect(encoder.field(outgoingName('x'), value)).toBe(false);
    expect(encoder.at).toBe(0);
  });
});
