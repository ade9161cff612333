// Hashes of units and versions of views.
//
// A view's version is the sum, modulo 2^256, of the hashes of (name, hash) of its units: equal sets give equal
// versions whatever the order, and one changed unit costs one subtraction and one addition, however large the view.

import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import { canonicalJson } from '#proxy/primitives/canonical.ts';
import type { Origin, UnitKind } from './units.ts';

/** Hex, 128 bits: enough to tell apart what one operator ever compiles. */
export function unitHash(kind: UnitKind, name: string, content: unknown, origins: readonly Origin[]): string {
  return sha256(canonicalJson([kind, name, content, origins])).toString('hex', 0, 16);
}

export class ViewVersion {
  private sum = 0n;
  private count = 0;

  add(name: string, hash: string): void {
    this.sum += term(name, hash);
    this.count++;
  }

  remove(name: string, hash: string): void {
    this.sum -= term(name, hash);
    this.count--;
  }

  /** `<count>-<hex>`; the empty view is `0-0`. */
  toString(): string {
    // Reduced only here: a sum of a million terms is 20 bits longer, reducing each time costs more than half.
    return `${this.count}-${BigInt.asUintN(256, this.sum).toString(16)}`;
  }
}

function term(name: string, hash: string): bigint {
  return BigInt(`0x${sha256(`${name}\n${hash}`).toString('hex')}`);
}
