import { describe, expect, it } from 'vitest';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type Addresses, createResolver } from './resolver.ts';

/** A DNS that answers when the test says so. */
class FakeDns {
  readonly asked: string[] = [];
  private open: { name: string; resolve: (found: readonly string[]) => void; reject: (error: Error) => void }[] = [];

  readonly lookup = (name: string): Promise<readonly string[]> => {
    this.asked.push(name);
    return new Promise((resolve, reject) => this.open.push({ name, resolve, reject }));
  };

  get running(): number {
    return this.open.length;
  }

  /** Answers all open questions by the table; a name that is not in it does not resolve. */
  async answer(table: Record<string, readonly string[]>): Promise<void> {
    for (const question of this.open.splice(0)) {
      const found = table[question.name];
      if (found === undefined) question.reject(new Error('ENOTFOUND'));
      else question.resolve(found);
    }
    await settle();
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function setUp(concurrency = 8) {
  const clock = new FakeClock();
  const dns = new FakeDns();
  const changes: Addresses[] = [];
  const resolver = createResolver({
    lookup: dns.lookup,
    timer: clock.timer,
    changed: (names) => changes.push(names),
    concurrency,
  });
  return { clock, dns, changes, resolver };
}

describe('the resolver', () => {
  it('tells all names once they have been looked up, those that do not resolve included', async () => {
    const { dns, resolver, changes } = setUp();
    const used = resolver.use(['a.test', 'b.test']);
    await settle();
    await dns.answer({ 'a.test': ['10.0.0.1', '10.0.0.2'] });
    expect(await used).toEqual({ 'a.test': ['10.0.0.1', '10.0.0.2'], 'b.test': [] });
    expect(changes).toEqual([{ 'a.test': ['10.0.0.1', '10.0.0.2'] }, { 'b.test': [] }]);
    resolver.dispose();
  });

  it('asks again every ten seconds and tells only what changed', async () => {
    const { clock, dns, resolver, changes } = setUp();
    void resolver.use(['a.test']);
    await dns.answer({ 'a.test': ['10.0.0.1', '10.0.0.2'] });
    changes.length = 0;
    clock.advance(10_000);
    await dns.answer({ 'a.test': ['10.0.0.2', '10.0.0.1'] });
    expect(changes).toEqual([]);
    clock.advance(10_000);
    await dns.answer({ 'a.test': ['10.0.0.3'] });
    expect(changes).toEqual([{ 'a.test': ['10.0.0.3'] }]);
    expect(dns.asked.length).toBe(3);
    resolver.dispose();
  });

  it('keeps the last good addresses while DNS fails or answers with nothing', async () => {
    const { clock, dns, resolver, changes } = setUp();
    void resolver.use(['a.test']);
    await dns.answer({ 'a.test': ['10.0.0.1'] });
    changes.length = 0;
    clock.advance(10_000);
    await dns.answer({});
    clock.advance(10_000);
    await dns.answer({ 'a.test': [] });
    expect(changes).toEqual([]);
    expect(resolver.current()).toEqual({ 'a.test': ['10.0.0.1'] });
    resolver.dispose();
  });

  it('never asks more questions at once than it may, and none twice', async () => {
    const { clock, dns, resolver } = setUp(2);
    const names = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test'];
    const used = resolver.use(names);
    const table = Object.fromEntries(names.map((name) => [name, ['10.0.0.1']]));
    expect(dns.running).toBe(2);
    clock.advance(10_000);
    expect(dns.running).toBe(2);
    for (let i = 0; i < 5; i++) {
      await dns.answer(table);
      expect(dns.running).toBeLessThanOrEqual(2);
    }
    await used;
    resolver.dispose();
  });

  it('forgets names that are no longer used, also when their answer is on its way', async () => {
    const { clock, dns, resolver, changes } = setUp();
    void resolver.use(['a.test']);
    await resolver.use([]);
    await dns.answer({ 'a.test': ['10.0.0.1'] });
    expect(changes).toEqual([]);
    expect(resolver.current()).toEqual({});
    clock.advance(20_000);
    expect(dns.running).toBe(0);
    resolver.dispose();
  });
});
