// The operator's own certificate authority without a cluster: a key and a certificate in its state folder. Proxies
// trust `ca.pem` and nothing else; the server's certificate is made at each start and never stored.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { operatorName } from '#proxy/contract/messages.ts';
import {
  createAuthority,
  issueServer,
  type KeyedCertificate,
  type Validity,
} from '#proxy/primitives/crypto/certificate.ts';
import { createPrivateFile, readPrivateFile } from './private-file.ts';

const authorityName = 'easegress';
const day = 86_400_000;

export interface Authority {
  /** PEM that proxies trust. */
  readonly certificate: string;
  /** Where that is, for messages. */
  readonly path: string;
  /** A fresh server certificate for these names beside the operator's own. */
  issue(names: readonly string[]): KeyedCertificate;
}

export async function openAuthority(stateDir: string): Promise<Authority> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, 'ca.pem');
  const keyPath = join(stateDir, 'ca.key');
  if ((await readPrivateFile(keyPath)) === null) await create(path, keyPath);
  // Both from the one private file, so that a certificate that someone exchanged is noticed and not served.
  const stored = (await readPrivateFile(keyPath)) ?? '';
  const at = stored.indexOf('-----BEGIN CERTIFICATE-----');
  if (at <= 0)
    throw new Error(`${keyPath} is damaged; remove it to create a new authority, which every proxy must be told`);
  const authority = { key: stored.slice(0, at), certificate: stored.slice(at) };
  if ((await readOrNull(path)) !== authority.certificate) await writeFile(path, authority.certificate, { mode: 0o644 });
  return {
    certificate: authority.certificate,
    path,
    issue: (names) => {
      const all = [operatorName, 'localhost', hostname(), '127.0.0.1', '::1', ...names];
      return issueServer(authority, authorityName, [...new Set(all)], validity(397 * day));
    },
  };
}

async function create(path: string, keyPath: string): Promise<void> {
  const made = createAuthority(authorityName, validity(3650 * day));
  if (await createPrivateFile(keyPath, made.key + made.certificate))
    await writeFile(path, made.certificate, { mode: 0o644 });
}

/** From a little earlier, for clocks that are behind. */
function validity(ms: number): Validity {
  const now = Date.now();
  return { from: new Date(now - 5 * 60_000), to: new Date(now + ms) };
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // Absent or unreadable: it is written anew, and that says what is wrong.
    return null;
  }
}
