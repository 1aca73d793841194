/** Which files in a folder are pictures that can be decoded, and what to say of the others. */
import { extname } from 'node:path';
import { canDecode, type PictureFormat } from './picture.js';

/** What the library that decodes calls the kind of a picture, by the end of its file's name. */
const FORMATS: ReadonlyMap<string, PictureFormat> = new Map([
  ['.png', 'png'],
  ['.jpg', 'jpeg'],
  ['.jpeg', 'jpeg'],
  ['.webp', 'webp'],
  ['.gif', 'gif'],
  ['.tif', 'tiff'],
  ['.tiff', 'tiff'],
  ['.avif', 'heif'],
]);

/** What every build of it decodes; whether it decodes the others is asked where there are any. */
const ALWAYS: readonly string[] = ['png', 'jpeg', 'webp'];

/** Other pictures. */
const UNDECODED = ['.bmp', '.heic', '.heif', '.ico', '.jp2', '.jxl', '.pcx', '.ppm', '.psd', '.svg', '.tga'];

/** How many files of each kind are left out, by the ends of their names. */
export type LeftOut = Map<string, number>;

/** The names of pictures that can be decoded; the others are added to `leftOut`. */
export async function decodable(names: readonly string[], leftOut: LeftOut): Promise<string[]> {
  const kindOf = (name: string) => extname(name).toLowerCase();
  const kinds = new Map<string, boolean>();
  for (const kind of new Set(names.map(kindOf))) kinds.set(kind, await isDecoded(kind));
  return names.filter((name) => {
    const kind = kindOf(name);
    if (!kinds.get(kind)) leftOut.set(kind, (leftOut.get(kind) ?? 0) + 1);
    return kinds.get(kind);
  });
}

async function isDecoded(kind: string): Promise<boolean> {
  const format = FORMATS.get(kind);
  if (!format || ALWAYS.includes(format)) return format !== undefined;
  return canDecode(format);
}

/** A sentence on pictures that cannot be decoded, and one on files that are no pictures; none where there are none. */
export function notesOn(leftOut: LeftOut, folder: string): string[] {
  const kinds = [...leftOut].sort(([a], [b]) => (a < b ? -1 : 1));
  const pictures = kinds.filter(([kind]) => isKindOfPicture(kind));
  const others = kinds.filter(([kind]) => !isKindOfPicture(kind));
  return [
    ...(pictures.length > 0
      ? [
          `Pictures left out of ${folder}: ${listed(pictures)}, which cannot be decoded here; convert them to PNG to use them.`,
        ]
      : []),
    ...(others.length > 0 ? [`Left out of ${folder}, as no pictures: ${listed(others)}.`] : []),
  ];
}

/** Whether a file is a picture by the end of its name. */
export const isPicture = (name: string): boolean => isKindOfPicture(extname(name).toLowerCase());

const isKindOfPicture = (kind: string): boolean => FORMATS.has(kind) || UNDECODED.includes(kind);

const listed = (kinds: readonly [string, number][]): string =>
  kinds.map(([kind, count]) => `${count} ${kind || 'without an ending'}`).join(', ');
