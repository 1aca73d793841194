/**
 * A run's folder as it changes, copied to a store: each time as it stood at one moment, so that whoever goes on from there finds what a kill
 * at that moment would have left.
 *
 * What is written while the last moment is still on its way is taken together. The run waits only while files are read, not while they travel; a
 * store that is away is caught up with later.
 */
import type { Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { digestOfAll, keep } from '../../../base/index.js';
import type { Lease } from './lease.js';
import { fileKey, type Manifest, type Store, type StoredFile, type StoredPlace } from './types.js';

/** What is not of the run but of who is at work on it: locks, and files that are not whole. */
const PASSING = /(^|\/)run\.lock|\.partial(-[\w-]+)?$|\.unchecked-\d+$/;

/** Milliseconds between two moments that are copied, where a run writes faster. */
const REST_MS = 250;

/** All files of a run, by their paths within its folder with '/' between names. */
export async function filesOf(path: string): Promise<Map<string, Stats>> {
  const names = await readdir(path, { recursive: true }).catch((): string[] => []);
  const found = new Map<string, Stats>();
  for (const name of names.map((one) => one.split(sep).join('/')).sort()) {
    const facts = PASSING.test(name) ? undefined : await stat(join(path, name)).catch(() => undefined);
    if (facts?.isFile()) found.set(name, facts);
  }
  return found;
}

export const sha256 = (bytes: Uint8Array): string => digestOfAll([bytes]);

export interface Mirror {
  /** Copies what is there now, and stops. @throws what has made the copying stop. */
  end(): Promise<void>;
}

/** Copies a folder from now on, whatever the store had of it before. */
export function mirror(store: Store, lease: Lease, place: StoredPlace, path: string): Mirror {
  const known = new Map<string, { sign: string; sha256: string }>();
  let [writes, isDirty, isOver] = [0, true, false];
  let wake = () => {};
  let reading: Promise<unknown> = Promise.resolve();
  const letGo = keep(path, {
    async beforeWrite() {
      await reading;
      lease.check();
    },
    afterWrite() {
      isDirty = true;
      wake();
    },
  });

  /** What has changed is read, and the rest known, while nothing is written. */
  async function moment(): Promise<Map<string, { sha256: string; bytes?: Uint8Array }>> {
    const found = new Map<string, { sha256: string; bytes?: Uint8Array }>();
    for (const [name, facts] of await filesOf(path)) {
      const sign = `${facts.ino} ${facts.size} ${facts.mtimeMs}`;
      const before = known.get(name);
      if (before?.sign === sign && lease.files[name]?.sha256 === before.sha256) {
        found.set(name, { sha256: before.sha256 });
        continue;
      }
      const bytes = await readFile(join(path, name)).catch(() => undefined);
      if (!bytes) continue;
      const own = sha256(bytes);
      known.set(name, { sign, sha256: own });
      found.set(name, { sha256: own, bytes });
    }
    return found;
  }

  async function copy(): Promise<void> {
    isDirty = false;
    const read = moment();
    reading = read.catch(() => {});
    const before = lease.files;
    const after: Manifest['files'] = {};
    for (const [name, { sha256, bytes }] of await read) {
      const there = Object.hasOwn(before, name) ? before[name] : undefined;
      if (there?.sha256 === sha256) after[name] = there;
      else after[name] = await upload(name, bytes!, sha256);
    }
    if (isSame(before, after)) return;
    await lease.commit(after);
    for (const [name, file] of Object.entries(before))
      if (after[name]?.id !== file.id) await store.remove(fileKey(place, name, file)).catch(() => {}); // it only takes room
  }

  async function upload(name: string, bytes: Uint8Array, sha256: string): Promise<StoredFile> {
    lease.check();
    const file = { id: `${lease.token.slice(0, 8)}-${++writes}`, sha256, size: bytes.length };
    await store.write(fileKey(place, name, file), bytes);
    return file;
  }

  async function copying(): Promise<void> {
    for (;;) {
      if (isDirty) await copy();
      else if (isOver) return;
      else
        await new Promise<void>((go) => {
          wake = go;
        });
      if (!isOver) await Promise.race([wait(REST_MS), over]);
    }
  }

  let finish = () => {};
  const over = new Promise<void>((go) => {
    finish = go;
  });
  const work = copying();
  work.catch(lease.stop);
  return {
    async end() {
      [isDirty, isOver] = [true, true];
      wake();
      finish();
      await work.finally(letGo);
    },
  };
}

const isSame = (a: Manifest['files'], b: Manifest['files']): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, { id }]) => Object.hasOwn(b, name) && b[name].id === id);
