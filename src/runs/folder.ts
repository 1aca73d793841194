/**
 * The folder of a run: recipe.json, metrics.jsonl, checkpoint/, mask.json, model.onnx, summary.json, report.html.
 *
 * What is there at any moment is enough to go on from: the recipe is written first, the model that training starts from
 * is kept beside the checkpoint, and the metrics follow the checkpoint when a run is resumed. Before there is a recipe nothing
 * has begun, and the folder is as good as empty. While a process is at work on the run it has a claim to the folder.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  appendTo,
  askKeepers,
  claim,
  digestOfUserFiles,
  fail,
  isUserFile,
  makeFolder,
  reason,
  UserError,
  writeAtomically,
} from '../base/index.js';
import { filesToLearn } from './learn.js';
import { keepOrigin, keptIn, takenFrom } from './paths.js';
import type { Recipe } from './recipe.js';
import type { MetricsLine, Summary } from './summary.js';

/** Paths of the files in the folder of a run. */
export interface RunFolder {
  /** Absolute. */
  readonly path: string;
  /** The complete recipe of the run. */
  readonly recipe: string;
  /** There while a process is at work. */
  readonly lock: string;
  /** Figures of each epoch and of each mask update, a line of JSON each. */
  readonly metrics: string;
  /** The network before the first step. */
  readonly start: string;
  /** What tells its data from others. */
  readonly data: string;
  /** What tells the file of its method from others. */
  readonly method: string;
  /** The same of its objective. */
  readonly objective: string;
  /** The metrics of its objective, for whoever watches it. */
  readonly measured: string;
  /** What has computed so far; see engines.ts. */
  readonly engines: string;
  /** What a resumed run goes on from. */
  readonly checkpoint: string;
  /** Targets that were tried, where a run looks for its own. */
  readonly search: string;
  /** Folders of the stages of a run that has several. */
  readonly stages: string;
  /** Which channels are kept, where some are removed. */
  readonly mask: string;
  /** The exported model. */
  readonly model: string;
  /** What Netron shows beside the model. */
  readonly netron: string;
  /** What the run has reached; see {@link Summary}. */
  readonly summary: string;
  /** The summary of a run whose model did not pass its check. */
  readonly uncheckedSummary: string;
  /** The report, a page of HTML. */
  readonly report: string;
}

/** Where things are in a run's folder. */
export function runFolder(path: string): RunFolder {
  const at = (...names: string[]) => join(resolve(path), ...names);
  return {
    path: at(),
    recipe: at('recipe.json'),
    lock: at('run.lock'),
    metrics: at('metrics.jsonl'),
    start: at('checkpoint', 'start.onnx'),
    data: at('checkpoint', 'data.json'),
    method: at('checkpoint', 'method.json'),
    objective: at('checkpoint', 'objective.json'),
    measured: at('checkpoint', 'measured.json'),
    engines: at('checkpoint', 'engines.json'),
    checkpoint: at('checkpoint', 'state.bin'),
    search: at('checkpoint', 'search.json'),
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
    fail(`${path} holds a run already: continue with 'espalier resume ${path}', or give another folder.`);
  if (!(await isUnbegun(path, names))) fail(`The folder ${path} is not empty; give another one for the run.`);
}

/** Whether nothing is there but what a run leaves that is killed before it has written its recipe. */
async function isUnbegun(path: string, names: readonly string[]): Promise<boolean> {
  const others = names.filter((name) => !/^(recipe\.json|run\.lock)(\.partial|$)/.test(name));
  if (others.length === 0) return true;
  return others.length === 1 && others[0] === 'checkpoint' && (await isEmpty(join(path, 'checkpoint')));
}

const isEmpty = (path: string): Promise<boolean> =>
  readdir(path).then(
    (names) => names.length === 0,
    () => false,
  );

/** A folder that this process alone works in, until it is released. */
export interface Claimed {
  folder: RunFolder;
  /** There was no such folder before. */
  made: boolean;
  release(): Promise<void>;
}

/**
 * Makes the folder of a new run and writes its recipe.
 * @throws UserError when it is occupied, another process is at work in it or it cannot be written.
 */
export async function createRun(path: string, recipe: Recipe): Promise<Claimed> {
  await refuseOccupied(path);
  const folder = runFolder(path);
  const made = !existsSync(folder.path);
  await makeFolder(folder.path).catch((error) =>
    fail(`Cannot make the folder ${path}: ${reason(error)}; give another one.`),
  );
  const release = await claimRun(folder, path);
  try {
    await refuseOccupied(path);
    await sweepRun(folder);
    await makeFolder(folder.stages);
    await writeJson(folder.recipe, keptIn(folder.path, recipe));
    await keepOrigin(folder.path);
    await keepUserFiles(folder, recipe);
  } catch (error) {
    await release();
    throw error;
  }
  return { folder, made, release };
}

/** Files of users' own that a recipe names, and where what tells them from others is kept. */
function userFilesOf(folder: RunFolder, recipe: Recipe): { what: string; files: string[]; kept: string }[] {
  const method = recipe.command === 'prune' ? [recipe.method].filter(isUserFile) : [];
  return [
    { what: 'method', files: method, kept: folder.method },
    { what: 'objective', files: filesToLearn(recipe.learn), kept: folder.objective },
  ];
}

/** Keeps what tells files of users' own from others. */
async function keepUserFiles(folder: RunFolder, recipe: Recipe): Promise<void> {
  for (const { files, kept } of userFilesOf(folder, recipe)) {
    const digest = await digestOfUserFiles(files);
    if (digest) await writeJson(kept, { digest });
  }
}

/** @throws UserError when the file of a method or an objective is not what it was when the run was started. */
export async function refuseOtherFiles(folder: RunFolder, recipe: Recipe): Promise<void> {
  for (const { what, files, kept } of userFilesOf(folder, recipe)) {
    const before = (await readJson(kept)) as { digest: string } | undefined;
    if (before && before.digest !== (await digestOfUserFiles(files)))
      fail(
        `The ${what} ${files.join(', ')} is not what it was when the run was started: put the file back, or start a new run.`,
      );
  }
}

/** Makes this process the only one to work on a run. @throws UserError when another one does. */
export async function claimRun(folder: RunFolder, path: string): Promise<() => Promise<void>> {
  try {
    return await claim(folder.lock, `this run (${path})`);
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code) throw error;
    return fail(`Cannot use ${path} for a run: ${reason(error)}; give another folder.`);
  }
}

/** Takes away what {@link createRun} made: the run never began. */
export async function abandonRun({ folder, made, release }: Claimed): Promise<void> {
  const { path, recipe, metrics, mask, stages } = folder;
  await askKeepers(recipe);
  for (const file of [metrics, mask, stages, recipe]) await rm(file, { recursive: true, force: true });
  await release();
  if (made) await rmdir(path).catch(() => {}); // somebody has put something in
}

/** Takes away files that were being written when a run was killed. */
export async function sweepRun({ path }: RunFolder): Promise<void> {
  for (const name of await readdir(path, { recursive: true }).catch((): string[] => []))
    if (/\.partial(-[\w-]+)?$|\.unchecked-\d+$/.test(name)) await rm(join(path, name), { force: true });
}

/** Opens the folder of a run that has begun. @throws UserError when it is not one. */
export async function openRun(
  path: string,
): Promise<{ folder: RunFolder; recipe: Recipe; summary?: Summary }> {
  const folder = runFolder(path);
  const kept = (await readJson(folder.recipe)) as Recipe | undefined;
  if (!kept)
    return fail(
      existsSync(path)
        ? `${path} is not the folder of a run: it has no recipe.json; give the folder named with --out.`
        : `There is no folder ${path}: check the path, and give the folder of a run.`,
    );
  if (!['train', 'prune'].includes(kept.command))
    fail(`${folder.recipe} is not the recipe of a run: its command is neither train nor prune.`);
  const recipe = await takenFrom(folder.path, kept);
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

/** The lines of a run's metrics.jsonl; none where it has none yet. A last line that was torn by a kill is left out. */
export async function readMetrics({ metrics }: Pick<RunFolder, 'metrics'>): Promise<MetricsLine[]> {
  const text = await readFile(metrics, 'utf8').catch((error) =>
    error.code === 'ENOENT' ? '' : fail(`Cannot read ${metrics}: ${reason(error)}.`),
  );
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as MetricsLine);
}

/** Adds a line to a file of JSON lines. @throws UserError when it cannot be written. */
export async function appendLine(path: string, line: object): Promise<void> {
  await appendTo(path, `${JSON.stringify(line)}\n`).catch((error) => {
    if (error instanceof UserError) throw error;
    fail(`Cannot write ${path}: ${reason(error)}; free some room, then resume the run.`);
  });
}
