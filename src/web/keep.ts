/**
 * Keeps the page's files in the browser's database (IndexedDB), so that a run can be resumed when its worker crashed or its page was
 * closed. All changes since the last writing go into one transaction: what is kept is how the files were at one moment.
 */
import { type Entry, entryAt, listen, parentOf, place, placeFolders } from './files.js';

const DATABASE = 'espalier';
const STORE = 'files';
/** Milliseconds that changes are gathered for. */
const RHYTHM = 200;

/** What {@link keepFiles} is told. */
export interface KeepFilesOptions {
  /** Is called once where the browser keeps nothing more, with why: its room is used up, or it is a private window. */
  onLost?: (why: string) => void;
}

let settling: Promise<void> = Promise.resolve();
let flush: (() => Promise<void>) | undefined;

/** Resolves when all changes so far are kept, where files are kept. */
export async function settled(): Promise<void> {
  await flush?.();
}

/**
 * Brings back the files that were kept, and keeps all changes from now on. Of several pages of a site only the first keeps its files.
 * @returns whether files are kept.
 */
export async function keepFiles({ onLost }: KeepFilesOptions = {}): Promise<boolean> {
  if (flush) return true;
  if (!(await isOnlyPage())) return false;
  let database: IDBDatabase;
  try {
    database = await open();
    await restore(database);
  } catch (error) {
    onLost?.((error as Error).message);
    return false;
  }
  const dirty = new Map<string, Entry | undefined>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = listen((path, entry) => {
    dirty.set(path, entry);
    timer ??= setTimeout(() => void flush?.(), RHYTHM);
  });
  flush = () => {
    clearTimeout(timer);
    timer = undefined;
    settling = settling
      .then(() => write(database, dirty))
      .catch((error: Error) => {
        stop();
        flush = undefined;
        onLost?.(error.message);
      });
    return settling;
  };
  return true;
}

/** A page that has just been closed, or is loaded again, gives its lock back only after a moment. */
const PATIENCE_MS = 3000;

/** The first page of a site holds a lock as long as it is there. */
function isOnlyPage(): Promise<boolean> {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return new Promise<void>(() => {});
    };
    locks
      .request('espalier-files', { signal: AbortSignal.timeout(PATIENCE_MS) }, hold)
      .catch(() => resolve(false));
  });
}

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answerOf(request);
}

async function restore(database: IDBDatabase): Promise<void> {
  const store = database.transaction(STORE).objectStore(STORE);
  const [paths, kept] = await Promise.all([
    answerOf(store.getAllKeys() as IDBRequest<string[]>),
    answerOf(store.getAll() as IDBRequest<Entry[]>),
  ]);
  for (const [i, path] of paths.entries()) {
    const { content, time } = kept[i];
    if (content === undefined) placeFolders(path);
    else {
      placeFolders(parentOf(path));
      if (!entryAt(path)) place(path, content, time);
    }
  }
}

async function write(database: IDBDatabase, dirty: Map<string, Entry | undefined>): Promise<void> {
  if (dirty.size === 0) return;
  const transaction = database.transaction(STORE, 'readwrite', { durability: 'strict' });
  const store = transaction.objectStore(STORE);
  for (const [path, entry] of dirty)
    if (entry) store.put(entry, path);
    else store.delete(path);
  dirty.clear();
  await new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    const failed = () => reject(transaction.error ?? new Error('the browser keeps no more files'));
    transaction.onabort = failed;
    transaction.onerror = failed;
  });
}

const answerOf = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
