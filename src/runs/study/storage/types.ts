/** A store: objects under keys, in a bucket that every machine reaches. What stands there of a run is said by its manifest alone. */
import type { Holder } from '../../../base/index.js';

/** An object as it was read. */
export interface StoredObject {
  bytes: Uint8Array;
  /** Names this content of the object. */
  etag: string;
  /** Milliseconds since it was written, by the clock of the store. */
  age: number;
}

/** When something is written: only where there is nothing yet, or only over this content. */
export type Condition = 'absent' | { etag: string };

/** Objects under keys. Every call waits for a store that is away, as long as its owner has patience. */
export interface Store {
  /** For people: `s3://BUCKET/PREFIX`. */
  address: string;
  /** Undefined where there is none. */
  read(key: string, size?: number): Promise<StoredObject | undefined>;
  /** The new content's etag; undefined where the condition did not hold and nothing was written. */
  write(key: string, bytes: Uint8Array, condition?: Condition): Promise<string | undefined>;
  remove(key: string): Promise<void>;
  /** The etags of all objects whose keys begin with `prefix`, by key. */
  list(prefix: string): Promise<Map<string, string>>;
}

/** Where the objects of a run are: the same on every machine. */
export interface StoredPlace {
  /** `s3://BUCKET/PREFIX`. */
  url: string;
  /** Name of the study's folder. */
  study: string;
  /** Folder of the run within, with '/' between names. */
  run: string;
}

/** A file of a run, whose bytes are an object of their own that never changes. */
export interface StoredFile {
  /** Last part of the object's key; no two writers, and no two writes, use the same. */
  id: string;
  sha256: string;
  size: number;
}

/**
 * What a run's folder held at one moment, and who is at work on it. It is only ever written over the content that its writer has read, so
 * a writer that has lost the run to another one finds out, and changes nothing.
 */
export interface Manifest {
  /** Absent while nobody is at work. The beat is counted up, to show that it still is. */
  holder?: Holder & { beat: number };
  /** By path within the folder, with '/' between names. */
  files: Record<string, StoredFile>;
}

export const manifestKey = ({ study, run }: Pick<StoredPlace, 'study' | 'run'>): string =>
  `${study}/runs/${run}.json`;

export const fileKey = ({ study, run }: StoredPlace, name: string, { id }: Pick<StoredFile, 'id'>): string =>
  `${study}/files/${run}/${name}/${id}`;

export const textOf = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

export const manifestIn = ({ bytes }: StoredObject): Manifest => JSON.parse(new TextDecoder().decode(bytes));
