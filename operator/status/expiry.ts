// Which certificates end soon or are over. The only part of status that depends on time: it is judged by the clock that
// the table is given, when a certificate comes and whenever somebody says that time has passed. A finding states the
// date and not the days left, so that it stays the same until something happens.

import { diagnostic, type Diagnostic } from '#proxy/contract/diagnostics.ts';
import type { Unit } from '#proxy/contract/units.ts';
import type { CompileDelta } from '#operator/compile/result.ts';
import { keyOf } from '#operator/resources/object.ts';
import { formatPath } from '#operator/resources/finding.ts';

type Verdict = 'fine' | 'early' | 'soon' | 'over';

interface Watched {
  readonly unit: Unit<'certificate'>;
  verdict: Verdict;
}

const day = 86_400_000;
export const soonMs = 21 * day;

export class ExpiryWatch {
  private readonly now: () => number;
  private readonly watched = new Map<string, Watched>();
  private readonly byObject = new Map<string, Set<string>>();

  constructor(now: () => number) {
    this.now = now;
  }

  /** Adds to `dirty` the objects whose findings may be others. */
  take(delta: CompileDelta, dirty: Set<string>): void {
    for (const name of delta.removes) this.forget(name, dirty);
    for (const { unit } of delta.upserts) {
      if (unit.kind !== 'certificate') continue;
      this.forget(unit.name, dirty);
      this.watched.set(unit.name, { unit, verdict: verdictOf(unit, this.now()) });
      for (const origin of unit.origins) {
        const key = keyOf(origin);
        const units = this.byObject.get(key);
        if (units === undefined) this.byObject.set(key, new Set([unit.name]));
        else units.add(unit.name);
        dirty.add(key);
      }
    }
  }

  /** Time has passed. */
  look(dirty: Set<string>): void {
    const now = this.now();
    for (const watched of this.watched.values()) {
      const verdict = verdictOf(watched.unit, now);
      if (verdict === watched.verdict) continue;
      watched.verdict = verdict;
      for (const origin of watched.unit.origins) dirty.add(keyOf(origin));
    }
  }

  findings(key: string): Diagnostic[] {
    const found: Diagnostic[] = [];
    for (const name of [...(this.byObject.get(key) ?? [])].toSorted()) {
      const watched = this.watched.get(name);
      const object = watched?.unit.origins.find((origin) => keyOf(origin) === key);
      if (watched === undefined || object === undefined || watched.verdict === 'fine') continue;
      const { content } = watched.unit;
      const expiring = watched.verdict === 'soon';
      const [from, to] = [dateOf(content.notBefore), dateOf(content.notAfter)];
      const what = {
        early: `is valid from ${from} only`,
        soon: `ends on ${to}; renew it`,
        over: `has ended on ${to}; renew it`,
      }[watched.verdict];
      const title = content.names[0] === undefined ? 'the certificate' : `the certificate of ${content.names[0]}`;
      const code = expiring ? 'CertificateExpiring' : 'CertificateExpired';
      found.push(diagnostic(code, object, pathOf(watched.unit), `${title} ${what}`));
    }
    return found;
  }

  private forget(name: string, dirty: Set<string>): void {
    const watched = this.watched.get(name);
    if (watched === undefined) return;
    this.watched.delete(name);
    for (const origin of watched.unit.origins) {
      const key = keyOf(origin);
      dirty.add(key);
      const units = this.byObject.get(key);
      units?.delete(name);
      if (units?.size === 0) this.byObject.delete(key);
    }
  }
}

function verdictOf({ content }: Unit<'certificate'>, now: number): Verdict {
  if (now >= content.notAfter) return 'over';
  if (now < content.notBefore) return 'early';
  return content.notAfter - now < soonMs ? 'soon' : 'fine';
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The field that the certificate stands in: its unit's name ends with it. */
function pathOf({ name }: Unit<'certificate'>): string {
  const [, , , field = '', ...label] = name.split('/');
  return formatPath(label.length === 0 ? ['spec', field] : ['spec', field, label.join('/')]);
}
