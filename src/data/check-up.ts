/**
 * The check-up of picture files before anything is done with them: every one is decoded once, as it will be later, so that no run ends
 * hours in at a file that was cut short. Heads are read first: they say the sizes.
 *
 * Pictures that were found whole are remembered, by their path, size and time, by which a change of the file is noticed: where there are many, in a
 * file, otherwise in this process, which may open the same folder again.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { writeAtomically } from '../base/index.js';
import { pixelsOfPicture, sizeOfPicture, whyBroken } from './picture.js';
import type { Image } from './pictures/image.js';
import { cacheDirectory } from './source.js';

/** Pictures that are looked at together. */
const AT_A_TIME = 8;

/** Fewer pictures are decoded again sooner than it would be worth a file. */
const WORTH_A_FILE = 1000;

/** Pictures of smaller folders. */
const seen = new Map<string, ReadonlyMap<string, Whole>>();

/** Bytes of decoded pictures that are kept, so that small ones are decoded once and not in every epoch. */
const MOST_KEPT = 2 ** 28;

export interface Broken {
  /** Relative to the folder that is looked at. */
  readonly file: string;
  readonly why: string;
}

/** A picture whose head could be read. */
export interface PictureHead {
  readonly file: string;
  readonly height: number;
  readonly width: number;
  readonly bytes: number;
  readonly time: number;
  /** It was found whole before. */
  readonly known: boolean;
}

export type OnProgress = (done: number, all: number) => void;

/** The sizes of all pictures, and which files have no head of a picture. */
export async function readHeads(
  root: string,
  files: readonly string[],
): Promise<{ heads: Map<string, PictureHead>; broken: Broken[] }> {
  const known = files.length >= WORTH_A_FILE ? await remembered(root) : (seen.get(root) ?? new Map());
  const heads = new Map<string, PictureHead>();
  const broken = await eachOf(root, files, async (file) => {
    const { size: bytes, mtimeMs: time } = await stat(file).catch(() => ({ size: 1, mtimeMs: 0 }));
    const [height, width, ...was] = known.get(relative(root, file)) ?? [];
    if (was[0] === bytes && was[1] === time && height && width) {
      heads.set(file, { file, height, width, bytes, time, known: true });
      return undefined;
    }
    return sizeOfPicture(file).then(
      ([h, w]) => {
        heads.set(file, { ...{ file, bytes, time }, height: h, width: w, known: false });
        return undefined;
      },
      (error) => whyBroken(error, bytes),
    );
  });
  return { heads, broken };
}

/** Pictures by their files; those that have been decoded are kept while there is room. */
export interface Store {
  at(file: string): Promise<Image>;
}

/** Decodes pictures to a shorter side of at most `limit`. */
export function openStore(limit: number, most = MOST_KEPT): Store {
  const kept = new Map<string, Image>();
  let bytes = 0;
  return {
    async at(file) {
      const found = kept.get(file);
      if (found) return found;
      const image = await pixelsOfPicture(file, limit);
      if (bytes + image.data.length <= most && !kept.has(file)) {
        bytes += image.data.length;
        kept.set(file, image);
      }
      return image;
    },
  };
}

/** Decodes all pictures that are not known to be whole; which are not. */
export async function decodeAll(
  root: string,
  heads: ReadonlyMap<string, PictureHead>,
  { store, onProgress }: { store: Store; onProgress?: OnProgress },
): Promise<Broken[]> {
  const open = [...heads.values()].filter(({ known }) => !known).map(({ file }) => file);
  let done = 0;
  const broken = await eachOf(root, open, async (file) => {
    const why = await store.at(file).then(
      () => undefined,
      (error) => whyBroken(error, heads.get(file)!.bytes),
    );
    onProgress?.(++done, open.length);
    return why;
  });
  if (open.length > 0) await remember(root, wholeAmong(root, heads, broken));
  return broken;
}

/** Looks at several files at a time; the broken ones come in the order of the files. */
async function eachOf(
  root: string,
  files: readonly string[],
  look: (file: string) => Promise<string | undefined>,
): Promise<Broken[]> {
  const found = new Array<string | undefined>(files.length);
  let taken = 0;
  const lane = async () => {
    while (taken < files.length) {
      const i = taken++;
      found[i] = await look(files[i]);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return files.flatMap((file, i) => {
    const why = found[i];
    return why === undefined ? [] : [{ file: relative(root, file), why }];
  });
}

/** Height, width, bytes and time of a picture that was whole. */
type Whole = readonly [height: number, width: number, bytes: number, time: number];

const memoryOf = (root: string): string =>
  join(cacheDirectory('pictures'), `${createHash('sha256').update(root).digest('hex').slice(0, 32)}.json`);

/** Nothing where nothing sound is there: then all pictures are looked at. */
async function remembered(root: string): Promise<Map<string, Whole>> {
  try {
    const { version, whole } = JSON.parse(await readFile(memoryOf(root), 'utf8'));
    return version === 1 ? new Map(whole) : new Map();
  } catch {
    return new Map();
  }
}

function wholeAmong(
  root: string,
  heads: ReadonlyMap<string, PictureHead>,
  broken: readonly Broken[],
): Map<string, Whole> {
  const bad = new Set(broken.map(({ file }) => file));
  const all = [...heads.values()].map(({ file, height, width, bytes, time }): [string, Whole] => [
    relative(root, file),
    [height, width, bytes, time],
  ]);
  return new Map(all.filter(([file]) => !bad.has(file)));
}

/** A file that cannot be written costs a later run time, and this one nothing. */
async function remember(root: string, whole: ReadonlyMap<string, Whole>): Promise<void> {
  if (whole.size < WORTH_A_FILE) {
    seen.set(root, whole);
    return;
  }
  await mkdir(cacheDirectory('pictures'), { recursive: true })
    .then(() => writeAtomically(memoryOf(root), JSON.stringify({ version: 1, whole: [...whole] })))
    .catch(() => {});
}
