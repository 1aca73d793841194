/**
 * Pruning by a score, at once or gradually, with weights exchanged or not, as a point on the axes score × objective ×
 * scope × allocation × schedule × growth × start.
 *
 * A published method is a name and its settings; this file carries a plan of theirs out. Randomness is drawn from
 * streams named by seed, iteration and layer, so a resumed run needs nothing but the plan, the masks and, for moving
 * averages and rewinding, the arrays in memory.
 */
import { checked, fail, type PaperSource, random, type Settings, uniform, usually } from '../base/index.js';
import { type Access, everything, type HookMoment } from '../train/index.js';
import { exchange } from './growth.js';
import { applyMasks, census, clear, countNonZero, resetMask } from './masks.js';
import { averaged, keepTraining, rewindTraining } from './memory.js';
import { trainingClock } from './moments.js';
import { objectives } from './objectives/index.js';
import {
  type CommonName,
  type Given,
  type GradualDefaults,
  type GradualOptions,
  gradualDefaults,
  named,
  resolveOptions,
} from './options.js';
import { type Atoms, atomSize, atomsOf, decidesSparsity, patternOf } from './pattern.js';
import { type GradualPlan, passedAt, planGradual, poolSize, type Step } from './plan.js';
import { choose, readsGradient } from './score.js';
import { smallest } from './select.js';
import { gradualSettings } from './settings.js';
import type { Method, Prunable, Surroundings, UpdateReport } from './types.js';

/** What there has to be: a target, or a pattern that says it. */
type Aim = Pick<GradualOptions, 'sparsity'> | Required<Pick<GradualOptions, 'pattern'>>;

/** A method of these settings, those of `Name` besides the ones that all have. */
export type GradualMethod<Name extends keyof GradualOptions = never> = Method<
  Aim & Partial<Given<Pick<GradualOptions, CommonName | Name>>>
>;

/** The method with these settings. */
export function gradual<Own extends Partial<Given<GradualDefaults>>>(setting: {
  /** The name after `--method`. */
  name: string;
  /** One line: what it is and whose. */
  summary: string;
  /** Where it comes from. */
  source?: PaperSource;
  /** Of the iterations between exchanges where none is asked for; a tenth of the span where that is shorter. */
  usualInterval?: number;
  /** Where it differs from the usual; it has the settings that are named here and those that all methods have. */
  defaults: Own;
}): GradualMethod<keyof Own & keyof GradualOptions> {
  const { name, summary, source, usualInterval } = setting;
  const own = checked(name, gradualSettings, named(setting.defaults ?? {}));
  const defaults: Readonly<Record<string, unknown>> = { ...gradualDefaults, ...own };
  const settings = settingsWith(defaults);
  return {
    name,
    summary,
    source,
    settings,
    defaults,
    plan(context, options) {
      const given = checked(name, settings, named(options));
      const decided = decidesSparsity(given.pattern ?? defaults.pattern);
      if (given.sparsity === undefined && !decided) fail(`${name} needs a target sparsity, such as 0.95.`);
      if (given.sparsity !== undefined && decided)
        fail(
          `The pattern ${given.pattern ?? defaults.pattern} says how many weights stay: leave sparsity out.`,
        );
      return planGradual({ method: name, usualInterval }, resolveOptions(name, defaults, given), context);
    },
    start,
    needsGradient: ({ options, updates }: GradualPlan, iteration) =>
      Boolean(options.averageGradient) || (updates.includes(iteration) && gradientAsked(options)),
    // A weight that comes back takes part in this very step, with the average of its gradients if there is one.
    needsPrunedGradient: ({ options, updates }: GradualPlan, iteration) =>
      options.growth !== undefined && (Boolean(options.averageGradient) || updates.includes(iteration)),
    touches,
    update,
    ...(defaults.rewind === undefined ? {} : { afterUpdate: keepAt, clock }),
  };
}

const gradientAsked = (options: GradualPlan['options']): boolean =>
  readsGradient(options) || options.growth !== undefined;

/** Settings that every method has, with a default or without. */
const always: readonly string[] = ['sparsity', 'pattern'];

/** The target, the pattern, and every axis that has a default. */
function settingsWith(defaults: Readonly<Record<string, unknown>>): Settings {
  const all: Settings = gradualSettings;
  const own = Object.keys(all).filter((name) => always.includes(name) || name in defaults);
  return Object.fromEntries(own.map((name) => [name, usually(all[name], defaults[name])]));
}

/**
 * Zeros stay zeros if asked; for a sparse start, exactly the planned number of each layer's weights goes at random; then
 * the rounds before training, where there are any.
 */
async function start(
  plan: GradualPlan,
  layers: readonly Prunable[],
  around: Surroundings,
): Promise<UpdateReport> {
  const { options, seed } = plan;
  for (const layer of layers) resetMask(layer, options.keepZeros);
  const pattern = patternOf(options.pattern);
  const free = layers.filter((_, l) => !plan.layers[l].spared);
  for (const layer of pattern ? free : []) wholeAtoms(layer, atomsOf(layer, pattern));
  let dropped = 0;
  plan.start?.forEach((kept, l) => {
    const atoms = atomsOf(free[l], pattern);
    dropped += thin(free[l], atoms, kept / atomSize(pattern), seed);
  });
  applyMasks(layers);
  const pruned = await pruneFirst(plan, layers, around);
  dropped += pruned.dropped;
  keepAt(plan, 0, around);
  const final = options.rounds > 0 || options.pruningSchedule === 'constant';
  const target = options.sparsity ?? plan.pruned / plan.counted;
  const scheduled = final ? 1 - target : plan.start ? options.startDensity : 1;
  return { iteration: 0, scheduled, dropped, ...heldOf(pruned), final, ...census(layers) };
}

/** Lets an atom of which any weight is kept be kept as a whole. */
function wholeAtoms({ mask }: Prunable, atoms: Atoms): void {
  const whole = atoms.weights(Uint8Array.from(atoms.mask(mask)));
  for (let i = 0; i < mask.length; i++) mask[i] = whole[i];
}

/** Keeps a uniformly random `kept` of the layer's present atoms. */
function thin(layer: Prunable, atoms: Atoms, kept: number, seed: number): number {
  const draw = random(seed, 'start', layer.name);
  const values = new Float32Array(atoms.count).map(() => uniform(draw));
  const mask = atoms.mask(layer.mask);
  const among = atoms.free(values, mask);
  const [marks] = smallest([{ name: layer.name, values, among }], countNonZero(mask) - kept);
  return clear(layer, atoms.weights(marks));
}

/** The rounds before training: every one looks at the network that the last one left. */
async function pruneFirst(
  plan: GradualPlan,
  layers: readonly Prunable[],
  around: Surroundings,
): Promise<Pruned> {
  const rounds = plan.steps.filter(({ iteration }) => iteration === 0);
  const pruned: Pruned = { dropped: 0, held: [] };
  if (rounds.length === 0) return pruned;
  const asked = readsGradient(plan.options);
  const objective = asked
    ? await objectives[plan.options.objective](layers, around, plan.options)
    : undefined;
  try {
    for (const [round, step] of rounds.entries()) {
      const gradients = await objective?.gradients();
      const seen = layers.map((layer, l) => ({ ...layer, gradient: gradients?.[l] ?? layer.gradient }));
      const { dropped, held } = prune(plan, seen, step, -round);
      pruned.dropped += dropped;
      pruned.held.push(...held);
      applyMasks(layers);
    }
    return pruned;
  } finally {
    objective?.close();
  }
}

/** How many weights went, and the layers that keep one only because none may be emptied. */
interface Pruned {
  dropped: number;
  held: string[];
}

const heldOf = ({ held }: Pruned): { held?: string[] } =>
  held.length > 0 ? { held: [...new Set(held)] } : {};

/** Cuts the masks down to a step's counts; `draw` names the random numbers. */
function prune(plan: GradualPlan, layers: readonly Prunable[], step: Step, draw: number): Pruned {
  const { options, seed } = plan;
  const pruned: Pruned = { dropped: 0, held: [...(step.held ?? [])] };
  for (const [g, { members, fixed }] of plan.groups.entries()) {
    const group = members.map((l) => layers[l]);
    const active = group.reduce((total, layer) => total + countNonZero(layer.mask), 0);
    const drop = active - step.kept[g];
    const pool = poolSize(options, { passed: passedAt(plan, step), drop }, active, fixed);
    const pattern = patternOf(options.pattern);
    const how = { drop, pool, seed, iteration: draw, floor: !options.allowEmpty, pattern };
    const { marks, held } = choose(group, options, how);
    for (const [l, layer] of group.entries()) pruned.dropped += clear(layer, marks[l]);
    pruned.held.push(...held);
  }
  return pruned;
}

function update(
  plan: GradualPlan,
  layers: readonly Prunable[],
  iteration: number,
  around: Surroundings,
): UpdateReport | undefined {
  const { options, rewinding } = plan;
  const seen = averaged(options, layers, around.memory);
  const step = plan.steps.find((candidate) => candidate.iteration === iteration);
  if (!step) return undefined;

  const before = layers.map(({ mask }) => mask.slice());
  const pruned = prune(plan, seen, step, iteration);
  if (step.exchange !== undefined) exchangeAll(plan, seen, step.exchange, iteration);
  applyMasks(layers);
  if (rewinding) rewindTraining(around, layers);
  const skip = rewinding !== undefined || options.skipSteps === true;
  const { density: last } = plan.steps[plan.steps.length - 1];
  return {
    ...{ iteration, scheduled: step.density, ...changes(before, layers), ...heldOf(pruned) },
    ...{ final: step.density === last, ...(skip && { skip }), ...census(layers) },
  };
}

/** Averages look at every iteration; an update at the layers; and one that rewinds at all there is. */
function touches(plan: GradualPlan, moment: HookMoment, iteration: number): Access {
  const { options, rewinding, updates, layers } = plan;
  if (moment === 'afterUpdate') return iteration === rewinding?.to ? { reads: everything } : {};
  const names = layers.map(({ name }) => name);
  const acts = updates.includes(iteration);
  if (acts && rewinding) return { reads: everything, writes: everything };
  const reads = {
    weights: acts || options.averageWeight ? names : [],
    gradients: options.averageGradient || (acts && gradientAsked(options)) ? names : [],
    optimizer: acts ? names : [],
  };
  return { reads, writes: acts ? { weights: names, optimizer: names, masks: names } : {} };
}

function exchangeAll(
  { options, seed, layers: planned }: GradualPlan,
  layers: readonly Prunable[],
  fraction: number,
  iteration: number,
): void {
  const { score, growth } = options;
  const how = { fraction, score, growth: growth!, seed, iteration, pattern: patternOf(options.pattern) };
  for (const [l, layer] of layers.entries()) if (!planned[l].spared) exchange(layer, how);
}

/** How many weights are no longer kept, and how many newly are. */
function changes(before: readonly ArrayLike<number>[], layers: readonly Prunable[]) {
  let [dropped, grown] = [0, 0];
  layers.forEach(({ mask }, l) => {
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] < before[l][i]) dropped++;
      if (mask[i] > before[l][i]) grown++;
    }
  });
  return grown > 0 ? { dropped, grown } : { dropped };
}

/** Keeps what later trainings take up. */
function keepAt({ rewinding }: GradualPlan, iteration: number, around: Surroundings): void {
  if (iteration === rewinding?.to) keepTraining(around);
}

const clock = ({ rewinding, updates }: GradualPlan, iteration: number) =>
  trainingClock(rewinding!, iteration, updates);
