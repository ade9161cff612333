// What lies in a folder of manifests, or at the place of a single one, read with care: bounded in number, depth and
// size, no links out of the folder, no pipes or devices. Names that begin with a dot are not looked at; that is how
// Kubernetes lays out mounted ConfigMaps (`web.yaml` links to `..data/web.yaml`) and editors hide their copies.

import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { maxFileBytes } from './yaml.ts';

export const maxFiles = 50_000;
const maxDepth = 32;

export interface FileProblem {
  readonly code: 'FileUnreadable' | 'FileTooLarge' | 'InvalidYaml';
  readonly message: string;
}

export interface FolderListing {
  /** Relative to the root, sorted. */
  readonly files: readonly string[];
  /** Absolute. */
  readonly folders: readonly string[];
  /** Relative, `` = the root. Nobody knows what is in them now, so what was there before is not gone. */
  readonly unread: readonly string[];
  /** By place. */
  readonly problems: ReadonlyMap<string, FileProblem>;
}

export function isManifest(name: string): boolean {
  return !name.startsWith('.') && /\.(?:ya?ml|json)$/i.test(name);
}

export async function listFolder(root: string): Promise<FolderListing> {
  const files: string[] = [];
  const folders: string[] = [];
  const unread: string[] = [];
  const problems = new Map<string, FileProblem>();
  const waiting: string[] = [''];
  let left = 0;
  for (let folder = waiting.shift(); folder !== undefined; folder = waiting.shift()) {
    const absolute = path.join(root, folder);
    try {
      folders.push(absolute);
      // In order, so that the bound cuts at the same place every time.
      const entries = (await readdir(absolute, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      for (const entry of entries) {
        const relative = path.join(folder, entry.name);
        if (entry.name.startsWith('.')) continue;
        if (entry.isDirectory()) {
          if (relative.split(path.sep).length >= maxDepth || waiting.length >= maxFiles) left++;
          else waiting.push(relative);
        } else if (isManifest(entry.name)) {
          if (files.length < maxFiles) files.push(relative);
          else left++;
        } else if (entry.isSymbolicLink() && !(await leadsInside(root, path.join(absolute, entry.name)))) {
          problems.set(relative, {
            code: 'FileUnreadable',
            message: 'the link leads out of the folder; it is not followed',
          });
        }
      }
    } catch (error) {
      if (folder === '' || codeOf(error) !== 'ENOENT') unread.push(folder);
      problems.set(folder === '' ? '.' : folder, { code: 'FileUnreadable', message: reasonOf(error) });
    }
  }
  if (left > 0) {
    const message = `${left} more files or folders are not read; a folder may hold ${maxFiles} manifests, ${maxDepth} levels deep`;
    problems.set('.', { code: 'FileUnreadable', message });
  }
  return { files: files.toSorted(), folders, unread, problems };
}

export interface FileText {
  readonly text: string;
}

export interface SignedContents {
  /** Changes whenever the contents may have changed. */
  readonly signature: string;
  /** The text, what is wrong with it, or null when the file is gone. */
  readonly contents: FileText | FileProblem | null;
}

/** The signature is taken before the text: a change in between is seen as one later. */
export async function readManifest(root: string, relative: string): Promise<SignedContents> {
  const absolute = path.join(root, relative);
  let signature = '';
  try {
    const itself = await lstat(absolute, { bigint: true });
    const real = itself.isSymbolicLink() ? await realpath(absolute) : '';
    signature = signed(real, real === '' ? itself : await lstat(real, { bigint: true }));
    if (real !== '' && !isInside(root, real)) {
      const message = 'the link leads out of the folder; put the file itself into it';
      return { signature, contents: { code: 'FileUnreadable', message } };
    }
    return { signature, contents: await readText(real === '' ? absolute : real) };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT')
      return { signature, contents: { code: 'FileUnreadable', message: reasonOf(error) } };
    const dangling = await isThere(absolute);
    return { signature, contents: dangling ? { code: 'FileUnreadable', message: 'the link leads nowhere' } : null };
  }
}

async function readText(real: string): Promise<FileText | FileProblem> {
  // Without waiting, because opening a pipe would block until somebody writes to it; and no link any more.
  const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) return { code: 'FileUnreadable', message: 'this is no regular file' };
    if (stat.size > maxFileBytes) return tooLarge(stat.size);
    const bytes = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { text: utf8.decode(bytes.subarray(0, length)) };
  } catch (error) {
    if (error instanceof TypeError) return { code: 'InvalidYaml', message: 'this is not UTF-8 text' };
    throw error;
  } finally {
    await handle.close();
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** As readManifest gives it; `` when the file is gone or cannot be looked at. */
export async function signatureOf(absolute: string): Promise<string> {
  try {
    const itself = await lstat(absolute, { bigint: true });
    const real = itself.isSymbolicLink() ? await realpath(absolute) : '';
    return signed(real, real === '' ? itself : await lstat(real, { bigint: true }));
  } catch {
    return ''; // reading it says why
  }
}

function signed(real: string, { ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${real} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

function tooLarge(size: number): FileProblem {
  const mib = (size / 1024 / 1024).toFixed(1);
  return {
    code: 'FileTooLarge',
    message: `the file has ${mib} MiB; ${maxFileBytes / 1024 / 1024} MiB are allowed, split it`,
  };
}

async function isThere(absolute: string): Promise<boolean> {
  try {
    await lstat(absolute);
    return true;
  } catch {
    return false; // gone, or its folder is
  }
}

async function leadsInside(root: string, link: string): Promise<boolean> {
  try {
    return isInside(root, await realpath(link));
  } catch {
    return true; // a dangling link that is no manifest concerns nobody
  }
}

function isInside(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'the process may not read it',
    EPERM: 'the process may not read it',
    ELOOP: 'its links go in circles',
    ENXIO: 'this is no regular file',
    EISDIR: 'this is a folder',
    ENOENT: 'it does not exist',
  };
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}
