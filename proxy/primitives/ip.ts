// Addresses and sets of networks. An IPv6 address that maps an IPv4 one (RFC 4291 2.5.5.2) is that IPv4 address
// everywhere here, so that `::ffff:10.0.0.1` cannot slip past a rule for 10.0.0.0/8. Parsing writes into one scratch
// value and allocates nothing, because filters parse per request.

export type IpVersion = 4 | 6;

/** The address parsed last: version and four words, most significant first. IPv4 stands in the last word. */
const words = new Uint32Array(4);
/** The 16-bit groups of an IPv6 address while it is parsed. */
const groups = new Uint16Array(8);
let parsedText = '';
let parsedVersion: IpVersion | 0 = 0;

/** 4, 6 or 0 for text that is no address. A zone (`fe80::1%eth0`) is ignored. Leading zeros are refused. */
export function ipVersion(text: string): IpVersion | 0 {
  if (text === parsedText) return parsedVersion;
  parsedText = text;
  parsedVersion = parseInto(text);
  return parsedVersion;
}

/** True when both are addresses and the same one, however they are spelt. */
export function sameAddress(a: string, b: string): boolean {
  const versionA = ipVersion(a);
  if (versionA === 0 || a === b) return versionA !== 0;
  const [a0, a1, a2, a3] = words;
  return ipVersion(b) === versionA && a0 === words[0] && a1 === words[1] && a2 === words[2] && a3 === words[3];
}

/** IPv4-mapped IPv6 as IPv4 (`::ffff:1.2.3.4` is `1.2.3.4`); anything else as it is. */
export function unmapped(address: string): string {
  if (!address.includes(':') || ipVersion(address) !== 4) return address;
  const v4 = words[3] as number;
  return `${v4 >>> 24}.${(v4 >>> 16) & 255}.${(v4 >>> 8) & 255}.${v4 & 255}`;
}

export class CidrError extends Error {
  readonly entry: string;

  constructor(entry: string, reason: string) {
    super(`"${entry.slice(0, 80)}" ${reason}`);
    this.name = 'CidrError';
    this.entry = entry;
  }
}

/**
 * A set of addresses and networks as sorted, merged ranges: a look-up is a binary search, whether there is one entry
 * or 10,000.
 */
export class CidrSet {
  static readonly empty: CidrSet = new CidrSet([]);

  readonly size: number;
  private readonly starts4: Uint32Array;
  private readonly ends4: Uint32Array;
  private readonly starts6: Uint32Array;
  private readonly ends6: Uint32Array;

  /** Throws CidrError for the first entry that is neither an address nor a network. */
  constructor(entries: readonly string[]) {
    const v4: Range[] = [];
    const v6: Range[] = [];
    for (const entry of entries) {
      const range = parseCidr(entry);
      (range.version === 4 ? v4 : v6).push(range);
    }
    this.size = entries.length;
    const merged4 = merge(v4);
    const merged6 = merge(v6);
    this.starts4 = Uint32Array.from(merged4, (range) => range.start[3] as number);
    this.ends4 = Uint32Array.from(merged4, (range) => range.end[3] as number);
    this.starts6 = Uint32Array.from(merged6.flatMap((range) => range.start));
    this.ends6 = Uint32Array.from(merged6.flatMap((range) => range.end));
  }

  /** False for text that is no address. */
  has(address: string): boolean {
    const version = ipVersion(address);
    if (version === 4) return this.has4(words[3] as number);
    return version === 6 && this.has6();
  }

  private has4(address: number): boolean {
    const { starts4, ends4 } = this;
    let low = 0;
    let high = starts4.length; // first range that starts behind the address
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts4[middle] as number) <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && (ends4[low - 1] as number) >= address;
  }

  private has6(): boolean {
    const { starts6, ends6 } = this;
    let low = 0;
    let high = starts6.length >>> 2;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareWords(starts6, middle << 2, words, 0) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compareWords(ends6, (low - 1) << 2, words, 0) >= 0;
  }
}

interface Range {
  readonly version: IpVersion;
  readonly start: number[];
  readonly end: number[];
}

/** `10.0.0.0/8`, `10.1.2.3`, `fd00::/8`. Bits behind the prefix length are ignored, as Go does. */
function parseCidr(entry: string): Range {
  const slash = entry.indexOf('/');
  const address = slash === -1 ? entry : entry.slice(0, slash);
  const version = address.includes('%') ? 0 : ipVersion(address);
  if (version === 0) throw new CidrError(entry, 'is neither an IP address nor a CIDR network');
  const colons = address.includes(':');
  const most = colons ? 128 : 32;
  let length = slash === -1 ? most : prefixLength(entry, slash + 1);
  if (length < 0 || length > most) throw new CidrError(entry, `needs a prefix length from 0 to ${most} after "/"`);
  // A mapped network narrower than the mapping itself is the IPv4 network; a wider one makes no sense as either.
  if (version === 4 && colons) length -= 96;
  if (length < 0) throw new CidrError(entry, 'is an IPv4-mapped network with a prefix length below 96');
  const bits = version === 4 ? length + 96 : length;
  const start: number[] = [];
  const end: number[] = [];
  for (let i = 0; i < 4; i++) {
    const kept = Math.min(32, Math.max(0, bits - i * 32));
    const mask = kept === 0 ? 0 : (0xffffffff << (32 - kept)) >>> 0;
    const word = words[i] as number;
    start.push((word & mask) >>> 0);
    end.push((word | ~mask) >>> 0);
  }
  return { version, start, end };
}

function prefixLength(entry: string, from: number): number {
  if (entry.length === from || entry.length > from + 3) return -1;
  let value = 0;
  for (let i = from; i < entry.length; i++) {
    const digit = entry.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function merge(ranges: Range[]): Range[] {
  ranges.sort((a, b) => compareWords(a.start, 0, b.start, 0));
  const merged: Range[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last === undefined || compareWords(last.end, 0, range.start, 0) < 0) merged.push(range);
    else if (compareWords(last.end, 0, range.end, 0) < 0) last.end.splice(0, 4, ...range.end);
  }
  return merged;
}

function compareWords(a: ArrayLike<number>, atA: number, b: ArrayLike<number>, atB: number): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a[atA + i] as number) - (b[atB + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parseInto(text: string): IpVersion | 0 {
  if (text.indexOf(':') === -1) {
    const v4 = parse4(text, 0, text.length);
    if (v4 < 0) return 0;
    words.fill(0);
    words[3] = v4;
    return 4;
  }
  const zone = text.indexOf('%');
  if (!parse6(text, zone === -1 ? text.length : zone)) return 0;
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    words[2] = 0;
    return 4;
  }
  return 6;
}

/** The address as a number, or -1. Four decimal octets without leading zeros (`010.` was octal to some). */
function parse4(text: string, from: number, to: number): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x2e) {
      if (octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    } else if (c >= 0x30 && c <= 0x39) {
      if (octet === 0) return -1;
      octet = (octet < 0 ? 0 : octet * 10) + c - 0x30;
      if (octet > 255) return -1;
    } else {
      return -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

/** RFC 4291 2.2, into `words`. */
function parse6(text: string, to: number): boolean {
  let count = 0;
  let gap = -1; // number of groups before `::`
  let i = 0;
  if (text.charCodeAt(0) === 0x3a) {
    if (text.charCodeAt(1) !== 0x3a) return false;
    gap = 0;
    i = 2;
  }
  while (i < to) {
    if (count === 8) return false;
    let end = i;
    let value = 0;
    while (end < to && end - i < 5) {
      const digit = hexDigit(text.charCodeAt(end));
      if (digit < 0) break;
      value = value * 16 + digit;
      end++;
    }
    if (end < to && text.charCodeAt(end) === 0x2e) {
      const v4 = parse4(text, i, to);
      if (v4 < 0 || count > 6) return false;
      groups[count++] = v4 >>> 16;
      groups[count++] = v4 & 0xffff;
      i = to;
      break;
    }
    if (end === i || end - i > 4) return false;
    groups[count++] = value;
    i = end;
    if (i === to) break;
    if (text.charCodeAt(i) !== 0x3a) return false;
    i++;
    if (i < to && text.charCodeAt(i) === 0x3a) {
      if (gap !== -1) return false;
      gap = count;
      i++;
    } else if (i === to) {
      return false; // ends with a single colon
    }
  }
  if (gap === -1 ? count !== 8 : count > 7) return false;
  const missing = 8 - count;
  for (let k = 0; k < 4; k++) words[k] = groupAt(2 * k, gap, missing) * 65536 + groupAt(2 * k + 1, gap, missing);
  return true;
}

/** Group `k` of the full address, with `missing` zero groups inserted at `gap`. */
function groupAt(k: number, gap: number, missing: number): number {
  if (gap === -1 || k < gap) return groups[k] as number;
  return k < gap + missing ? 0 : (groups[k - missing] as number);
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
