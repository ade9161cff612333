// Names, values and split points of a case, drawn from a seed: the same seed gives the same bytes, so a failure can be
// played again. A row that only holds for the words in the checklist does not hold.

const small = 'abcdefghijklmnopqrstuvwxyz';
const visible = `${small}ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_|~/?=@()`;

export class Draw {
  readonly seed: number;
  private state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.state = this.seed;
    // Neighbouring seeds begin with neighbouring numbers.
    for (let i = 0; i < 4; i++) this.below(2);
  }

  /** 0 … limit - 1. */
  below(limit: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  word(): string {
    return this.text(small, 3 + this.below(8));
  }

  /** A field name that means nothing to anybody. */
  name(): string {
    const word = this.word();
    return this.pick([`X-${word}`, `x-${word}-${this.word()}`, `X-${word.toUpperCase()}`]);
  }

  value(): string {
    return this.text(visible, 1 + this.below(24));
  }

  /** `/word/word`. */
  path(): string {
    return `/${this.word()}/${this.word()}`;
  }

  /** A body of any bytes, with the ones that parsers stumble over among them. */
  body(): string {
    const bytes = Array.from({ length: 2 + this.below(40) }, () =>
      this.below(4) === 0 ? this.pick(['\r\n', '0', '\r\n\r\n', ':', 'GET / ']) : String.fromCharCode(this.below(256)),
    );
    return bytes.join('');
  }

  /** Names of fields mean the same in any case (RFC 9110 5.1). */
  cased(name: string): string {
    return this.pick([name, name.toLowerCase(), name.toUpperCase()]);
  }

  /** `body` in the chunked coding, cut anywhere, sizes in any case. */
  chunked(body: string, trailers = ''): string {
    let text = '';
    for (let at = 0; at < body.length;) {
      const size = 1 + this.below(Math.min(40, body.length - at));
      const digits = size.toString(16);
      text += `${this.pick([digits, digits.toUpperCase(), `0${digits}`])}\r\n${body.slice(at, at + size)}\r\n`;
      at += size;
    }
    return `${text}0\r\n${trailers}\r\n`;
  }

  /** Ascending places where `length` bytes are cut. */
  cuts(length: number): number[] {
    const places = Array.from({ length: Math.min(12, Math.max(0, length - 1)) }, () => 1 + this.below(length - 1));
    return [...new Set(places)].toSorted((a, b) => a - b);
  }

  private text(letters: string, length: number): string {
    let text = '';
    for (let i = 0; i < length; i++) text += letters[this.below(letters.length)];
    return text;
  }
}
