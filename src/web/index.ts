/**
 * What a page does beside the library, as `import … from 'espalier/page'`: it puts files where the library reads them, and takes
 * what the library has written.
 *
 * ```js
 * import { openDataset, readModel, startRun } from 'espalier';
 * import { getFile, keepFiles, putFile, putFiles } from 'espalier/page';
 *
 * await putFile('/model.onnx', droppedFile);
 * await putFiles('/pictures', folderInput.files);
 * const model = await readModel('/model.onnx');
 * const data = await openDataset('images:/pictures');
 * ```
 *
 * @module espalier/page
 */
import {
  below,
  bytesAt,
  type Content,
  entryAt,
  isFolder,
  parentOf,
  place,
  placeFolders,
  removeAll,
} from './files.js';
import { settled } from './keep.js';

export { type KeepFilesOptions, keepFiles } from './keep.js';
export { useOnnxruntime } from './onnxruntime.js';

/** Puts a file at an absolute path, making the folders above it. Pictures and data may be dropped Files: they are read when they are needed. */
export async function putFile(path: string, content: Blob | Uint8Array | string): Promise<void> {
  placeFolders(parentOf(path));
  place(path, await contentOf(content));
  await settled();
}

/**
 * Puts files below a folder: those of an `<input type="file" webkitdirectory>` where they were in the folder that was chosen, others
 * side by side.
 */
export async function putFiles(folder: string, files: Iterable<File>): Promise<void> {
  for (const file of files) {
    const [, ...inner] = file.webkitRelativePath.split('/');
    const path = `${folder}/${inner.length > 0 ? inner.join('/') : file.name}`;
    placeFolders(parentOf(path));
    place(path, file, file.lastModified);
  }
  await settled();
}

/** The bytes of a file; undefined where there is none. */
export async function getFile(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const entry = entryAt(path);
  return entry && !isFolder(entry) ? bytesAt(path) : undefined;
}

/** Paths of all files below a folder, sorted. */
export const listFiles = (folder = '/'): string[] =>
  [...below(folder)].filter((path) => !isFolder(entryAt(path)!)).sort();

/** Takes a file away, or a folder with all that is in it. */
export async function removeFiles(path: string): Promise<void> {
  removeAll(path);
  await settled();
}

const contentOf = async (given: Blob | Uint8Array | string): Promise<Content> => {
  if (given instanceof Blob) return given;
  return typeof given === 'string' ? new TextEncoder().encode(given) : new Uint8Array(given);
};
