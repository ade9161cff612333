// A compressed trie from texts to lists of entries in order. A search walks the text once and finds every key that it
// begins with, so its cost depends on the text and not on how many keys there are. Changed in place.

export interface Ordered {
  readonly order: number;
}

export class TrieNode<E extends Ordered> {
  label: string;
  /** In order; null = no key ends here. */
  entries: E[] | null = null;
  /** By the first code unit of their label. */
  children: Map<number, TrieNode<E>> | null = null;

  constructor(label: string) {
    this.label = label;
  }
}

export class PrefixTrie<E extends Ordered> {
  /** Its entries are those of the empty key. */
  readonly root: TrieNode<E> = new TrieNode('');

  add(key: string, entry: E): void {
    let node = this.root;
    let at = 0;
    while (at < key.length) {
      node.children ??= new Map();
      const child = node.children.get(key.charCodeAt(at));
      if (child === undefined) {
        const leaf = new TrieNode<E>(key.slice(at));
        node.children.set(key.charCodeAt(at), leaf);
        node = leaf;
        break;
      }
      const shared = sharedLength(child.label, key, at);
      node = shared === child.label.length ? child : split(node, child, shared);
      at += shared;
    }
    node.entries ??= [];
    insertByOrder(node.entries, entry);
  }

  /** Removes the entry of that order from that key. */
  remove(key: string, order: number): void {
    const path: TrieNode<E>[] = [this.root];
    let node = this.root;
    for (let at = 0; at < key.length; at += node.label.length) {
      const child = node.children?.get(key.charCodeAt(at));
      if (child === undefined || !key.startsWith(child.label, at)) return;
      path.push(child);
      node = child;
    }
    if (node.entries === null) return;
    removeByOrder(node.entries, order);
    if (node.entries.length === 0) node.entries = null;
    for (let i = path.length - 1; i > 0; i--) tidy(path[i - 1] as TrieNode<E>, path[i] as TrieNode<E>);
  }
}

export function insertByOrder<E extends Ordered>(entries: E[], entry: E): void {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle] as E).order <= entry.order) low = middle + 1;
    else high = middle;
  }
  entries.splice(low, 0, entry);
}

export function removeByOrder<E extends Ordered>(entries: E[], order: number): void {
  const i = entries.findIndex((entry) => entry.order === order);
  if (i !== -1) entries.splice(i, 1);
}

/** Puts a node between `parent` and `child` for the first `length` characters of its label. */
function split<E extends Ordered>(parent: TrieNode<E>, child: TrieNode<E>, length: number): TrieNode<E> {
  const between = new TrieNode<E>(child.label.slice(0, length));
  child.label = child.label.slice(length);
  between.children = new Map([[child.label.charCodeAt(0), child]]);
  parent.children?.set(between.label.charCodeAt(0), between);
  return between;
}

/** Takes `node` out when nothing is left of it, and joins it with its only child when no key ends at it. */
function tidy<E extends Ordered>(parent: TrieNode<E>, node: TrieNode<E>): void {
  if (node.entries !== null) return;
  const count = node.children?.size ?? 0;
  if (count === 0) {
    parent.children?.delete(node.label.charCodeAt(0));
  } else if (count === 1) {
    for (const child of node.children?.values() ?? []) {
      child.label = node.label + child.label;
      parent.children?.set(child.label.charCodeAt(0), child);
    }
  }
}

function sharedLength(label: string, key: string, at: number): number {
  const most = Math.min(label.length, key.length - at);
  let n = 0;
  while (n < most && label.charCodeAt(n) === key.charCodeAt(at + n)) n++;
  return n;
}
