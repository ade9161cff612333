import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OwnerContent, RuleContent } from '#proxy/contract/units.ts';
import { compiled, hosts, owner, path, rule } from '#test/support/routes.ts';
import { HostTable } from './host-table.ts';
import type { OwnerRouter } from './owner.ts';

function claiming(
  name: string,
  stated: string[][],
  precedence: Partial<OwnerContent['precedence']> = {},
): OwnerRouter<string> {
  const rules = stated.map((each) => rule({ hosts: hosts(...each), paths: [path()] }));
  return owner(rules, { precedence: { rank: 0, createdAt: '', key: name, ...precedence } }, name);
}

function tableOf(...owners: OwnerRouter<string>[]): HostTable<string> {
  const table = new HostTable<string>();
  for (const each of owners) table.set(each);
  return table;
}

describe('the owner of a host', () => {
  const table = tableOf(
    claiming('none', [[]]),
    claiming('expression', [['~a']]),
    claiming('short', [['*.io']]),
    claiming('long', [['*.a.io']]),
    claiming('front', [['www.a.*']]),
    claiming('odd', [['*xa.io']]),
    claiming('exact', [['www.a.io', 'A.io', '[2001:DB8::1]']]),
  );

  it.each([
    ['www.a.io', 'exact'],
    ['WWW.A.IO.:8080', 'exact'],
    ['a.io', 'exact'],
    ['[2001:db8::1]:443', 'exact'],
    ['x.a.io', 'long'],
    ['x.y.a.io', 'long'],
    ['b.io', 'short'],
    ['xa.io', 'odd'],
    ['y.xa.io', 'odd'],
    ['www.a.b.io', 'front'],
    ['www.a.com', 'front'],
    ['www.b.io', 'short'],
    ['alpha.test', 'expression'],
    ['b.test', 'none'],
    ['', 'none'],
  ])('%j belongs to %s', (authority, name) => {
    expect(table.choose(authority)?.name).toBe(name);
  });

  it.each(['[::1', 'a'.repeat(263)])('%j is no host and belongs to nobody', (authority) => {
    expect(table.choose(authority)).toBeNull();
  });

  it('belongs to nobody when nobody claims it', () => {
    expect(tableOf(claiming('a', [['a.io']])).choose('b.io')).toBeNull();
  });

  it('a host of very many labels costs no more than the longest pattern', () => {
    expect(table.choose(`${'x.'.repeat(120)}a.io`)?.name).toBe('long');
  });
});

describe('among equal claims', () => {
  const first: [string, Partial<OwnerContent['precedence']>, Partial<OwnerContent['precedence']>][] = [
    [
      'the lower rank wins, whatever its age',
      { rank: 0, createdAt: '2026-02-01T00:00:00Z' },
      { rank: 1, createdAt: '2026-01-01T00:00:00Z' },
    ],
    [
      'the older one wins, whatever its key',
      { createdAt: '2026-01-01T00:00:00Z', key: 'z' },
      { createdAt: '2026-02-01T00:00:00Z', key: 'a' },
    ],
    ['no date is the oldest', { key: 'z' }, { createdAt: '2026-01-01T00:00:00Z', key: 'a' }],
    ['the smaller key wins', { key: 'a' }, { key: 'b' }],
  ];
  for (const stated of [['a.io'], ['*.io'], ['a.*'], ['*a.io'], ['~a'], []]) {
    it.each(first)(`%s, for ${JSON.stringify(stated)}`, (_, winner, loser) => {
      const a = claiming('winner', [stated], winner);
      const b = claiming('loser', [stated], loser);
      expect(tableOf(a, b).choose('a.io')?.name).toBe('winner');
      expect(tableOf(b, a).choose('a.io')?.name).toBe('winner');
    });
  }

  it('a front and a back wildcard of the same length are equal', () => {
    const back = claiming('back', [['*.bio']], { key: 'b' });
    const front = claiming('front', [['x.a.*']], { key: 'a' });
    expect(tableOf(back, front).choose('x.a.bio')?.name).toBe('front');
    expect(tableOf(claiming('back', [['*.bio']], { key: '0' }), front).choose('x.a.bio')?.name).toBe('back');
  });

  it('of two expressions that match the better owner wins, not the first that was stated', () => {
    expect(tableOf(claiming('b', [['~a']]), claiming('a', [['~io']])).choose('a.io')?.name).toBe('a');
  });
});

describe('changes', () => {
  it('the next in line takes over when an owner goes', () => {
    const table = tableOf(claiming('a', [['a.io']]), claiming('b', [['a.io']]), claiming('c', [[]]));
    const names = ['a', 'b', 'c'].map((name) => {
      const chosen = table.choose('a.io')?.name;
      table.remove(name);
      return chosen;
    });
    expect([...names, table.choose('a.io')]).toEqual(['a', 'b', 'c', null]);
  });

  it('an owner of the same name takes the place of the former one', () => {
    const table = tableOf(claiming('a', [['a.io', '*.x', '~^q']]));
    table.set(claiming('a', [['b.io']]));
    expect([table.choose('a.io'), table.choose('y.x'), table.choose('q')]).toEqual([null, null, null]);
    expect(table.choose('b.io')?.name).toBe('a');
  });

  it('after random replacements of rules the table is as if it had been built anew', () => {
    const stated = fc.array(fc.constantFrom('a.io', 'b.io', '*.io', 'a.*', '*a.io', '~a', '~b'), { maxLength: 3 });
    const authorities = ['a.io', 'b.io', 'x.a.io', 'a.com', 'xa.io', 'b.com', 'nobody'];
    const change = fc.tuple(fc.nat(2), fc.nat(), stated);
    fc.assert(
      fc.property(
        fc.array(fc.array(stated, { minLength: 1, maxLength: 4 }), { minLength: 3, maxLength: 3 }),
        fc.array(change, { maxLength: 8 }),
        fc.boolean(),
        (owners, changes, eager) => {
          const now = owners.map((each) => each.map((list) => [...list]));
          const live = now.map((each, i) => claiming(`o${i}`, each));
          const table = tableOf(...live);
          for (const [which, at, list] of changes) {
            const rules = now[which] as string[][];
            const index = at % rules.length;
            rules[index] = list;
            const content: RuleContent = rule({ hosts: hosts(...list), paths: [path()] });
            live[which]?.replaceRule(index, compiled(content, index))();
            if (eager) table.update(live[which] as OwnerRouter<string>);
          }
          if (!eager) for (const each of live) table.update(each);
          const fresh = tableOf(...now.map((each, i) => claiming(`o${i}`, each)));
          for (const each of authorities) {
            expect(table.choose(each)?.name, `${each} of ${JSON.stringify(now)}`).toBe(fresh.choose(each)?.name);
          }
        },
      ),
    );
  });
});
