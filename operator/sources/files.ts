// The file source: a folder of manifests, or one, as objects. Told by the system's watches, and by a slow look at
// everything, because watches miss things (network mounts, links that change elsewhere, too many folders).
//
//   watch ─▶ dirty places ─▶ quiet for 15 ms, 150 ms at most ─▶ read ─▶ table ─▶ events
//   every 5 s ─▶ what has another size or time ───────────────▶ ┘
//
// It judges no fields. Called by the operator's main.

import { lstatSync, watch, type FSWatcher } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { aboutFile, FileTable } from './file-table.ts';
import {
  isManifest,
  listFolder,
  readManifest,
  signatureOf,
  type FileProblem,
  type FolderListing,
  type SignedContents,
} from './manifest-folder.ts';
import type { ObjectEvent, ObjectSource } from './object-event.ts';

export interface FileSourceOptions {
  /** Milliseconds between two looks at everything. */
  readonly pollMs?: number;
  /** Milliseconds without a change before a file is read. */
  readonly quietMs?: number;
}

export function fileSource(place: string, options: FileSourceOptions = {}): ObjectSource {
  return new FileSource(path.resolve(place), options);
}

const mostQuietMs = 150;
/** Files read side by side. */
const atOnce = 32;
/** How long a file that had objects and is empty now counts as half written. */
const emptyMs = 500;

type Listener = (events: readonly ObjectEvent[]) => void;

class FileSource implements ObjectSource {
  private readonly place: string;
  private readonly pollMs: number;
  private readonly quietMs: number;
  private readonly stopped = new AbortController();
  private readonly table = new FileTable();
  private readonly signatures = new Map<string, string>();
  private readonly emptySince = new Map<string, number>();
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly problems = new Map<string, string>();
  private base: Base | null = null;
  private dirty = new Set<string>();
  private everything = false;
  private scanMs = 0;
  private wake: () => void = () => {};
  private running: Promise<void> = Promise.resolve();

  constructor(place: string, options: FileSourceOptions) {
    this.place = place;
    this.pollMs = options.pollMs ?? 5000;
    this.quietMs = options.quietMs ?? 15;
  }

  async start(listener: Listener): Promise<void> {
    listener([...(await this.readEverything()), { type: 'synced' }]);
    this.running = this.run(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopped.abort();
    this.wake();
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
    await this.running;
  }

  private async run(listener: Listener): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      await this.somethingToDo();
      if (signal.aborted) return;
      const events = this.everything ? await this.readEverything() : await this.readDirty();
      if (events.length > 0 && !signal.aborted) listener(events);
    }
  }

  /** Until something is dirty and has been quiet, or it is time to look at everything. */
  private async somethingToDo(): Promise<void> {
    if (this.dirty.size === 0 && !this.everything) {
      // A look at everything costs up to a twentieth of the time, however many files there are.
      const until = this.emptySince.size > 0 ? emptyMs : Math.max(this.pollMs, 20 * this.scanMs);
      if (!(await this.woken(until))) {
        if (this.emptySince.size > 0) this.dirty = new Set(this.emptySince.keys());
        else this.everything = true;
        return;
      }
    }
    const started = performance.now();
    while (await this.woken(this.quietMs)) {
      if (this.stopped.signal.aborted || performance.now() - started > mostQuietMs) return;
    }
  }

  /** True when a watch has told something before `ms` have passed. */
  private async woken(ms: number): Promise<boolean> {
    if (this.stopped.signal.aborted) return true;
    const told = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => told.resolve(false), ms);
    this.wake = () => told.resolve(true);
    const result = await told.promise;
    clearTimeout(timer);
    this.wake = () => {};
    return result;
  }

  private async readDirty(): Promise<ObjectEvent[]> {
    const places = [...this.dirty].toSorted();
    this.dirty = new Set();
    // With the folder gone no file of it was removed: see below.
    if (this.base === null || (await findBase(this.place)) === null) return this.readEverything();
    return this.readFiles(this.base.folder, places);
  }

  private async readEverything(): Promise<ObjectEvent[]> {
    const started = performance.now();
    this.everything = false;
    this.dirty = new Set();
    this.base = await findBase(this.place);
    if (this.base === null) {
      this.watchOnly([path.dirname(this.place)]);
      // A mount that went away, or a deployment between two renames, must not take everything down that is served.
      const kept = this.signatures.size > 0 ? '; what it held before is kept' : '';
      const problem: FileProblem = { code: 'FileUnreadable', message: `it does not exist or cannot be reached${kept}` };
      return this.tellProblems(new Map([[path.basename(this.place), problem]]));
    }
    const { folder, file } = this.base;
    const listing =
      file === null
        ? await listFolder(folder)
        : { files: [file], folders: [folder], unread: [], problems: new Map<string, FileProblem>() };
    // What came into a folder before its watch did would be seen late: look once more.
    if (this.watchOnly(listing.folders)) this.everything = true;
    const events = this.forget(listing);
    const changed: string[] = [];
    for (const one of listing.files) {
      const known = this.signatures.get(one);
      if (known === undefined || known !== (await signatureOf(path.join(folder, one)))) changed.push(one);
    }
    events.push(...(await this.readFiles(folder, changed)), ...this.tellProblems(listing.problems));
    this.scanMs = performance.now() - started;
    return events;
  }

  private async readFiles(folder: string, places: readonly string[]): Promise<ObjectEvent[]> {
    const events: ObjectEvent[] = [];
    for (let from = 0; from < places.length && !this.stopped.signal.aborted; from += atOnce) {
      const some = places.slice(from, from + atOnce);
      const read = await Promise.all(some.map((place) => readManifest(folder, place)));
      for (const [index, place] of some.entries()) events.push(...this.take(place, read[index] as SignedContents));
    }
    return events;
  }

  private take(place: string, { signature, contents }: SignedContents): ObjectEvent[] {
    if (contents !== null && 'text' in contents && contents.text === '' && this.table.states(place)) {
      // Many editors empty a file and then write it. Only what stays empty is empty.
      const since = this.emptySince.get(place) ?? performance.now();
      this.emptySince.set(place, since);
      if (performance.now() - since < emptyMs * 0.9) return [];
    }
    this.emptySince.delete(place);
    if (contents === null) this.signatures.delete(place);
    else this.signatures.set(place, signature);
    return this.table.update(place, contents);
  }

  /** Files that are not there any more. */
  private forget({ files, unread }: Pick<FolderListing, 'files' | 'unread'>): ObjectEvent[] {
    const present = new Set(files);
    const hidden = (place: string): boolean =>
      unread.some((folder) => folder === '' || place.startsWith(`${folder}${path.sep}`));
    const gone = [...this.table.places].filter((place) => !present.has(place) && !hidden(place));
    for (const place of gone) {
      this.signatures.delete(place);
      this.emptySince.delete(place);
    }
    return gone.flatMap((place) => this.table.update(place, null));
  }

  /** Findings about places that are no manifests. */
  private tellProblems(problems: ReadonlyMap<string, FileProblem>): ObjectEvent[] {
    const events: ObjectEvent[] = [];
    for (const place of this.problems.keys()) {
      if (problems.has(place)) continue;
      this.problems.delete(place);
      events.push({ type: 'diagnostics', place, diagnostics: [] });
    }
    for (const [place, problem] of problems) {
      if (this.problems.get(place) === problem.message) continue;
      this.problems.set(place, problem.message);
      events.push({ type: 'diagnostics', place, diagnostics: [aboutFile(place, problem)] });
    }
    return events;
  }

  /** Returns whether a folder is watched that was not before. */
  private watchOnly(folders: readonly string[]): boolean {
    const wanted = new Set(folders);
    for (const folder of this.watchers.keys()) if (!wanted.has(folder)) this.unwatch(folder);
    let more = false;
    for (const folder of wanted) {
      if (this.watchers.has(folder) || this.stopped.signal.aborted) continue;
      try {
        const watcher = watch(folder, (_event, name) => this.mark(folder, name));
        watcher.on('error', () => this.unwatch(folder));
        this.watchers.set(folder, watcher);
        more = true;
      } catch {
        // No watch to be had (their number is limited): the slow look finds the changes.
      }
    }
    return more;
  }

  private unwatch(folder: string): void {
    this.watchers.get(folder)?.close();
    this.watchers.delete(folder);
  }

  private mark(folder: string, name: string | null): void {
    const place = name === null ? null : this.dirtyPlace(folder, name);
    if (place === undefined) return;
    if (place === null) this.everything = true;
    else this.dirty.add(place);
    this.wake();
  }

  /** The manifest that an event is about, null when it may be about more, undefined when it concerns nobody. */
  private dirtyPlace(folder: string, name: string): string | null | undefined {
    if (this.base === null) return name === path.basename(this.place) ? null : undefined;
    if (this.base.file !== null) return name === this.base.file ? name : undefined;
    // Hidden names change nothing, but for the `..data` link of a mounted ConfigMap, which changes everything.
    if (name.startsWith('.')) return name.startsWith('..') ? null : undefined;
    const absolute = path.join(folder, name);
    const stat = lstatSync(absolute, { throwIfNoEntry: false });
    if (this.watchers.has(absolute) || stat?.isDirectory() === true) return null;
    if (isManifest(name)) return path.relative(this.base.folder, absolute);
    return stat?.isSymbolicLink() === true ? null : undefined;
  }
}

interface Base {
  readonly folder: string;
  /** The file's name when the place is a single file. */
  readonly file: string | null;
}

async function findBase(place: string): Promise<Base | null> {
  try {
    const real = await realpath(place);
    if ((await lstat(real)).isDirectory()) return { folder: real, file: null };
    return { folder: path.dirname(real), file: path.basename(real) };
  } catch {
    return null; // the caller tells it as a finding and looks again later
  }
}
