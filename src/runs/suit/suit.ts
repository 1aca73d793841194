/** A recipe whose defaults follow the situation: what is given stands, the rules choose the rest and say why. */

import { refuseNotFinite } from '../finite.js';
import { openFor } from '../opened.js';
import {
  checkSettings,
  defaults,
  type Given,
  isPath,
  methodNamed,
  type Recipe,
  type RunCommand,
  resolveRecipe,
} from '../recipe.js';
import { structuredMethod } from '../registry.js';
import { flagOf } from '../settings.js';
import type { TaskOptions } from '../task.js';
import type { Opened } from '../work.js';
import { type Choice, choose, type Known } from './rules.js';
import { type Situation, situationOf, situationOfFresh, situationOfModel } from './situation.js';

export interface SuitOptions {
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called with a sentence for each setting that was chosen, and why. */
  onNote?: (sentence: string) => void;
}

/** A recipe, and the model and data that were opened to complete it, for the run. */
export interface Suited {
  recipe: Recipe;
  /** Absent where nothing had to be looked at. */
  opened?: Opened;
}

/** What {@link suitRecipe} gives, with what was opened for it: whoever calls this closes that, or hands it to `startRun`. */
export async function suitRun(
  command: RunCommand,
  given: object,
  version: string,
  options: SuitOptions = {},
): Promise<Suited> {
  const checked = checkSettings(command, given) as Given<'prune'>;
  if (checked.version !== undefined || !checked.model || !checked.data)
    return { recipe: resolveRecipe(command, given, version) };
  const known = knownOf(checked);
  refuseEarly(command, known, version);
  const opened = await openFor(known as unknown as TaskOptions, options);
  try {
    const situation = await look(command, known, opened, options);
    return { recipe: settle(command, known, { version, situation, onNote: options.onNote }), opened };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * Completes what was given like {@link resolveRecipe}, but by the rules of docs/defaults.md, for which it looks at the model and some
 * training samples. A recipe of a run is complete, and stays as it is.
 * @throws UserError as that does, and where model or data cannot be read.
 */
export async function suitRecipe(
  command: RunCommand,
  given: object,
  version: string,
  options: SuitOptions = {},
): Promise<Recipe> {
  const { recipe, opened } = await suitRun(command, given, version, options);
  await opened?.close();
  return recipe;
}

/** What is known before a rule has said anything. */
export const knownOf = (given: Given<'prune'>): Known => ({
  ...given,
  ...(given.method !== undefined && { method: methodNamed(given.method) }),
});

/** Throws what a recipe of such settings throws, before model and data are read. */
export function refuseEarly(command: RunCommand, known: Known, version: string): void {
  const unseen: Situation = { command, trained: false, evidence: '' };
  resolveRecipe(command, { ...valuesOf(choose(withEpochs(known), unseen)), ...known }, version);
}

const withEpochs = (known: Known): Known => ({ epochs: defaults.epochs, ...known });

/** The recipe that rules make of what is known. */
export function settle(
  command: RunCommand,
  known: Known,
  { version, situation, onNote }: { version: string; situation: Situation } & SuitOptions,
): Recipe {
  const chosen = choose(withEpochs(known), situation);
  const because = Object.fromEntries([...chosen].map(([name, choice]) => [name, choice.because]));
  const given = { ...valuesOf(chosen), ...known, ...(chosen.size > 0 && { because }) };
  const recipe = resolveRecipe(command, given, version);
  if (situation.trained && chosen.size > 0) onNote?.(`The model counts as trained: ${situation.evidence}.`);
  if (chosen.size > 0) onNote?.(chosenLines(chosen));
  const note = madeForHundreds(recipe);
  if (note) onNote?.(note);
  return recipe;
}

export const valuesOf = (chosen: ReadonlyMap<string, Choice>): object =>
  Object.fromEntries([...chosen].map(([name, { value }]) => [name, value]));

/** What was chosen, a line each: the flag that would say the same, and why. */
export function chosenLines(chosen: ReadonlyMap<string, Choice>): string {
  const flags = [...chosen].map(([name, { value }]) => shown(name, value));
  const width = Math.max(...flags.map(({ length }) => length));
  const lines = [...chosen.values()].map(({ because }, i) => `  ${flags[i].padEnd(width)}  ${because}`);
  return ['Chosen, as nothing else was given:', ...lines].join('\n');
}

const shown = (name: string, value: unknown): string => {
  if (typeof value !== 'boolean') return `${flagOf(name)} ${value}`;
  return value ? flagOf(name) : flagOf(name).replace('--', '--no-');
};

/** Epochs below which a method that trains before it cuts has too few for each stage. */
const MANY = 50;

function madeForHundreds(recipe: Recipe): string | undefined {
  const method = recipe.command === 'prune' && structuredMethod(recipe.method);
  if (!method || recipe.epochs >= MANY || recipe.epochs === 0) return undefined;
  if (!method.shares.sparse && !method.shares.marked) return undefined;
  return `${method.name} trains before it cuts and is made for hundreds of epochs: with ${recipe.epochs}, --method l1-filters usually keeps more accuracy.`;
}

/** Looks at the model, and at data where there are any. */
async function look(
  command: RunCommand,
  { model, learn }: Known,
  { task, network }: Opened,
  { signal }: SuitOptions,
): Promise<Situation> {
  if (!('dataset' in task)) return situationOfModel({ command, model: model as string }, task);
  if (!isPath(model as string)) return situationOfFresh(command, task);
  refuseNotFinite(task.graph, { trained: true });
  return situationOf(command, task, { network: await network(), learn: learn as string | undefined, signal });
}
