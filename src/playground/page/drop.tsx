/** A place to drop files on, with a button for whoever does not drag. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export interface Dropped {
  /** Below the folder that was dropped or chosen. */
  path: string;
  file: File;
}

interface Props {
  label: string;
  accept?: string;
  several?: boolean;
  /** Whole folders can be chosen, too. */
  folders?: boolean;
  take(files: Dropped[]): void;
  children?: ComponentChildren;
}

export function Drop({ label, accept, several, folders, take, children }: Props) {
  const [over, setOver] = useState(false);
  const chosen = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    const files = [...(currentTarget.files ?? [])].map((file) => ({ file, path: pathOf(file) }));
    if (files.length > 0) take(files);
    currentTarget.value = '';
  };
  return (
    <div
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void filesIn(event.dataTransfer!).then((files) => files.length > 0 && take(files));
      }}
    >
      <label>
        {label}
        <input type="file" accept={accept} multiple={several} onChange={chosen} />
      </label>
      {folders && (
        <label>
          or a folder with a folder for each class
          <input type="file" ref={(input) => input?.setAttribute('webkitdirectory', '')} onChange={chosen} />
        </label>
      )}
      {children}
    </div>
  );
}

/** 'photos/cat/1.jpg' → 'cat/1.jpg' */
function pathOf({ webkitRelativePath, name }: File): string {
  const [, ...inner] = webkitRelativePath.split('/');
  return inner.join('/') || name;
}

/** All files that were dropped, those in folders too. */
async function filesIn({ items, files }: DataTransfer): Promise<Dropped[]> {
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...files].map((file) => ({ file, path: file.name }));
  const [first] = entries;
  // Of a single folder, what is in it counts.
  if (entries.length === 1 && first.isDirectory) return below(first as FileSystemDirectoryEntry, '');
  return (await Promise.all(entries.map((entry) => all(entry, '')))).flat();
}

async function all(entry: FileSystemEntry, folder: string): Promise<Dropped[]> {
  if (entry.isDirectory) return below(entry as FileSystemDirectoryEntry, `${folder}${entry.name}/`);
  const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
  return [{ file, path: `${folder}${entry.name}` }];
}

async function below(folder: FileSystemDirectoryEntry, path: string): Promise<Dropped[]> {
  const reader = folder.createReader();
  const found: Dropped[] = [];
  // A reader gives a part at a time, and none at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) return found;
    for (const entry of entries) found.push(...(await all(entry, path)));
  }
}
