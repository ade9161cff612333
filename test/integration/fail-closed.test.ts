import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manifest, mock, object, pipeline, route, server } from '#test/support/manifests.ts';
import { reservePort } from '#test/support/ports.ts';
import { startWorld, type World } from '#test/support/world.ts';

// What cannot be honoured is not served open. On the port lies a server for every host that answers `open`: a request
// for a guarded host or path must never end there.

type Fields = Readonly<Record<string, unknown>>;

let world: World;
let port = 0;
let cases = 0;
const rest = new AsyncDisposableStack();

beforeAll(async () => {
  port = await reservePort();
  const web = manifest(server('z-open', port, [route('/', 'open')]), mock('open', 'open'));
  world = rest.use(await startWorld({ manifests: { 'open.yaml': web } }));
});

afterAll(() => rest.disposeAsync());

/** Objects for a host of their own; `judge` sees what the host answers. Afterwards they are gone. */
async function guarded(
  make: (host: string) => readonly Fields[],
  judge: (host: string) => Promise<void>,
): Promise<void> {
  const name = `guarded-${cases++}.yaml`;
  const host = `guarded-${cases}.test`;
  await world.write(name, manifest(...make(host)));
  try {
    await judge(host);
    expect((await world.get(port, '/', 'other.test')).body).toBe('open');
  } finally {
    await world.remove(name);
  }
}

function hosted(host: string, paths: readonly Fields[], more: Fields = {}, rule: Fields = {}): Fields {
  return server('guarded', port, [], { rules: [{ host, paths, ...rule }], ...more });
}

const closed = { status: 503, body: '' };

describe('a server', () => {
  it.each<[title: string, fields: Fields, finding: string]>([
    ['with https', { https: true }, 'CertificateMissing spec.https'],
    ['with http3', { http3: true }, 'ProtectionNotActive spec.http3'],
    ['with certs', { certs: { a: 'x' } }, 'InvalidField spec.certs'],
    ['with keys', { keys: { a: 'x' } }, 'InvalidField spec.keys'],
    ['with certificateRefs', { certificateRefs: [{ name: 'x' }] }, 'ProtectionNotActive spec.certificateRefs'],
    ['with autoCert', { autoCert: true }, 'ProtectionNotActive spec.autoCert'],
    ['with a client CA', { caCertBase64: 'eA==' }, 'InvalidField spec.caCertBase64'],
    ['with https misspelt', { htpps: true }, 'UnknownProtectingField spec.htpps'],
    ['with certs misspelt', { cert: { a: 'x' } }, 'UnknownProtectingField spec.cert'],
    ['with ipFilter misspelt', { ipFiter: { blockByDefault: true } }, 'UnknownProtectingField spec.ipFiter'],
    ['with IPFILTER shouted', { IPFILTER: { blockByDefault: true } }, 'UnknownProtectingField spec.IPFILTER'],
    [
      'with a field inside ipFilter misspelt',
      { ipFilter: { blockByDefualt: true } },
      'UnknownProtectingField spec.ipFilter.blockByDefualt',
    ],
    [
      'with an address in ipFilter that is none',
      { ipFilter: { blockIPs: ['10.0.0.0/99'] } },
      'InvalidField spec.ipFilter.blockIPs[0]',
    ],
    ['with globalFilter misspelt', { globalFitler: 'x' }, 'UnknownProtectingField spec.globalFitler'],
    ['whose globalFilter is missing', { globalFilter: 'nobody' }, 'GlobalFilterNotFound spec.globalFilter'],
    ['whose clientMaxBodySize is no number', { clientMaxBodySize: 'small' }, 'InvalidField spec.clientMaxBodySize'],
  ])('%s is not served open', (_, fields, finding) =>
    guarded(
      (host) => [hosted(host, [route('/', 'open')], fields)],
      async (host) => {
        expect(world.findings('HTTPServer guarded')).toEqual([finding]);
        expect(await world.get(port, '/', host)).toMatchObject(closed);
        await world.until('it is told', () =>
          world.printed.some((line) => line.includes('HTTPServer default/guarded')),
        );
      },
    ),
  );

  it('whose globalFilter was refused is not served open', () =>
    guarded(
      (host) => [
        hosted(host, [route('/', 'open')], { globalFilter: 'guard' }),
        object('GlobalFilter', 'guard', { beforePipeline: { filters: [{ name: 'x', kind: 'RateLimitr' }] } }),
      ],
      async (host) => {
        expect(world.findings('HTTPServer guarded')).toEqual(['GlobalFilterNotFound spec.globalFilter']);
        expect(await world.get(port, '/', host)).toMatchObject(closed);
      },
    ));

  it('with https on a port of its own does not open it in the clear', async () => {
    const own = await reservePort();
    const web = manifest(server('secure', own, [route('/', 'open')], { https: true }));
    await world.write('secure.yaml', web);
    await expect(world.get(own, '/')).rejects.toThrow('connection ended');
    expect(world.findings('HTTPServer secure')).toEqual(['CertificateMissing spec.https']);
    await world.remove('secure.yaml');
  });
});

describe('a rule', () => {
  it.each<[title: string, rule: Fields, finding: string]>([
    ['with ipFilter misspelt', { ipfliter: { blockByDefault: true } }, 'UnknownProtectingField spec.rules[0].ipfliter'],
    ['with an ipFilter of the wrong type', { ipFilter: 'everybody' }, 'InvalidField spec.rules[0].ipFilter'],
  ])('%s is not served open', (_, rule, finding) =>
    guarded(
      (host) => [hosted(host, [route('/', 'open')], {}, rule)],
      async (host) => {
        expect(world.findings('HTTPServer guarded')).toEqual([finding]);
        expect(await world.get(port, '/', host)).toMatchObject(closed);
      },
    ),
  );

  it('whose host cannot be read closes the rules behind it, which its requests could reach', () =>
    guarded(
      (host) => {
        const rules = [
          { host: `before.${host}`, paths: [route('/', 'open')] },
          { hostRegexp: '([', paths: [route('/', 'nobody')] },
          { host, paths: [route('/', 'open')] },
        ];
        return [server('guarded', port, [], { rules })];
      },
      async (host) => {
        expect(world.findings('HTTPServer guarded')).toContain('InvalidField spec.rules[1].hostRegexp');
        expect((await world.get(port, '/', `before.${host}`)).body).toBe('open');
        expect(await world.get(port, '/', host)).toMatchObject(closed);
      },
    ));
});

describe('a path', () => {
  const secret = { pathPrefix: '/secret' };

  it.each<[title: string, path: Fields, finding: string]>([
    [
      'with ipFilter misspelt',
      { ...secret, backend: 'open', ipFliter: {} },
      'UnknownProtectingField spec.rules[0].paths[0].ipFliter',
    ],
    ['without a backend', secret, 'BackendMissing spec.rules[0].paths[0]'],
    ['whose pipeline is missing', { ...secret, backend: 'nobody' }, 'PipelineNotFound spec.rules[0].paths[0].backend'],
    [
      'with methods that are none',
      { ...secret, backend: 'open', methods: ['FETCH'] },
      'InvalidField spec.rules[0].paths[0].methods[0]',
    ],
    [
      'with a condition that cannot be read',
      { ...secret, backend: 'open', headers: [{ key: 'X-Token', regexp: '([' }] },
      'InvalidField spec.rules[0].paths[0].headers[0].regexp',
    ],
  ])('%s is not served, and its sibling is', (_, path, finding) =>
    guarded(
      (host) => [hosted(host, [path, route('/', 'open')])],
      async (host) => {
        expect(world.findings('HTTPServer guarded')).toEqual([finding]);
        expect(await world.get(port, '/secret/x', host)).toMatchObject(closed);
        expect((await world.get(port, '/public', host)).body).toBe('open');
      },
    ),
  );

  it('whose text cannot be read takes everything behind it in its rule', () =>
    guarded(
      (host) => [
        hosted(host, [route('/first', 'open'), { pathRegexp: '^/se(cret', backend: 'nobody' }, route('/', 'open')]),
      ],
      async (host) => {
        expect((await world.get(port, '/first', host)).body).toBe('open');
        expect(await world.get(port, '/secret', host)).toMatchObject(closed);
      },
    ));
});

describe('a pipeline', () => {
  const answer = { name: 'mock', kind: 'Mock', rules: [{ match: {}, code: 200, body: 'open' }] };

  it.each<[title: string, filter: Fields, finding: string]>([
    [
      'with a kind that is not active yet',
      { name: 'x', kind: 'Validator', basicAuth: {} },
      'FilterNotYetActive spec.filters[0].kind',
    ],
    ['with a kind that is misspelt', { name: 'x', kind: 'RateLimitr' }, 'UnknownFilterKind spec.filters[0].kind'],
    [
      'with a filterRef to nobody',
      { name: 'x', filterRef: { name: 'nobody' } },
      'FilterRefNotFound spec.filters[0].filterRef',
    ],
    [
      'with the trust of its Proxy misspelt',
      {
        name: 'x',
        kind: 'Proxy',
        mtsl: { rootCertBase64: '' },
        pools: [{ servers: [{ url: 'https://127.0.0.1:1' }] }],
      },
      'UnknownProtectingField spec.filters[0].mtsl',
    ],
  ])('%s is not served without that filter', (_, filter, finding) =>
    guarded(
      (host) => [hosted(host, [route('/', 'limited')]), pipeline('limited', [filter, answer])],
      async (host) => {
        expect(world.findings('Pipeline limited').join()).toContain(finding);
        expect(await world.get(port, '/', host)).toMatchObject(closed);
      },
    ),
  );

  it('whose RateLimiter has its policies misspelt is not served unlimited', () =>
    guarded(
      (host) => {
        const limiter = {
          name: 'x',
          kind: 'RateLimiter',
          polices: [{ name: 'p' }],
          urls: [{ url: { prefix: '/' }, policyRef: 'p' }],
        };
        return [hosted(host, [route('/', 'limited')]), pipeline('limited', [limiter, answer])];
      },
      async (host) => {
        expect(world.condition('Pipeline limited', 'Accepted').status).toBe('False');
        expect(await world.get(port, '/', host)).toMatchObject(closed);
      },
    ));
});
