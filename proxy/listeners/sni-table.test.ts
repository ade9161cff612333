import { describe, expect, it } from 'vitest';
import { SniTable } from './sni-table.ts';

const nobody = (): null => null;

function use(certificate: string, owner = 'o', order = '0') {
  return { certificate, owner, order };
}

describe('the certificates of a listener', () => {
  it.each([
    ['a.test', 'exact'],
    ['x.a.test', 'wild'],
    ['y.a.test', 'both'],
    ['x.y.a.test', null],
    ['.a.test', null],
    ['*.a.test', 'wild'],
    ['test', null],
    ['', null],
    ['10.0.0.1', 'address'],
  ])('are found by name: %s', (host, expected) => {
    const table = new SniTable(nobody);
    table.add(['a.test'], use('exact'));
    table.add(['*.a.test'], use('wild'));
    table.add(['y.a.test'], use('both', 'o', '1'));
    table.add(['10.0.0.1'], use('address'));
    expect(table.select(host)).toBe(expected);
  });

  it('of one name come in order, whenever they came', () => {
    const table = new SniTable(nobody);
    table.add(['a.test'], use('late', 'b', '2'));
    table.add(['a.test'], use('early', 'a', '1'));
    table.add(['a.test'], use('later', 'c', '3'));
    expect(table.select('a.test')).toBe('early');
    table.remove(['a.test'], 'early', 'a');
    expect(table.select('a.test')).toBe('late');
    table.remove(['a.test'], 'late', 'b');
    table.remove(['a.test'], 'later', 'c');
    expect(table.select('a.test')).toBe(null);
  });

  it('are those of the owner that answers for the host, though another has an earlier or closer one', () => {
    const table = new SniTable((host) => (host === 'shop.a.test' ? 'tenant' : null));
    table.add(['shop.a.test'], use('intruder', 'another', '0'));
    table.add(['*.a.test'], use('own', 'tenant', '1'));
    expect(table.select('shop.a.test')).toBe('own');
    expect(table.select('other.a.test')).toBe('own');
    table.remove(['*.a.test'], 'own', 'tenant');
    expect(table.select('shop.a.test')).toBe('intruder');
  });

  it('of ten thousand names are found without looking at the others, and the owner is asked only in doubt', () => {
    let asked = 0;
    const table = new SniTable(() => {
      asked++;
      return null;
    });
    for (let i = 0; i < 10_000; i++) table.add([`h${i}.test`, `*.h${i}.test`], use(`c${i}`));
    for (let i = 0; i < 10_000; i += 7) {
      expect(table.select(`h${i}.test`)).toBe(`c${i}`);
      expect(table.select(`x.h${i}.test`)).toBe(`c${i}`);
    }
    expect(asked).toBe(0);
  });
});
