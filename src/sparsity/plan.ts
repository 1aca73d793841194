/**
 * The whole of a gradual run in numbers, before it starts.
 *
 * How many weights each update leaves follows from counts alone: which ones go does not matter. So every cut of the run
 * is worked out here, and what cannot be done is said before the first iteration.
 *
 * With N the counted elements, an update to density D leaves N − floor(N (1 − D)) of them. Elements that can never go
 * (spared layers, biases) are taken off first; the rest is left to the pooled ranking (scope "global": one group of all
 * layers) or shared out (scope "layer": a group for each), where no layer is given more than it still has, so masks
 * only ever shrink. Unless `allowEmpty` says otherwise, no layer is given less than one weight, and there are always as
 * many to keep as there are layers: a ranking that would take all of a layer (score.ts) can hold its last one.
 *
 * Blocks are counted as wholes, so an update leaves the greatest multiple of a block's size that is not more. With N:M the pattern says what the
 * last update leaves, and no update takes a layer below that (pattern.ts).
 */
import { fail } from '../base/index.js';
import { allocate, type Share } from './allocation.js';
import { type Moment, planMoments, type Rewinding } from './moments.js';
import type { GradualOptions } from './options.js';
import { atomSize, extentOf, misfit, type Pattern, patternOf } from './pattern.js';
import { downTo, upTo } from './places.js';
import { halfCosine, prunedAt, schedules } from './schedule.js';
import { namedToSpare } from './spare.js';
import type { Context, Plan, PlannedLayer, Prunable } from './types.js';

export interface GradualPlan extends Plan {
  options: GradualOptions;
  seed: number;
  /** Of the whole run. */
  iterations: number;
  groups: Group[];
  /** Weights to keep of each pruned layer (in the order of `layers`) in the random start mask, where there is one. */
  start?: number[];
  steps: Step[];
  /** Where the run trains several times over. */
  rewinding?: Rewinding;
}

/** Layers that are ranked together. */
export interface Group {
  /** Indices into the layers. */
  members: number[];
  /** Counted elements that belong to the group but can never be pruned. */
  fixed: number;
}

/** One update. */
export interface Step extends Moment {
  /** The scheduled density. */
  density: number;
  /** Weights that each group keeps. */
  kept: number[];
  /** Names of layers whose share would be nothing: they are given a weight. */
  held?: string[];
}

/** Plans a gradual run. Throws a UserError if the target, the start or a step is out of reach. */
export function planGradual(
  { method, usualInterval }: { method: string; usualInterval?: number },
  options: GradualOptions,
  context: Context,
): GradualPlan {
  const { moments, rewinding } = planMoments({ ...options, method, usualInterval }, context.iterations);
  const pattern = patternOf(options.pattern);
  const { layers, least } = planLayers(method, options, context.layers);
  const counted = sum(context.layers.map((l) => l.weight.length + (options.countBiases ? l.biases : 0)));
  const pruned = prunedOf(options, { layers, least, counted, pattern });
  const sparsity = options.sparsity ?? pruned / counted;
  const startDensity = options.pruningSchedule === 'constant' ? 1 - sparsity : options.startDensity;
  const aim: Aim = { ...options, sparsity, startDensity, least, atom: atomSize(pattern) };
  checkTarget(aim, layers, { counted, pruned, trains: context.iterations > 0 });

  const { start, present, from } = planStart(aim, layers, context.layers, counted);
  const groups = planGroups(options, layers, context.layers, present);
  const plan: GradualPlan = {
    method,
    options,
    seed: context.seed,
    iterations: context.iterations,
    counted,
    pruned,
    layers,
    updates: [...new Set(moments.map(({ iteration }) => iteration))],
    ...(rewinding && { rewinding }),
    groups,
    start,
    steps: [],
  };
  plan.steps = planSteps(plan, aim, moments, context.layers, present, from);
  if (options.first) checkSelectRatio(plan, present);
  return plan;
}

/**
 * The largest fraction of its remaining weights that a run takes at one update, as its schedule says; a method that narrows the candidates
 * down first needs a `selectRatio` of as much.
 * @throws UserError where there is no room for an update.
 */
export function largestCut(options: GradualOptions & { method: string }, iterations: number): number {
  const { sparsity, startDensity, pruningSchedule } = options;
  const span = { from: startDensity, to: 1 - (sparsity ?? 0) };
  const { moments } = planMoments(options, iterations);
  const densities = [span.from, ...moments.map(({ progress }) => schedules[pruningSchedule](span, progress))];
  return Math.max(0, ...densities.slice(1).map((density, i) => 1 - density / densities[i]));
}

/**
 * How many of a group's weights a criterion's first step may choose from, of the R that remain, n of which must go: int(γR), at
 * most all that can go. Annealed it is n + int(p (R − n)), where p falls from γ to γ/100 along half a cosine of the whole
 * run; `passed` is the fraction of the run that is over.
 */
export function poolSize(
  { selectRatio = 1, selectAnneal = false }: Pick<GradualOptions, 'selectRatio' | 'selectAnneal'>,
  { passed, drop }: { passed: number; drop: number },
  active: number,
  fixed: number,
): number {
  const share = (ratio: number, of: number) => Math.floor(ratio * of + 1e-9);
  const remaining = active + fixed;
  if (!selectAnneal) return Math.min(active, share(selectRatio, remaining));
  const ratio = halfCosine(selectRatio, selectRatio / 100, passed);
  return Math.min(active, drop + share(ratio, remaining - drop));
}

/** The fraction of the run that is over at a step; of rounds before training, that of the rounds. */
export const passedAt = ({ iterations }: GradualPlan, { iteration, progress }: Moment): number =>
  iteration === 0 ? progress : iteration / iterations;

/** What a plan is worked out for. */
interface Aim extends GradualOptions {
  /** What each layer keeps at the least. */
  least: readonly number[];
  /** Weights that go together. */
  atom: number;
}

/** How many counted elements are zero at the end. */
function prunedOf(
  { sparsity }: GradualOptions,
  {
    layers,
    least,
    counted,
    pattern,
  }: { layers: readonly PlannedLayer[]; least: readonly number[]; counted: number; pattern?: Pattern },
): number {
  const size = sum(freeIndices(layers).map((l) => layers[l].size));
  const zerosSpared = sum(layers.map((layer) => (layer.spared ? layer.size - layer.present : 0)));
  if (pattern?.keep !== undefined) return size - sum(freeIndices(layers).map((l) => least[l])) + zerosSpared;
  const pruned = prunedAt(counted, 1 - sparsity);
  const atom = atomSize(pattern);
  const kept = size + zerosSpared - pruned;
  return pruned + (kept - Math.floor(kept / atom) * atom);
}

function planLayers(
  method: string,
  options: GradualOptions,
  layers: readonly Prunable[],
): { layers: PlannedLayer[]; least: number[] } {
  const named = namedToSpare(
    options.spare,
    layers.map(({ name }) => name),
  );
  const pattern = patternOf(options.pattern);
  const spared = layers.map((layer) => reasonToSpare(layer, options, named));
  const extents = layers.map((layer, l) => extentOf(layer, spared[l].spared ? undefined : pattern, options));
  const planned = layers.map((layer, l) => ({
    name: layer.name,
    size: layer.weight.length,
    present: extents[l].present,
    ...spared[l],
  }));
  if (layers.length === 0) fail('The model has no weights that could be pruned; use another model.');
  if (planned.every((layer) => layer.spared))
    fail(
      pattern
        ? `${method} has nothing to prune in the pattern ${options.pattern}: of ${planned[0].name}, ${planned[0].spared}; use another pattern.`
        : `${method} has nothing to prune: every layer is spared.`,
    );
  return { layers: planned, least: extents.map(({ least }) => least) };
}

/** Weights of other layers of the same shapes that are zero, as a plan counts them: blocks only where all of one is. */
export function zerosAsPlanned({ method, options }: GradualPlan, layers: readonly Prunable[]): number {
  return sum(planLayers(method, options, layers).layers.map(({ size, present }) => size - present));
}

function reasonToSpare(
  layer: Prunable,
  options: GradualOptions,
  named: ReadonlySet<string>,
): { spared?: string } {
  const { name, first, last } = layer;
  if (named.has(name)) return { spared: 'named in spare' };
  if (options.spareFirst && first) return { spared: 'first convolution (spareFirst)' };
  if (options.spareLast && last) return { spared: 'output layer (spareLast)' };
  const spared = misfit(layer, patternOf(options.pattern));
  return spared ? { spared } : {};
}

function checkTarget(
  { sparsity, startDensity, allowEmpty, least }: Aim,
  layers: readonly PlannedLayer[],
  { counted, pruned, trains }: { counted: number; pruned: number; trains: boolean },
): void {
  const zeros = sum(layers.map((layer) => layer.size - layer.present));
  if (zeros > pruned)
    fail(
      `The model is already at sparsity ${upTo(zeros / counted, 4)}, above the target of ${sparsity}: ask for a higher one, or let its zeros train (--no-keep-zeros).`,
    );
  if (!allowEmpty && trains) refuseZeros(layers);
  const most = zeros + sum(freeIndices(layers).map((l) => Math.max(0, layers[l].present - least[l])));
  if (pruned > most)
    fail(
      `A sparsity of ${sparsity} is out of reach: of ${counted} weights that count only ${most} can be pruned; ask for at most ${downTo(most / counted, 6)}, or spare less.`,
    );
  if (startDensity < 1 - sparsity - 1e-9)
    fail(
      `A start at density ${startDensity} is already sparser than the target of ${sparsity}: start denser, or ask for a higher sparsity.`,
    );
}

function refuseZeros(layers: readonly PlannedLayer[]): void {
  const zero = layers.find((layer) => layer.present === 0);
  if (zero)
    fail(
      `Every weight of ${zero.name} is zero, so it counts as pruned and could never train: let zeros train (--no-keep-zeros), or allow empty layers (--allow-empty).`,
    );
}

/** The random start, the weights present once it is made, and the density the schedule falls from. */
function planStart(
  options: Aim,
  layers: readonly PlannedLayer[],
  prunables: readonly Prunable[],
  counted: number,
): { start?: number[]; present: number[]; from: number } {
  const { startDensity, startAllocation, least, atom } = options;
  const present = layers.map((layer) => layer.present);
  const zeros = sum(layers.map((layer) => layer.size - layer.present));
  const from = Math.min(startDensity, 1 - zeros / counted);
  const cut = prunedAt(counted, startDensity) - zeros;
  if (cut <= 0) return { present, from };

  const free = freeIndices(layers);
  const shares = free.map((l) => ({
    shape: prunables[l].shape,
    available: present[l] / atom,
    floor: least[l] / atom,
  }));
  const available = sum(free.map((l) => present[l]));
  const total = Math.floor((available - cut) / atom);
  const start = allocate(startAllocation, shares, total).kept.map((atoms) => atoms * atom);
  free.forEach((l, i) => {
    present[l] = start[i];
  });
  return { start, present, from };
}

function planGroups(
  { scope, countBiases }: GradualOptions,
  layers: readonly PlannedLayer[],
  prunables: readonly Prunable[],
  present: readonly number[],
): Group[] {
  const biases = prunables.map((layer) => (countBiases ? layer.biases : 0));
  const free = freeIndices(layers);
  if (scope === 'layer') return free.map((l) => ({ members: [l], fixed: biases[l] }));
  const spared = sum(layers.map((layer, l) => (layer.spared ? present[l] : 0)));
  return [{ members: free, fixed: spared + sum(biases) }];
}

function planSteps(
  { layers, groups, counted }: GradualPlan,
  { pruningSchedule, sparsity, pattern, allocation, scope, least, atom }: Aim,
  moments: readonly Moment[],
  prunables: readonly Prunable[],
  present: readonly number[],
  from: number,
): Step[] {
  const decided = patternOf(pattern)?.keep !== undefined;
  const zerosSpared = sum(layers.map((layer) => (layer.spared ? layer.size - layer.present : 0)));
  const size = sum(layers.map((layer) => (layer.spared ? 0 : layer.size)));
  let active = groups.map(({ members }) => sum(members.map((l) => present[l])));
  return moments.map((moment) => {
    const density = schedules[pruningSchedule]({ from, to: 1 - sparsity }, moment.progress);
    const wanted = Math.floor((size + zerosSpared - prunedAt(counted, density)) / atom) * atom;
    const floor = decided ? sum(freeIndices(layers).map((l) => least[l])) : 0;
    const total = Math.max(floor, Math.min(sum(active), wanted));
    const shares: Share[] = groups.map(({ members }, g) => ({
      shape: prunables[members[0]].shape,
      available: active[g] / atom,
      floor: least[members[0]] / atom,
    }));
    if (scope === 'global') {
      active = [total];
      return { ...moment, density, kept: active };
    }
    const { kept, held } = allocate(allocation, shares, total / atom);
    active = kept.map((atoms) => atoms * atom);
    const names = (decided ? [] : held).map((g) => layers[groups[g].members[0]].name);
    return { ...moment, density, kept: active, ...(names.length > 0 && { held: names }) };
  });
}

/** Refuses a select ratio whose pool is smaller than the cut of some update. */
function checkSelectRatio(plan: GradualPlan, present: readonly number[]): void {
  const { method, options, groups, layers, steps } = plan;
  const ratio = options.selectRatio!;
  let active = groups.map(({ members }) => sum(members.map((l) => present[l])));
  let needed = 0;
  let refusal = '';
  steps.forEach((step, s) => {
    const { iteration, kept } = step;
    groups.forEach(({ members, fixed }, g) => {
      const drop = active[g] - kept[g];
      const pool = poolSize(options, { passed: passedAt(plan, step), drop }, active[g], fixed);
      needed = Math.max(needed, drop / (active[g] + fixed));
      if (drop <= pool || refusal) return;
      const place = options.scope === 'layer' ? ` of ${layers[members[0]].name}` : '';
      refusal = `${method} must prune ${drop} weights${place} at iteration ${iteration} (update ${s + 1} of ${steps.length}), but a selectRatio of ${ratio} offers it only ${pool} of ${active[g] + fixed}`;
    });
    active = kept;
  });
  if (refusal) fail(`${refusal}: use a selectRatio of at least ${upTo(needed, 4)}, or a shorter interval.`);
}

const freeIndices = (layers: readonly PlannedLayer[]): number[] =>
  layers.flatMap((layer, l) => (layer.spared ? [] : [l]));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);
