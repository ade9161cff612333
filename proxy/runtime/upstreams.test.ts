import { afterEach, describe, expect, it } from 'vitest';
import type { EndpointsContent, Unit, UpstreamContent } from '#proxy/contract/units.ts';
import { allowAll } from '#proxy/upstream/connect-policy.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { endpointsUnit, upstreamUnit } from '#test/support/units.ts';
import { Upstreams } from './upstreams.ts';

let upstreams = create();
afterEach(() => {
  upstreams.dispose();
  upstreams = create();
});

function create(): Upstreams {
  const { now, timer } = new FakeClock();
  return new Upstreams({ now, timer, random: () => 0, connectPolicy: allowAll });
}

function unitOf(endpoints: string | null, hosts: string[] = []): Unit<'upstream'> {
  const servers: UpstreamContent['servers'] = hosts.map((host) => ({
    scheme: 'http',
    host,
    port: 80,
    path: '',
    weight: -1,
    keepHost: false,
    tags: [],
  }));
  return upstreamUnit('upstream/a', endpoints, { servers }) as Unit<'upstream'>;
}

function endpoints(...ips: string[]): EndpointsContent {
  return endpointsUnit('endpoints/a', ips).content as EndpointsContent;
}

function targets(): number | undefined {
  return upstreams.slots.find('upstream/a')?.current?.stats().targets;
}

describe('addresses of upstreams', () => {
  it('come from endpoints that were there before', () => {
    upstreams.setEndpoints('endpoints/a', endpoints('192.0.2.1', '192.0.2.2'));
    upstreams.prepare(unitOf('endpoints/a'), {}).commit();
    expect(targets()).toBe(2);
  });

  it('come from endpoints that change between prepare and commit, and later', () => {
    const staged = upstreams.prepare(unitOf('endpoints/a'), {});
    upstreams.setEndpoints('endpoints/a', endpoints('192.0.2.1'));
    staged.commit();
    expect(targets()).toBe(1);
    upstreams.setEndpoints('endpoints/a', endpoints('192.0.2.1', '192.0.2.2'));
    expect(targets()).toBe(2);
    upstreams.setEndpoints('endpoints/a', null);
    expect(targets()).toBe(0);
  });

  it('come from names that main resolved for the change, meanwhile, and later', () => {
    upstreams.begin();
    const staged = upstreams.prepare(unitOf(null, ['a.example', 'b.example']), { 'a.example': ['192.0.2.1'] });
    upstreams.setResolved({ 'b.example': ['192.0.2.2'] });
    staged.commit();
    expect(targets()).toBe(2);
    upstreams.setResolved({ 'a.example': [] });
    expect(targets()).toBe(1);
  });

  it('no longer come from what a former version used', () => {
    upstreams.prepare(unitOf('endpoints/a'), {}).commit();
    upstreams.prepare(unitOf('endpoints/b'), {}).commit();
    upstreams.setEndpoints('endpoints/a', endpoints('192.0.2.1'));
    expect(targets()).toBe(0);
    upstreams.setEndpoints('endpoints/b', endpoints('192.0.2.1'));
    expect(targets()).toBe(1);
  });
});
