// What of a view a session does not run as it stands: units that the proxy refused, by its last ack, and units that no
// message can hold. The wire's diagnostics become ours here: a code that this build does not know is no reason to
// lose the message.

import { diagnostic, diagnosticCodes, type Diagnostic, type DiagnosticCode } from '#proxy/contract/diagnostics.ts';
import type { Rejection } from '#proxy/contract/messages.ts';
import type { AnyUnit } from '#proxy/contract/units.ts';
import { maxUnitBytes } from './split.ts';

const nowhere = { kind: '', namespace: '', name: '' };

export class Rejections {
  private byProxy: ReadonlyMap<string, readonly Diagnostic[]> = new Map();
  private readonly tooLarge = new Map<string, readonly Diagnostic[]>();
  private both: ReadonlyMap<string, readonly Diagnostic[]> = new Map();

  get all(): ReadonlyMap<string, readonly Diagnostic[]> {
    return this.both;
  }

  /** Takes the whole list of an ack. Returns the units that entered or left it. */
  replace(rejected: readonly Rejection[]): string[] {
    const before = this.byProxy;
    this.byProxy = new Map(rejected.map(({ unit, diagnostics }) => [unit, diagnostics.map(ours)]));
    this.join();
    const after = this.byProxy;
    // One that stays may have other reasons now, so that those that stay count as changed too.
    return [...before.keys(), ...[...after.keys()].filter((unit) => !before.has(unit))];
  }

  refuseLarge(unit: AnyUnit, bytes: number): void {
    const message = `the compiled ${unit.kind} has ${bytes} bytes; at most ${maxUnitBytes} can be sent to a proxy`;
    this.tooLarge.set(unit.name, [diagnostic('BuildFailed', unit.origins[0] ?? nowhere, '', message)]);
    this.join();
  }

  /** The unit fits now, or is gone. */
  fits(unit: string): void {
    if (this.tooLarge.delete(unit)) this.join();
  }

  private join(): void {
    this.both = this.tooLarge.size === 0 ? this.byProxy : new Map([...this.byProxy, ...this.tooLarge]);
  }
}

function ours(found: Rejection['diagnostics'][number]): Diagnostic {
  const known = Object.hasOwn(diagnosticCodes, found.code);
  return { ...found, code: known ? (found.code as DiagnosticCode) : 'UnsupportedByProxy' };
}
