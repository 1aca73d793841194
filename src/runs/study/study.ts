/**
 * Studies: the same run many times over, with settings that vary and several seeds, so that methods can be compared.
 *
 * A study is a file of YAML: settings that all runs share, axes along which they vary, seeds. Every combination is a *cell*,
 * every cell and seed an ordinary run in a folder of its own, STUDY/<setting>/<sparsity>/seed-<n>. What there is to do
 * follows from the file and the folders alone.
 */
import { join, relative, resolve, sep } from 'node:path';
import { fail, UserError } from '../../base/index.js';
import { openRun, readJson, readMetrics, runFolder } from '../folder.js';
import { titleOfLearn } from '../learn.js';
import { foundOut } from '../pictures.js';
import { type Recipe, type RunCommand, readRecipe, resolveRecipe } from '../recipe.js';
import { openMethod, titleOfMethod } from '../registry.js';
import { type AxisValues, studyFile } from './file.js';
import type { Scalar } from './places.js';
import { type Halving, trialAxis } from './search.js';

/** Something that varies: its values by name, each with the settings that it stands for. */
export interface Axis {
  name: string;
  values: readonly { label: string; settings: object }[];
}

/** A study: a recipe, the axes along which its settings vary, and the seeds. */
export interface Study {
  /** Title of the study. */
  title: string;
  /** What all runs share, as given. */
  recipe: object;
  /** What varies; the study has a run for each combination of values. */
  axes: readonly Axis[];
  /** Seeds that every combination is run with. */
  seeds: readonly number[];
  /** The value that others are compared with, seed by seed. */
  baseline?: string;
  /** When settings that do badly are stopped. */
  halving?: Halving;
}

/** One combination of values. */
export interface Cell {
  /** Axis → label. */
  at: Record<string, string>;
  /** What is said beyond the shared recipe. */
  settings: object;
}

/** One run of a study. */
export interface StudyRun {
  /** The combination of values that it belongs to. */
  cell: Cell;
  /** Seed of the run. */
  seed: number;
  /** The complete recipe of the run. */
  recipe: Recipe;
  /** Folder of the run. */
  path: string;
}

/** What names a folder on every system. */
const LABEL = /^(?!\.)[\w.+-]+$/;

/**
 * Reads a study.
 * @throws UserError when it cannot be read, or says something that makes no sense.
 */
export async function readStudy(path: string): Promise<Study> {
  const given = await readRecipe(path, 'study');
  const { title, recipe, vary, search, halving, seeds, baseline } = studyFile(path, given);
  for (const method of methodsIn(recipe, vary)) await openMethod(method);
  const axes = Object.entries(vary).map(([name, values]) => axisOf(path, name, values));
  if (search) axes.push(trialAxis(search));
  if (axes.length === 0)
    fail(`The study ${path} varies nothing: give vary, such as sparsity: [0.9, 0.95], or search.`);
  for (const name of Object.keys(instead))
    if (name in recipe || name in vary || (search && name in search.space))
      fail(`The study ${path} fixes ${name}, which does not belong in its recipe: ${instead[name]}.`);
  if (new Set(seeds).size < seeds.length) fail(`The study ${path} names a seed twice.`);
  const study = { title, recipe, axes, seeds, baseline, halving };
  if (baseline !== undefined) baselineAxis(study);
  return study;
}

/** What is given elsewhere than in the recipe of a study, and how. */
const instead: Readonly<Record<string, string>> = {
  seed: 'list seeds',
  threads: 'give --threads',
  engine: 'give --engine',
};

function axisOf(path: string, name: string, values: AxisValues): Axis {
  const named: Axis['values'] = Array.isArray(values)
    ? values.map((value) => ({ label: labelOf(name, value), settings: { [name]: value } }))
    : Object.entries(values).map(([label, settings]) => ({ label, settings }));
  const labels = named.map(({ label }) => label);
  const bad = labels.find((label) => !LABEL.test(label));
  if (bad !== undefined)
    fail(
      `In the study ${path}, ${JSON.stringify(bad)} in ${name} cannot name a folder: use letters, digits, '.', '_', '+' and '-', or give the value a name.`,
    );
  if (new Set(labels).size < labels.length) fail(`In the study ${path}, ${name} has a value twice.`);
  return { name, values: named };
}

/** Every method that a study names. */
const methodsIn = (
  recipe: Record<string, unknown>,
  vary: Readonly<Record<string, AxisValues>>,
): unknown[] => [
  recipe.method,
  ...Object.entries(vary).flatMap<unknown>(([axis, values]) => {
    if (Array.isArray(values)) return axis === 'method' ? values : [];
    return Object.values(values).map(({ method }) => method);
  }),
];

const labelOf = (name: string, value: Scalar): string => {
  if (name === 'method') return titleOfMethod(String(value));
  return name === 'learn' ? titleOfLearn(String(value)) : String(value);
};

/** The axis that the baseline is a value of. @throws UserError when there is none. */
export function baselineAxis({ axes, baseline }: Study): string {
  const axis = axes.find(({ values }) => values.some(({ label }) => label === baseline));
  const labels = axes.flatMap(({ values }) => values.map(({ label }) => label));
  return axis?.name ?? fail(`The baseline ${baseline} is none of the values ${labels.join(', ')}.`);
}

/** All combinations, the last axis fastest. */
export function cellsOf({ axes }: Study): Cell[] {
  return axes.reduce<Cell[]>(
    (cells, { name, values }) =>
      cells.flatMap(({ at, settings }) =>
        values.map((value) => ({
          at: { ...at, [name]: value.label },
          settings: { ...settings, ...value.settings },
        })),
      ),
    [{ at: {}, settings: {} }],
  );
}

/** How a cell is called: 'fggp 0.95'. */
export const nameOfCell = ({ at }: Pick<Cell, 'at'>): string => Object.values(at).join(' ');

/** What a run is called within the folder of its study, on any system: 'gmp/0.9/seed-1'. */
export const inStudy = (study: string, path: string): string =>
  relative(resolve(study), resolve(path)).split(sep).join('/');

/**
 * All runs, seed by seed, so that a study that is stopped early is still paired.
 * @throws UserError when a cell's settings make no sense.
 */
export function studyRuns(study: Study, out: string, version: string): StudyRun[] {
  const cells = cellsOf(study);
  return study.seeds.flatMap((seed) =>
    cells.map((cell) => ({
      cell,
      seed,
      recipe: recipeOf(study, cell, seed, version),
      path: join(out, ...Object.values(cell.at), `seed-${seed}`),
    })),
  );
}

function recipeOf({ recipe }: Study, cell: Cell, seed: number, version: string): Recipe {
  const given: Record<string, unknown> = { ...recipe, ...cell.settings, seed };
  const command = given.command ?? ('method' in given ? 'prune' : 'train');
  if (command !== 'train' && command !== 'prune')
    return fail(`A study trains or prunes, but the command of its recipe is ${JSON.stringify(command)}.`);
  try {
    return resolveRecipe(command as RunCommand, given, version);
  } catch (error) {
    if (error instanceof UserError) return fail(`In the cell ${nameOfCell(cell)}: ${error.message}`);
    throw error;
  }
}

/** Epochs that a run has behind it. */
export async function epochsOf({ path }: Pick<StudyRun, 'path'>): Promise<number> {
  const lines = await readMetrics(runFolder(path));
  return lines.filter(({ kind }) => kind === 'epoch').length;
}

/** What a folder has of a run. */
export type Found = 'nothing' | 'begun' | 'finished';

/**
 * Looks at what there is of a run.
 * @throws UserError when the folder holds a run of another recipe.
 */
export async function findRun({ path, recipe, cell, seed }: StudyRun): Promise<Found> {
  if (!(await readJson(runFolder(path).recipe))) return 'nothing';
  const { recipe: kept, summary } = await openRun(path);
  const other = differing(recipe, kept);
  if (other)
    return fail(
      `${path} holds a run of ${nameOfCell(cell)}, seed ${seed}, whose ${other} differs from what the study says: restore the study, or give another folder.`,
    );
  return summary ? 'finished' : 'begun';
}

/** Settings that change nothing of what a run comes to. */
const ASIDE = ['version', 'threads', 'engine', 'log'];

/** The first setting in which two recipes differ, those aside; settings that the older did not know have their defaults. */
function differing(recipe: Recipe, kept: Recipe): string | undefined {
  const resolved = resolveRecipe(kept.command, kept, kept.version);
  const [a, b] = [recipe, resolved] as unknown as Record<string, unknown>[];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => !ASIDE.includes(name))
    .filter((name) => a[name] !== undefined || !foundOut.includes(name))
    .find((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}
