// The tree of a rule's patterns that begin with the same static text (RadixTree semantics). At each node static text is tried first, then expressions,
// then parameters, then the wildcard; when what lies below refuses the request, the search goes on with the next.
// Where a capture ends is certain, so a search visits each node at most once.

import type { Segment } from './pattern.ts';

interface Entry {
  readonly path: unknown;
}

/** Decides whether a path whose text matched takes the request. */
export interface Acceptor<E extends Entry> {
  accepts(path: E['path']): boolean;
}

interface Capture<E extends Entry> {
  readonly source: string;
  readonly tail: string;
  readonly segment: Extract<Segment, { kind: 'param' }>;
  readonly node: PatternNode<E>;
}

class PatternNode<E extends Entry> {
  label = '';
  statics: Map<number, PatternNode<E>> | null = null;
  regexps: Capture<E>[] = [];
  params: Capture<E>[] = [];
  /** What ends here, in order. */
  leaves: E[] | null = null;
  wildcards: E[] | null = null;
}

export class PatternTree<E extends Entry> {
  private readonly root = new PatternNode<E>();
  /** Values captured on the way to the node that is being looked at. */
  private readonly stack: string[] = [];

  add(segments: readonly Segment[], entry: E): void {
    let node = this.root;
    for (const segment of segments) {
      if (segment.kind === 'wildcard') {
        node.wildcards ??= [];
        node.wildcards.push(entry);
        return;
      }
      node = segment.kind === 'static' ? addStatic(node, segment.text) : addCapture(node, segment);
    }
    node.leaves ??= [];
    node.leaves.push(entry);
  }

  /** What takes `text` from `at` on, or null. */
  find(text: string, at: number, acceptor: Acceptor<E>): E | null {
    this.stack.length = 0;
    return this.visit(this.root, text, at, acceptor);
  }

  /** What the last successful find() captured, in order. */
  captured(): string[] {
    return this.stack.slice();
  }

  private search(node: PatternNode<E>, text: string, at: number, acceptor: Acceptor<E>): E | null {
    if (at < text.length) {
      const child = node.statics?.get(text.charCodeAt(at));
      if (child !== undefined && text.startsWith(child.label, at)) {
        const found = this.visit(child, text, at + child.label.length, acceptor);
        if (found !== null) return found;
      }
      const found = this.capture(node.regexps, text, at, acceptor) ?? this.capture(node.params, text, at, acceptor);
      if (found !== null) return found;
    }
    if (node.wildcards === null) return null;
    const found = firstAccepted(node.wildcards, acceptor);
    if (found !== null) this.stack.push(text.slice(at));
    return found;
  }

  private visit(node: PatternNode<E>, text: string, at: number, acceptor: Acceptor<E>): E | null {
    if (at === text.length && node.leaves !== null) {
      const found = firstAccepted(node.leaves, acceptor);
      if (found !== null) return found;
    }
    return this.search(node, text, at, acceptor);
  }

  private capture(captures: readonly Capture<E>[], text: string, at: number, acceptor: Acceptor<E>): E | null {
    for (const { tail, segment, node } of captures) {
      let end = text.indexOf('/', at);
      if (end === -1) end = text.length;
      if (tail !== '/') {
        const stop = text.indexOf(tail, at);
        if (stop === -1 || stop > end) continue; // a capture stays inside its segment
        end = stop;
      }
      const value = text.slice(at, end);
      if (segment.regexp !== null && (value === '' || !segment.regexp.testWhole(value))) continue;
      const depth = this.stack.push(value);
      const found = this.visit(node, text, end, acceptor);
      if (found !== null) return found;
      this.stack.length = depth - 1;
    }
    return null;
  }
}

function firstAccepted<E extends Entry>(entries: readonly E[], acceptor: Acceptor<E>): E | null {
  for (const entry of entries) {
    if (acceptor.accepts(entry.path)) return entry;
  }
  return null;
}

function addStatic<E extends Entry>(from: PatternNode<E>, text: string): PatternNode<E> {
  let node = from;
  let at = 0;
  while (at < text.length) {
    node.statics ??= new Map();
    const head = text.charCodeAt(at);
    const child = node.statics.get(head);
    if (child === undefined) {
      const leaf = new PatternNode<E>();
      leaf.label = text.slice(at);
      node.statics.set(head, leaf);
      return leaf;
    }
    let shared = 1;
    while (shared < child.label.length && child.label[shared] === text[at + shared]) shared++;
    if (shared < child.label.length) {
      const between = new PatternNode<E>();
      between.label = child.label.slice(0, shared);
      child.label = child.label.slice(shared);
      between.statics = new Map([[child.label.charCodeAt(0), child]]);
      node.statics.set(head, between);
      node = between;
    } else {
      node = child;
    }
    at += shared;
  }
  return node;
}

function addCapture<E extends Entry>(
  node: PatternNode<E>,
  segment: Extract<Segment, { kind: 'param' }>,
): PatternNode<E> {
  const list = segment.source === '' ? node.params : node.regexps;
  const known = list.find(({ source, tail }) => source === segment.source && tail === segment.tail);
  if (known !== undefined) return known.node;
  const child = new PatternNode<E>();
  const capture = { source: segment.source, tail: segment.tail, segment, node: child };
  // Those that end at something rarer than `/` come first, otherwise the more general would hide them.
  const general = list.findIndex(({ tail }) => tail === '/');
  if (segment.tail === '/' || general === -1) list.push(capture);
  else list.splice(general, 0, capture);
  return child;
}
