import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeObjectSource, ObjectWitness } from '#test/support/object-source-contract.ts';
import { fileSource } from './files.ts';
import type { ObjectSource } from './object-event.ts';

const makePipe = 'mkfifo';
let folder = '';
let witness = new ObjectWitness();
let source: ObjectSource;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'manifests-'));
  witness = new ObjectWitness();
  source = fileSource(folder);
});

afterEach(async () => {
  await source[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const put = (name: string, text: string | Buffer) => writeFile(path.join(folder, name), text);
const start = () => source.start(witness.listen);
const server = (name: string, port = 80) => `kind: HTTPServer\nname: ${name}\nport: ${port}\n`;
const portOf = (name: string): unknown => witness.objects.get(`HTTPServer/default/${name}`)?.spec['port'];

describeObjectSource('a folder of files', async () => {
  const place = await mkdtemp(path.join(tmpdir(), 'manifests-'));
  const files = fileSource(place);
  return {
    source: files,
    put: (kind, name, spec) => {
      const object = { apiVersion: 'easegress.megaease.com/v1alpha1', kind, metadata: { name }, spec };
      return writeFile(path.join(place, `${kind}-${name}.yaml`), JSON.stringify(object));
    },
    remove: (kind, name) => rm(path.join(place, `${kind}-${name}.yaml`)),
    async [Symbol.asyncDispose]() {
      await files[Symbol.asyncDispose]();
      await rm(place, { recursive: true, force: true });
    },
  };
});

describe('forms', () => {
  it('a custom resource and the form of Easegress give the same fields', async () => {
    await put(
      'a.yaml',
      'apiVersion: easegress.megaease.com/v1alpha1\nkind: HTTPServer\nmetadata:\n  name: a\nspec:\n  port: 1\n',
    );
    await put('b.yaml', 'kind: HTTPServer\nname: b\nversion: easegress.megaease.com/v2\nport: 1\n');
    await start();
    const [a, b] = [...witness.objects.values()];
    expect(a).toMatchObject({ namespace: 'default', spec: { port: 1 }, imported: false, location: 'a.yaml:1' });
    expect(b).toMatchObject({ namespace: 'default', spec: { port: 1 }, imported: true, location: 'b.yaml:1' });
    expect(witness.findings()).toEqual([]);
  });

  it('several documents, comments, empty documents and lists are read, each with its line', async () => {
    await put(
      'a.yaml',
      `# first\n\n${server('a')}---\n# nothing\n---\n${server('b')}...\n---\nkind: List\nitems:\n- {kind: HTTPServer, name: c, port: 1}\n`,
    );
    await start();
    expect([...witness.objects.values()].map(({ name, location }) => `${name} ${location}`)).toEqual([
      'a a.yaml:3',
      'b a.yaml:9',
      'c a.yaml:14',
    ]);
  });

  it('JSON is read, with tabs and several folders deep', async () => {
    await mkdir(path.join(folder, 'x/y'), { recursive: true });
    await put('x/y/a.json', '{\n\t"kind": "HTTPServer",\n\t"name": "a",\n\t"port": 1\n}');
    await start();
    expect(witness.objects.get('HTTPServer/default/a')).toMatchObject({ spec: { port: 1 }, location: 'x/y/a.json:1' });
  });

  it('names that Kubernetes would not take are taken', async () => {
    await put('a.yaml', server('Ünïcode_~.1'));
    await start();
    expect(witness.names()).toEqual(['HTTPServer/Ünïcode_~.1']);
  });

  it('an EndpointSlice is the whole object, with its labels', async () => {
    await put(
      'a.yaml',
      'apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: a, namespace: n, labels: {kubernetes.io/service-name: s}}\naddressType: IPv4\nendpoints: []\n',
    );
    await start();
    expect(witness.objects.get('EndpointSlice/n/a')).toMatchObject({
      labels: { 'kubernetes.io/service-name': 's' },
      spec: { addressType: 'IPv4', endpoints: [] },
    });
  });

  it('other files, hidden files and backups are not looked at', async () => {
    await Promise.all(['a.txt', '.a.yaml', 'a.yaml~', 'README.md', '.a.yaml.swp'].map((name) => put(name, 'kind: ]')));
    await start();
    expect(witness.batches).toEqual([[{ type: 'synced' }]]);
  });

  it('a single file may be named by a link, because a person has chosen it', async () => {
    await mkdir(path.join(folder, 'x'));
    await put('x/real.yaml', server('a'));
    await symlink('x/real.yaml', path.join(folder, 'link.yaml'));
    await source[Symbol.asyncDispose]();
    source = fileSource(path.join(folder, 'link.yaml'));
    await start();
    expect(witness.names()).toEqual(['HTTPServer/a']);
    await put('x/real.yaml', server('b'));
    await witness.until(() => witness.names().join() === 'HTTPServer/b');
  });

  it('a single file may be named in place of a folder', async () => {
    await put('a.yaml', server('a'));
    await put('b.yaml', server('b'));
    await source[Symbol.asyncDispose]();
    source = fileSource(path.join(folder, 'a.yaml'));
    await start();
    expect(witness.names()).toEqual(['HTTPServer/a']);
    await put('next', server('c'));
    await rename(path.join(folder, 'next'), path.join(folder, 'a.yaml'));
    await witness.until(() => witness.names().join() === 'HTTPServer/c');
  });
});

const bomb = [
  'kind: HTTPServer\nname: bomb\na0: &a0 [xxxxxxxxxx, xxxxxxxxxx]',
  ...Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`),
].join('\n');

describe('bad input gives one clear finding, and the rest goes on:', () => {
  it.each([
    ['broken YAML', 'kind: HTTPServer\nname: [a\n', 'InvalidYaml bad.yaml:2: '],
    ['a tab as indentation', 'kind: HTTPServer\nspec:\n\tport: 1\n', 'InvalidYaml bad.yaml:3: '],
    [
      'a repeated key',
      'kind: HTTPServer\nname: a\nport: 1\nport: 2\n',
      'InvalidYaml bad.yaml:4: the key of this line stands in the mapping already',
    ],
    [
      'a repeated key further down',
      `${server('b')}---\nkind: HTTPServer\nname: c\nrules:\n- host: a\n  host: b\n`,
      'InvalidYaml bad.yaml:9: the key',
    ],
    ['an unknown tag', 'kind: !!js/function "x"\n', 'InvalidYaml bad.yaml:1: '],
    ['an alias without anchor', 'kind: *nobody\n', 'InvalidYaml bad.yaml:1: '],
    ['a bomb of aliases', bomb, 'FileTooLarge bad.yaml:1: the aliases expand to more than 8 MiB'],
    [
      'an alias into itself',
      'kind: HTTPServer\nname: a\nrules: &r [*r]\n',
      'FileTooLarge bad.yaml:1: an alias contains itself',
    ],
    ['nesting without end', `a: ${'['.repeat(5000)}`, 'InvalidYaml bad.yaml:1: '],
    ['a text in place of an object', 'hello\n', 'NotAnObject bad.yaml:1: the document is a text'],
    ['a list in place of an object', '- kind: HTTPServer\n', 'NotAnObject bad.yaml:1: the document is a list'],
    ['no kind', 'name: a\n', 'NotAnObject bad.yaml:1: the document has no `kind`'],
    ['no name', 'kind: HTTPServer\nport: 1\n', 'NotAnObject bad.yaml:1: the HTTPServer has no name; state `name`'],
    [
      'no name in metadata',
      'kind: HTTPServer\nmetadata: {}\nspec: {}\n',
      'NotAnObject bad.yaml:1: the HTTPServer has no name; state `metadata.name`',
    ],
    [
      'a spec without metadata',
      'kind: HTTPServer\nname: a\nspec: {port: 1}\n',
      'NotAnObject bad.yaml:1: a document with `spec` needs `metadata',
    ],
    [
      'a spec that is a list',
      'kind: HTTPServer\nmetadata: {name: a}\nspec: []\n',
      'NotAnObject bad.yaml:1: `spec` is a list',
    ],
    [
      'an unknown kind',
      'kind: HTTPSever\nname: a\n',
      'UnknownKind bad.yaml:1: no kind is called "HTTPSever"; did you mean `HTTPServer`?',
    ],
    [
      'a kind of another group',
      'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}\n',
      'UnknownKind bad.yaml:1: no kind `Service` is known in "serving.knative.dev/v1"; expected `apiVersion: v1`',
    ],
    ['a name with a slash', 'kind: HTTPServer\nname: a/b\nport: 1\n', 'InvalidName bad.yaml:1: `name` is "a/b"'],
    [
      'a name of 254 characters',
      `kind: HTTPServer\nname: ${'a'.repeat(254)}\nport: 1\n`,
      'InvalidName bad.yaml:1: `name` is',
    ],
    ['a name that is a number', 'kind: HTTPServer\nname: 5\nport: 1\n', 'InvalidName bad.yaml:1: `name` is 5'],
    [
      'a namespace with a space',
      'kind: HTTPServer\nmetadata: {name: a, namespace: "a b"}\n',
      'InvalidName bad.yaml:1: `namespace` is "a b"',
    ],
    [
      'a field beside spec',
      'kind: HTTPServer\nmetadata: {name: b}\nspec: {port: 1}\nport: 2\n',
      'UnknownField bad.yaml:1: `port` is no field here; put `port` below `spec`',
    ],
    [
      'a protection beside spec',
      'kind: HTTPServer\nmetadata: {name: b}\nspec: {port: 1}\nipFilter: {}\n',
      'UnknownProtectingField bad.yaml:1: `ipFilter` is no field here; put `ipFilter` below `spec`',
    ],
    ['zero bytes', 'kind: HTTPServer\nname: "a\u0000"\n', 'InvalidYaml bad.yaml:2: '],
  ])('%s', async (_title, text, finding) => {
    await put('bad.yaml', text);
    await put('good.yaml', server('good'));
    await start();
    expect(witness.findings()).toHaveLength(1);
    expect(witness.findings()[0]).toContain(finding);
    expect(witness.names()).toContain('HTTPServer/good');
  });

  it('binary junk', async () => {
    await put('bad.yaml', Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28]));
    await start();
    expect(witness.findings()).toEqual(['InvalidYaml bad.yaml: this is not UTF-8 text']);
  });

  it('a file of 10 MB', async () => {
    await put('bad.yaml', Buffer.alloc(10 * 1024 * 1024, '#'));
    await put('good.yaml', server('good'));
    await start();
    expect(witness.findings()).toEqual(['FileTooLarge bad.yaml: the file has 10.0 MiB; 8 MiB are allowed, split it']);
    expect(witness.names()).toEqual(['HTTPServer/good']);
  });

  it('a link out of the folder', async () => {
    await put('good.yaml', server('good'));
    await symlink('/etc/passwd', path.join(folder, 'bad.yaml'));
    await symlink('/etc', path.join(folder, 'etc'));
    await start();
    expect(witness.findings().toSorted()).toEqual([
      'FileUnreadable bad.yaml: the link leads out of the folder; put the file itself into it',
      'FileUnreadable etc: the link leads out of the folder; it is not followed',
    ]);
    expect(witness.names()).toEqual(['HTTPServer/good']);
  });

  it('a link that leads nowhere, and one into itself', async () => {
    await symlink(path.join(folder, 'nowhere'), path.join(folder, 'a.yaml'));
    await symlink(path.join(folder, 'b.yaml'), path.join(folder, 'b.yaml'));
    await start();
    expect(witness.findings().toSorted()).toEqual([
      'FileUnreadable a.yaml: the link leads nowhere',
      'FileUnreadable b.yaml: its links go in circles',
    ]);
  });

  it('a pipe that nobody writes to', async () => {
    execFileSync(makePipe, [path.join(folder, 'bad.yaml')]);
    await put('good.yaml', server('good'));
    await start();
    expect(witness.findings()).toEqual(['FileUnreadable bad.yaml: this is no regular file']);
    expect(witness.names()).toEqual(['HTTPServer/good']);
  });

  it.skipIf(process.getuid?.() === 0)('a file without the right to read it (root may read everything)', async () => {
    await put('bad.yaml', server('a'));
    await chmod(path.join(folder, 'bad.yaml'), 0);
    await start();
    expect(witness.findings()).toEqual(['FileUnreadable bad.yaml: the process may not read it']);
  });

  it('two documents with one name: the first by file and line counts, also when it comes later', async () => {
    await put('b.yaml', `${server('x', 2)}---\n${server('x', 3)}`);
    await start();
    expect(portOf('x')).toBe(2);
    expect(witness.findings()).toEqual([
      'DuplicateObject b.yaml:5: HTTPServer default/x is stated at b.yaml:1 already, which counts; rename one of them',
    ]);
    await put('a.yaml', server('x', 1));
    await witness.until(() => portOf('x') === 1);
    expect(witness.diagnostics.get('b.yaml')?.some((line) => line.includes('stated at a.yaml:1 already'))).toBe(true);
    await rm(path.join(folder, 'a.yaml'));
    await witness.until(() => portOf('x') === 2);
  });

  it('a folder that does not exist yet', async () => {
    await source[Symbol.asyncDispose]();
    source = fileSource(path.join(folder, 'later'));
    await start();
    expect(witness.findings()).toEqual(['FileUnreadable later: it does not exist or cannot be reached']);
    await mkdir(path.join(folder, 'later'));
    await put('later/a.yaml', server('a'));
    await witness.until(() => witness.objects.size === 1);
    expect(witness.findings()).toEqual([]);
  });
});

describe('edits', () => {
  it('a file half written keeps what it stated until it parses', async () => {
    await put('a.yaml', `${server('a', 1)}---\n${server('b', 1)}`);
    await start();
    await put('a.yaml', `${server('a', 2)}---\nkind: HTTPServer\nname: b\nrules: [`);
    await witness.until(() => witness.findings().length > 0);
    expect(portOf('a')).toBe(2); // the document that can be read goes on
    expect(portOf('b')).toBe(1);
    await put('a.yaml', server('a', 3));
    await witness.until(() => portOf('a') === 3);
    expect(witness.names()).toEqual(['HTTPServer/a']);
    expect(witness.findings()).toEqual([]);
  });

  it('a folder that goes away as a whole keeps what it stated, and is read anew when it is back', async () => {
    const place = path.join(folder, 'manifests');
    await mkdir(place);
    await source[Symbol.asyncDispose]();
    source = fileSource(place, { pollMs: 20 });
    await put('manifests/a.yaml', server('a', 1));
    await put('manifests/b.yaml', server('b'));
    await start();
    await rename(place, path.join(folder, 'away'));
    await witness.until(() => witness.findings().length > 0);
    expect(witness.findings()).toEqual([
      'FileUnreadable manifests: it does not exist or cannot be reached; what it held before is kept',
    ]);
    expect(witness.names()).toEqual(['HTTPServer/a', 'HTTPServer/b']);
    await put('away/a.yaml', server('a', 2));
    await rm(path.join(folder, 'away', 'b.yaml'));
    await rename(path.join(folder, 'away'), place);
    await witness.until(() => portOf('a') === 2);
    await witness.until(() => witness.names().length === 1);
    expect(witness.findings()).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that cannot be read any more keeps what it stated', async () => {
    await source[Symbol.asyncDispose]();
    source = fileSource(folder, { pollMs: 20 });
    await mkdir(path.join(folder, 'team'));
    await put('team/a.yaml', server('a'));
    await start();
    await chmod(path.join(folder, 'team'), 0);
    await witness.until(() => witness.findings().length > 0);
    expect(witness.names()).toEqual(['HTTPServer/a']);
    await chmod(path.join(folder, 'team'), 0o700);
  });

  it('a slip in the kind takes nothing away', async () => {
    await put('a.yaml', server('a'));
    await start();
    await put('a.yaml', server('a').replace('HTTPServer', 'HTTPSever'));
    await witness.until(() => witness.findings().length > 0);
    expect(witness.names()).toEqual(['HTTPServer/a']);
  });

  it('a file that grows too large or becomes a link keeps what it stated', async () => {
    await put('a.yaml', server('a'));
    await start();
    // Renamed into place: half of it would be a file of its own that states nothing.
    await put('large', Buffer.alloc(9 * 1024 * 1024, '#'));
    await rename(path.join(folder, 'large'), path.join(folder, 'a.yaml'));
    await witness.until(() => witness.findings().some((line) => line.startsWith('FileTooLarge')));
    expect(witness.names()).toEqual(['HTTPServer/a']);
    await symlink('/etc/passwd', path.join(folder, 'link'));
    await rename(path.join(folder, 'link'), path.join(folder, 'a.yaml'));
    await witness.until(() => witness.findings().some((line) => line.startsWith('FileUnreadable')));
    expect(witness.names()).toEqual(['HTTPServer/a']);
  });

  it('a file that is emptied and then written is never seen empty', async () => {
    await put('a.yaml', server('a', 1));
    await start();
    await put('a.yaml', '');
    await put('other.yaml', server('b'));
    await witness.until(() => witness.objects.size === 2); // the empty file was read before this
    await put('a.yaml', server('a', 2));
    await witness.until(() => portOf('a') === 2);
    expect(witness.batches.flat().filter((event) => event.type === 'delete')).toEqual([]);
  });

  it('a file that stays empty states nothing', async () => {
    await put('a.yaml', server('a', 1));
    await start();
    await put('a.yaml', '');
    await witness.until(() => witness.objects.size === 0);
  });

  it('an editor that writes a copy and renames it is seen', async () => {
    await put('a.yaml', server('a', 1));
    await start();
    await put('a.yaml.tmp', server('a', 2));
    await rename(path.join(folder, 'a.yaml.tmp'), path.join(folder, 'a.yaml'));
    await witness.until(() => portOf('a') === 2);
  });

  it('a new folder with files is seen, and its removal too', async () => {
    await start();
    await mkdir(path.join(folder, 'new/deep'), { recursive: true });
    await put('new/deep/a.yaml', server('a'));
    await witness.until(() => witness.objects.size === 1);
    await put('new/deep/a.yaml', server('a', 2));
    await witness.until(() => portOf('a') === 2);
    await rm(path.join(folder, 'new'), { recursive: true });
    await witness.until(() => witness.objects.size === 0);
  });

  it('a mounted ConfigMap, whose files are links that change all at once, is followed', async () => {
    const version = async (name: string, port: number) => {
      await mkdir(path.join(folder, name));
      await put(`${name}/a.yaml`, server('a', port));
      await symlink(name, path.join(folder, '..new'));
      await rename(path.join(folder, '..new'), path.join(folder, '..data'));
    };
    await version('..2024_1', 1);
    await symlink('..data/a.yaml', path.join(folder, 'a.yaml'));
    await start();
    expect(portOf('a')).toBe(1);
    expect(witness.findings()).toEqual([]);
    await version('..2024_2', 2);
    await witness.until(() => portOf('a') === 2);
  });

  it('what no watch tells is found by looking', async () => {
    await source[Symbol.asyncDispose]();
    await mkdir(path.join(folder, '.hidden'));
    await put('.hidden/a.yaml', server('a', 1));
    await symlink('.hidden/a.yaml', path.join(folder, 'a.yaml'));
    source = fileSource(folder, { pollMs: 20 });
    await start();
    await put('.hidden/a.yaml', server('a', 2)); // nobody watches hidden folders
    await witness.until(() => portOf('a') === 2);
  });

  it('only the document that changed is told, and the others keep their identity', async () => {
    const text = (port: number) => `${server('a', 1)}---\n${server('b', port)}---\n${server('c', 1)}`;
    await put('a.yaml', text(1));
    await start();
    const before = witness.objects.get('HTTPServer/default/a');
    await put('a.yaml', text(2));
    await witness.until(() => portOf('b') === 2);
    expect(witness.batches.at(-1)).toMatchObject([{ type: 'upsert', object: { name: 'b' } }]);
    expect(witness.objects.get('HTTPServer/default/a')).toBe(before);
  });
});
