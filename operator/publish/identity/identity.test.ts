import { X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthority } from './authority.ts';
import { tokenFileVerifier } from './token-file.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'easegress-identity-'));
});
afterEach(() => rm(dir, { recursive: true }));

const peer = { address: '127.0.0.1' };

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

describe('the token file', () => {
  it('is created with a random token that only its owner can read', async () => {
    const path = join(dir, 'token');
    const verifier = await tokenFileVerifier(path);
    const token = (await readFile(path, 'utf8')).trim();
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(await modeOf(path)).toBe('600');
    expect(await verifier.verify(token, peer)).toEqual({ name: 'token-1', audiences: ['default'], validForMs: null });
    await tokenFileVerifier(path);
    expect((await readFile(path, 'utf8')).trim()).toBe(token);
  });

  it.each([0o640, 0o604, 0o622])('is refused when others have rights to it (%o)', async (mode) => {
    const path = join(dir, 'token');
    await writeFile(path, 'a-token-long-enough\n');
    await chmod(path, mode);
    await expect(tokenFileVerifier(path)).rejects.toThrow(/chmod 600/);
  });

  it('gives each token its audiences, and nothing to what is no token', async () => {
    const path = join(dir, 'token');
    await writeFile(path, '# fleet\nfirst-token-0123456 edge,internal # both\n\nsecond-token-012345\n', {
      mode: 0o600,
    });
    const verifier = await tokenFileVerifier(path);
    expect((await verifier.verify('first-token-0123456', peer))?.audiences).toEqual(['edge', 'internal']);
    expect((await verifier.verify('second-token-012345', peer))?.audiences).toEqual(['default']);
    for (const wrong of ['', '#', 'first-token', 'first-token-0123456 ', 'edge,internal']) {
      expect(await verifier.verify(wrong, peer)).toBe(null);
    }
  });

  it('is read again when it changes, so that a token can be withdrawn', async () => {
    const path = join(dir, 'token');
    await writeFile(path, 'first-token-0123456\n', { mode: 0o600 });
    const verifier = await tokenFileVerifier(path);
    await writeFile(path, 'another-token-0123456789\n');
    expect(await verifier.verify('first-token-0123456', peer)).toBe(null);
    expect(await verifier.verify('another-token-0123456789', peer)).not.toBe(null);
    await chmod(path, 0o644);
    await expect(verifier.verify('another-token-0123456789', peer)).rejects.toThrow(/chmod 600/);
  });

  it.each([
    ['no token', '# nothing\n', /holds no token/],
    ['a guessable token', 'short\n', /shorter than 16/],
  ])('is refused with %s', async (_, text, message) => {
    const path = join(dir, 'token');
    await writeFile(path, text, { mode: 0o600 });
    await expect(tokenFileVerifier(path)).rejects.toThrow(message);
  });
});

describe('the authority', () => {
  it('is created once, with a key that only its owner can read, and issues for names and addresses', async () => {
    const state = join(dir, 'state');
    const first = await openAuthority(state);
    const second = await openAuthority(state);
    expect(second.certificate).toBe(first.certificate);
    expect(await modeOf(join(state, 'ca.key'))).toBe('600');
    expect(await modeOf(state)).toBe('700');
    expect(await readFile(first.path, 'utf8')).toBe(first.certificate);
    const server = new X509Certificate(second.issue(['10.1.2.3', 'gateway.test']).certificate);
    expect(server.verify(new X509Certificate(first.certificate).publicKey)).toBe(true);
    for (const name of ['easegress-operator', 'localhost', 'gateway.test']) expect(server.checkHost(name)).toBe(name);
    expect(server.checkIP('10.1.2.3')).toBe('10.1.2.3');
  });

  it('writes its certificate again when it was lost or exchanged', async () => {
    const first = await openAuthority(dir);
    await writeFile(first.path, 'something else');
    await openAuthority(dir);
    expect(await readFile(first.path, 'utf8')).toBe(first.certificate);
  });

  it('is refused when its key is damaged or open to others', async () => {
    await openAuthority(dir);
    await chmod(join(dir, 'ca.key'), 0o644);
    await expect(openAuthority(dir)).rejects.toThrow(/chmod 600/);
    await chmod(join(dir, 'ca.key'), 0o600);
    await writeFile(join(dir, 'ca.key'), 'nothing');
    await expect(openAuthority(dir)).rejects.toThrow(/damaged/);
  });
});
