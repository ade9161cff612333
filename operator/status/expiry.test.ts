import { describe, expect, it } from 'vitest';
import type { Unit } from '#proxy/contract/units.ts';
import type { CompiledUnit } from '#operator/compile/result.ts';
import type { RawObject } from '#operator/resources/object.ts';
import { createStatusTable, type StatusTable } from './status.ts';

const day = 86_400_000;
const end = Date.parse('2027-01-31T12:00:00Z');

function certificate(label: string, notAfter: number, notBefore = 0): CompiledUnit {
  const unit: Unit<'certificate'> = {
    kind: 'certificate',
    name: `certificate/default/web/${label}`,
    hash: `${label} ${notAfter}`,
    origins: [{ kind: 'HTTPServer', namespace: 'default', name: 'web' }],
    content: { certificate: '', key: '', names: ['a.test'], notBefore, notAfter },
  };
  return { unit, inputs: '' };
}

const web: RawObject = {
  kind: 'HTTPServer',
  namespace: 'default',
  name: 'web',
  createdAt: '',
  generation: 1,
  labels: {},
  annotations: {},
  spec: {},
  location: '',
  imported: false,
};

/** Statuses whose clock the test sets. */
function startTable(now: number, ...units: CompiledUnit[]) {
  const clock = { now };
  const table = createStatusTable(() => clock.now);
  table.update({
    objects: [{ type: 'upsert', object: web }],
    delta: { upserts: units, removes: [], diagnostics: new Map() },
  });
  return { clock, table };
}

function found(table: StatusTable): string[] {
  const diagnostics = table.all.get('HTTPServer/default/web')?.diagnostics ?? [];
  return diagnostics.map(({ severity, code, path, message }) => `${severity} ${code} ${path} ${message}`);
}

const soon = 'warning CertificateExpiring spec.certBase64 the certificate of a.test ends on 2027-01-31; renew it';

describe('the end of a certificate', () => {
  it('is told 21 days before, and once it has come, when time has passed', () => {
    const { clock, table } = startTable(end - 21 * day, certificate('certBase64', end));
    expect(found(table)).toEqual([]);
    expect(table.update({ clock: true }).size).toBe(0);
    clock.now = end - 21 * day + 1;
    expect([...table.update({ clock: true }).keys()]).toEqual(['HTTPServer/default/web']);
    expect(found(table)).toEqual([soon]);
    clock.now = end - day;
    // Nothing to write: the finding states the date.
    expect(table.update({ clock: true }).size).toBe(0);
    clock.now = end;
    table.update({ clock: true });
    expect(found(table)).toEqual([
      'warning CertificateExpired spec.certBase64 the certificate of a.test has ended on 2027-01-31; renew it',
    ]);
  });

  it('is told for each certificate by its field, and a renewed one is not', () => {
    const { table } = startTable(end - day, certificate('certs/a b', end), certificate('certs/x/y', end + 365 * day));
    expect(found(table)).toEqual([soon.replace('spec.certBase64', 'spec.certs["a b"]')]);
    const renewed = [certificate('certs/a b', end + 90 * day)];
    table.update({ delta: { upserts: renewed, removes: [], diagnostics: new Map() } });
    expect(found(table)).toEqual([]);
  });

  it('of one that is gone is told no more', () => {
    const { table } = startTable(end - day, certificate('certBase64', end));
    expect(found(table)).toEqual([soon]);
    table.update({ delta: { upserts: [], removes: ['certificate/default/web/certBase64'], diagnostics: new Map() } });
    expect(found(table)).toEqual([]);
  });

  it('is beside what compile found, and does not hide it', () => {
    const { clock, table } = startTable(end - 30 * day, certificate('certBase64', end));
    const object = { kind: 'HTTPServer', namespace: 'default', name: 'web' };
    const other = { severity: 'error', code: 'InvalidField', object, path: 'spec.port', message: 'x' } as const;
    table.update({ delta: { upserts: [], removes: [], diagnostics: new Map([['HTTPServer/default/web', [other]]]) } });
    clock.now = end - day;
    table.update({ clock: true });
    expect(found(table)).toEqual(['error InvalidField spec.port x', soon]);
  });

  it('is also the beginning: one that is not valid yet is told', () => {
    const { clock, table } = startTable(end - 60 * day, certificate('certBase64', end, end - 50 * day));
    expect(found(table)[0]).toContain('is valid from 2026-12-12 only');
    clock.now = end - 49 * day;
    table.update({ clock: true });
    expect(found(table)).toEqual([]);
  });
});
