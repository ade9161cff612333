// Files that only this user may read: keys and tokens. Created with that mode in one step, so that there is no moment
// in which another user could open them, and refused when someone has loosened it.

import { open, readFile, stat } from 'node:fs/promises';

export class LooseFileError extends Error {}

/** Content of the file, or null when there is none. */
export async function readPrivateFile(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw new LooseFileError(`${path} can be read by others (mode ${octal}); run: chmod 600 ${path}`);
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Creates the file. False when another process was first. */
export async function createPrivateFile(path: string, content: string): Promise<boolean> {
  try {
    await using file = await open(path, 'wx', 0o600);
    await file.writeFile(content);
    await file.sync();
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
