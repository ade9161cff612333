// What lies in a folder of manifests, or at the place of a single one, read with care: bounded in number, depth and
// size, no links out of the folder, no pipes or devices. Names that begin with a dot are not looked at; that is how
// Kubernetes lays out mounted ConfigMaps (`web.yaml` links to `..data/web.yaml`) and editors hide their copies.

import { constants } from 'node:fs';
import { lstat, open, readdir, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { maxFileBytes } from './yaml.ts';

export const maxFiles = 10_000;
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
  /** By place. */
  readonly problems: ReadonlyMap<string, FileProblem>;
}

export function isManifest(name: string): boolean {
  return !name.startsWith('.') && /\.(?:ya?ml|json)$/i.test(name);
}

export async function listFolder(root: string): Promise<FolderListing> {
  const files: string[] = [];
  const folders: string[] = [];
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
      problems.set(folder === '' ? '.' : folder, { code: 'FileUnreadable', message: reasonOf(error) });
    }
  }
  if (left > 0) {
    const message = `${left} more files or folders are not read; a folder may hold ${maxFiles} manifests, ${maxDepth} levels deep`;
    problems.set('.', { code: 'FileUnreadable', message });
  }
  return { files: files.toSorted(), folders, problems };
}

export interface FileText {
  readonly text: string;
}

/** The text of a manifest, what is wrong with it, or null when it is gone. */
export async function readManifest(root: string, relative: string): Promise<FileText | FileProblem | null> {
  const absolute = path.join(root, relative);
  let handle: FileHandle | null = null;
  try {
    const real = await realpath(absolute);
    if (!isInside(root, real)) {
      return { code: 'FileUnreadable', message: 'the link leads out of the folder; put the file itself into it' };
    }
    // Without waiting: opening a pipe would block until somebody writes to it.
    handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile()) return { code: 'FileUnreadable', message: 'this is no regular file' };
    if (stat.size > maxFileBytes) return tooLarge(stat.size);
    const bytes = Buffer.alloc(maxFileBytes < stat.size + 1 ? maxFileBytes + 1 : stat.size + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > maxFileBytes) return tooLarge(length);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)) };
  } catch (error) {
    if (error instanceof TypeError) return { code: 'InvalidYaml', message: 'this is not UTF-8 text' };
    if (codeOf(error) !== 'ENOENT') return { code: 'FileUnreadable', message: reasonOf(error) };
    return (await isDangling(absolute)) ? { code: 'FileUnreadable', message: 'the link leads nowhere' } : null;
  } finally {
    await handle?.close();
  }
}

/** What changes whenever the contents may have changed; `` when it is gone. */
export async function signatureOf(absolute: string): Promise<string> {
  try {
    const itself = await lstat(absolute, { bigint: true });
    const real = itself.isSymbolicLink() ? await realpath(absolute) : '';
    const { ino, size, mtimeNs, ctimeNs } = real === '' ? itself : await lstat(real, { bigint: true });
    return `${real} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return (await isDangling(absolute)) ? `unreadable ${codeOf(error)}` : '';
  }
}

function tooLarge(size: number): FileProblem {
  const mib = (size / 1024 / 1024).toFixed(1);
  return {
    code: 'FileTooLarge',
    message: `the file has ${mib} MiB; ${maxFileBytes / 1024 / 1024} MiB are allowed, split it`,
  };
}

async function isDangling(absolute: string): Promise<boolean> {
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
