/**
 * The folder of a run: recipe.json, metrics.jsonl, checkpoint/, mask.json, model.onnx, summary.json, report.html.
 *
 * What is there at any moment is enough to go on from: the recipe is written first, the model that training starts from
 * is kept beside the checkpoint, and the metrics follow the checkpoint when a run is resumed.
 */
import { appendFile, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fail } from '../base/errors.js';
import { makeFolder, reason, writeAtomically } from '../base/files.js';
import type { Recipe } from './recipe.js';
import type { Summary } from './summary.js';

export interface RunFolder {
  /** Absolute. */
  readonly path: string;
  readonly recipe: string;
  readonly metrics: string;
  /** The network before the first step. */
  readonly start: string;
  readonly checkpoint: string;
  /** Folders of the stages of a run that has several. */
  readonly stages: string;
  /** Which channels are kept, where some are removed. */
  readonly mask: string;
  readonly model: string;
  /** What Netron shows beside the model. */
  readonly netron: string;
  readonly summary: string;
  /** The summary of a run whose model did not pass its check. */
  readonly uncheckedSummary: string;
  readonly report: string;
}

/** Where things are in a run's folder. */
export function runFolder(path: string): RunFolder {
  const at = (...names: string[]) => join(resolve(path), ...names);
  return {
    path: at(),
    recipe: at('recipe.json'),
    metrics: at('metrics.jsonl'),
    start: at('checkpoint', 'start.onnx'),
    checkpoint: at('checkpoint', 'state.bin'),
    stages: at('checkpoint'),
    mask: at('mask.json'),
    model: at('model.onnx'),
    netron: at('model.netron.json'),
    summary: at('summary.json'),
    uncheckedSummary: at('summary.unchecked.json'),
    report: at('report.html'),
  };
}

/** @throws UserError when there is something in the folder already, or it cannot be looked into. */
export async function refuseOccupied(path: string): Promise<void> {
  const names = await readdir(path).catch((error): string[] => {
    if (error.code === 'ENOENT') return [];
    return fail(`Cannot use ${path} for a run: ${reason(error)}; give another folder.`);
  });
  if (names.includes('recipe.json'))
    fail(`${path} holds a run already: go on with 'espalier resume ${path}', or give another folder.`);
  if (names.length > 0) fail(`The folder ${path} is not empty; give another one for the run.`);
}

/** Makes the folder of a new run and writes its recipe. @throws UserError when it is occupied or cannot be written. */
export async function createRun(path: string, recipe: Recipe): Promise<RunFolder> {
  await refuseOccupied(path);
  const folder = runFolder(path);
  await makeFolder(dirname(folder.checkpoint)).catch((error) =>
    fail(`Cannot make the folder ${path}: ${reason(error)}; give another one.`),
  );
  await writeJson(folder.recipe, recipe);
  return folder;
}

/** Takes away what {@link createRun} made: the run never began. */
export async function emptyRun({ recipe, metrics, mask, checkpoint }: RunFolder): Promise<void> {
  for (const path of [recipe, metrics, mask, dirname(checkpoint)])
    await rm(path, { recursive: true, force: true });
}

/** Takes away files that were being written when a run was killed. */
export async function sweepRun({ path }: RunFolder): Promise<void> {
  for (const name of await readdir(path, { recursive: true }).catch((): string[] => []))
    if (/\.(partial|unchecked)-\d+/.test(name)) await rm(join(path, name), { force: true });
}

/** Opens the folder of a run that has begun. @throws UserError when it is not one. */
export async function openRun(
  path: string,
): Promise<{ folder: RunFolder; recipe: Recipe; summary?: Summary }> {
  const folder = runFolder(path);
  const recipe = (await readJson(folder.recipe)) as Recipe | undefined;
  if (!recipe)
    return fail(
      `${path} is not the folder of a run: it has no recipe.json; give the folder named with --out.`,
    );
  if (!['train', 'prune'].includes(recipe.command))
    fail(`${folder.recipe} is not the recipe of a run: its command is neither train nor prune.`);
  return { folder, recipe, summary: (await readJson(folder.summary)) as Summary | undefined };
}

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`);

/** A file of JSON, undefined where there is none. @throws UserError when it cannot be read. */
export async function readJson(path: string): Promise<object | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return fail(`Cannot read ${path}: ${error instanceof SyntaxError ? 'it is damaged' : reason(error)}.`);
  }
}

/** Adds a line to a file of JSON lines. @throws UserError when it cannot be written. */
export async function appendLine(path: string, line: object): Promise<void> {
  await appendFile(path, `${JSON.stringify(line)}\n`).catch((error) =>
    fail(`Cannot write ${path}: ${reason(error)}; free some room, then resume the run.`),
  );
}
