// Identity without a cluster: a file of tokens that operator and proxies share. One line per token, with the
// audiences that it may see behind it (`default` when none is named); `#` begins a comment.
//
//   8f2c…e1                 sees the listeners of audience default
//   77ab…09 edge,internal   sees those two
//
// The file is created when it is absent and read again when it changes, so that a token can be withdrawn.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { sha256 } from '#proxy/primitives/crypto/digest.ts';
import type { IdentityVerifier, VerifiedIdentity } from '../verifier.ts';
import { createPrivateFile, readPrivateFile } from './private-file.ts';

interface Entry {
  readonly digest: Buffer;
  readonly identity: VerifiedIdentity;
}

const shortestToken = 16;

/** Creates the file with one random token when there is none; rejects when others can read it or it holds no token. */
export async function tokenFileVerifier(path: string): Promise<IdentityVerifier> {
  if ((await readPrivateFile(path)) === null) {
    await createPrivateFile(path, `${randomBytes(32).toString('hex')}\n`);
  }
  let known = await load(path);
  return {
    async verify(token) {
      if ((await stamp(path)) !== known.stamp) known = await load(path);
      return find(known.entries, token);
    },
  };
}

async function load(path: string): Promise<{ entries: readonly Entry[]; stamp: string }> {
  const seen = await stamp(path);
  const text = (await readPrivateFile(path)) ?? '';
  const entries = lines(text).map(([token, audiences], index): Entry => {
    if (token.length < shortestToken) {
      throw new Error(`${path}: token ${index + 1} is shorter than ${shortestToken} characters`);
    }
    return { digest: sha256(token), identity: { name: `token-${index + 1}`, audiences, validForMs: null } };
  });
  if (entries.length === 0) throw new Error(`${path} holds no token`);
  return { entries, stamp: seen };
}

/** All entries are compared, each in constant time, so that neither content nor place of a token shows in the time. */
function find(entries: readonly Entry[], token: string): VerifiedIdentity | null {
  const digest = sha256(token);
  let found: VerifiedIdentity | null = null;
  for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) found = entry.identity;
  return found;
}

function lines(text: string): [token: string, audiences: string[]][] {
  return text.split('\n').flatMap((line): [string, string[]][] => {
    const [token = '', audiences = 'default'] = (line.split('#')[0] ?? '').trim().split(/\s+/);
    return token === '' ? [] : [[token, audiences.split(',').filter((audience) => audience !== '')]];
  });
}

async function stamp(path: string): Promise<string> {
  const { mtimeMs, size, ino, mode } = await stat(path);
  return `${mtimeMs} ${size} ${ino} ${mode}`;
}
