/**
 * The paths in a recipe. While a run is at work they are absolute. In its folder those of the project that it was started in (the
 * working directory, where both lie in it) are relative to that folder, so that a project that was moved or copied as a whole
 * goes on; a folder that was moved alone still finds them from where it was.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { isUserFile, writeAtomically } from '../base/index.js';
import { learnMoved } from './learn.js';

/** Whether a MODEL means a file rather than a network of the zoo. */
export const isPath = (model: string): boolean => /[\\/]|\.(onnx|espk)$/i.test(model);

/** What --data says where there are none. */
export const WITHOUT_DATA = 'none';

/** 'images:DIR' in its two parts; without the second for data that have no place of their own. */
export function partsOf(data: string): { kind: string; place?: string } {
  const colon = data.indexOf(':');
  const place = data.slice(colon + 1);
  return colon < 0 || place === '' ? { kind: data } : { kind: data.slice(0, colon), place };
}

/** Settings that are paths, or hold one: what becomes of them where paths do. */
const places: Readonly<Record<string, (value: string, move: (path: string) => string) => string>> = {
  model: (model, move) => (isPath(model) ? move(model) : model),
  data(data, move) {
    const { kind, place } = partsOf(data);
    return place === undefined || place.startsWith('~') ? data : `${kind}:${move(place)}`;
  },
  mask: (mask, move) => move(mask),
  method: (method, move) => (isUserFile(method) ? move(method) : method),
  learn: learnMoved,
  teacher: (teacher, move) => (['self', 'none'].includes(teacher) ? teacher : move(teacher)),
};

/** The settings with every path moved. */
export function withPaths<S extends object>(settings: S, move: (path: string) => string): S {
  const moved = Object.entries(settings).map(([name, value]) => [
    name,
    typeof value === 'string' && Object.hasOwn(places, name) ? places[name](value, move) : value,
  ]);
  return Object.fromEntries(moved) as S;
}

/** A recipe as it is kept in a run's folder. */
export const keptIn = <S extends object>(folder: string, recipe: S): S =>
  withPaths(recipe, (path) => {
    const project = process.cwd();
    if (!isWithin(project, folder) || !isWithin(project, path)) return path;
    const way = relative(folder, path).split(sep).join('/');
    return way.startsWith('../') ? way : `./${way}`;
  });

const isWithin = (folder: string, path: string): boolean => {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

/** Where a folder was when its run began. */
const originOf = (folder: string): string => join(folder, 'checkpoint', 'origin.json');

export const keepOrigin = (folder: string): Promise<void> =>
  writeAtomically(originOf(folder), `${JSON.stringify({ path: folder })}\n`);

/** A recipe that was kept in a folder, with absolute paths: from where the folder is, else from where it was. */
export async function takenFrom<S extends object>(folder: string, recipe: S): Promise<S> {
  const here = resolve(folder);
  const there = await readFile(originOf(here), 'utf8').then(
    (text) => (JSON.parse(text) as { path: string }).path,
    () => here,
  );
  return withPaths(recipe, (path) => {
    const [near, far] = [here, there].map((base) => resolve(base, path));
    return existsSync(near) || !existsSync(far) ? near : far;
  });
}
