/**
 * STR: soft threshold weight reparameterization for learnable sparsity.
 * Kusupati, Ramanujan, Somani, Wortsman, Jain, Kakade, Farhadi, ICML 2020, arXiv 2002.03231.
 *
 *   w' = sign(w) · relu(|w| − σ(s_l)),  one s_l for each layer l
 *
 * Thresholds are trained with everything else. They begin so low that nothing is removed; weight decay draws s to 0, σ(s)
 * up, and the loss holds against it where a layer needs its weights. So sparsity is an outcome: what sets it is the weight
 * decay, and `threshold`, the s to begin with.
 *
 * The paper's −3200 suits 100 epochs of ImageNet only: there decay alone takes it to −5, where thresholds begin to be felt,
 * after 56 % of the learning. Unless told otherwise a run begins where that is so with its own optimiser and schedule.
 *
 * With a `sparsity` it is met exactly, and how is ours. Gradient and decay go on to say how thresholds differ between
 * layers; the level of all together follows a cubic schedule: about `updates` times until `endRatio` of the run all s are
 * moved by one amount, so that as many weights stay above their thresholds as the schedule says. For small thresholds that
 * multiplies all by one factor; exactly, as σ(s)/(1 − σ(s)) = eˢ, it multiplies their odds, so the amount is found by
 * selection among the odds of |w| beside those of the threshold. At the last of these updates the weights are replaced by
 * w', the mask is fixed, and the rest of the run trains what is kept without thresholds.
 */
import { number, usually, withoutDefaults } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import type { Hook, TrainState } from '../../train/index.js';
import {
  everything,
  learningRateAt,
  type Optimizer,
  resolveOptimizer,
  resolveSchedule,
} from '../../train/index.js';
import { keepTop } from '../learnt/choose.js';
import { type MaskedLayer, maskedLayers, refuseTooFew, report } from '../learnt/layers.js';
import { allowEmpty, resolveOptions, sparsity } from '../learnt/options.js';
import { insertMasks, maskable, scoresOf, thresholdAt } from '../learnt/rewrite.js';
import type { LearntContext, LearntMethod, LearntRun } from '../learnt/types.js';
import { defaultInterval, densityAt, prunedAt, pruningEnd, updateIterations } from '../schedule.js';
import { gradualSettings } from '../settings.js';

/** Where σ(s) is of the size of a weight, and the part of the learning after which the paper's thresholds are there. */
const FELT = -5;
const FELT_AFTER = 0.56;
/** Where it is far below. */
const UNFELT = -10;
/** Where it is 0. */
const OFF = -1e4;

const threshold = number(
  'initial value of s, where weights below the threshold σ(s) are pruned',
  () => true,
  'be a number, such as -8',
);

export interface StrOptions {
  /** Target: fraction of the prunable weights to remove, in (0, 1). */
  sparsity: number;
  /** Initial s of the thresholds σ(s). */
  threshold: number;
  /** Fraction of the run after which the masks are fixed. */
  endRatio: number;
  /** About how many mask updates there are. */
  updates: number;
  /** Let a layer lose all its weights. */
  allowEmpty: boolean;
}

/** Of STR. */
export const steering = {
  sparsity,
  threshold: usually(threshold, UNFELT),
  endRatio: usually(gradualSettings.endRatio, 0.8),
  updates: usually(gradualSettings.updates, 100),
  allowEmpty,
};

/** Without a sparsity. */
const free = { threshold: usually(threshold, FELT) };

/** Learns a threshold for each layer: STR, soft threshold weight reparameterization, Kusupati et al., 2020 (arXiv 2002.03231). */
export const str: LearntMethod<Partial<StrOptions>> = {
  name: 'str',
  summary: 'Soft thresholds learnt per layer (Kusupati et al., 2020)',
  source: {
    paper:
      'Kusupati et al.: “Soft threshold weight reparameterization for learnable sparsity”, ICML 2020, arXiv 2002.03231',
    section: 'section 3',
  },
  // Which defaults there are depends on whether there is a sparsity.
  settings: withoutDefaults(steering),
  defaults: {},
  targetOptional: true,
  prepare(graph, given, context) {
    if (given.sparsity === undefined) {
      const { threshold: first } = resolveOptions<{ threshold: number }>('str', free, given);
      return runOf(graph, context, first, freeHook(given.threshold === undefined ? context : undefined));
    }
    const options = resolveOptions<StrOptions>('str', steering, given);
    refuseTooFew(graph, maskable(graph, context.inputShapes), options);
    return runOf(graph, context, options.threshold, steeredHook(options));
  },
};

function runOf(graph: Graph, { schedule, inputShapes }: LearntContext, first: number, hook: Hook): LearntRun {
  const names = maskable(graph, inputShapes);
  const masked = insertMasks(graph, names, 'ThresholdMask', () => Float32Array.of(first));
  return { graph: masked, training: { schedule }, hook };
}

const thresholds = (layers: readonly MaskedLayer[]) => layers.map(({ scores }) => scores[0]);

/** `chosen`: how the thresholds to begin with follow from the run, where they are not given. */
function freeHook(chosen: LearntContext | undefined): Hook {
  return {
    start(state) {
      if (!chosen) return undefined;
      const first = firstThreshold(chosen, state.iterations);
      for (const { scores } of maskedLayers(state)) scores[0] = first;
      return undefined;
    },
    endEpoch(state, epoch) {
      const layers = maskedLayers(state);
      const iteration = (epoch + 1) * state.steps;
      const final = iteration === state.iterations;
      return report(layers, { iteration, final, thresholds: thresholds(layers) });
    },
  };
}

/** A function of the iteration and the layers alone, so there is nothing to remember. */
function steeredHook({ sparsity: target, endRatio, updates, allowEmpty }: StrOptions): Hook {
  const span = { from: 1, to: 1 - target };
  const endOf = (iterations: number) => Math.max(1, pruningEnd(iterations, endRatio));
  const isUpdate = ({ iterations }: TrainState, iteration: number) => {
    const end = endOf(iterations);
    return updateIterations(end, defaultInterval(end, updates)).includes(iteration);
  };
  return {
    needsPrunedGradients: () => false,
    touches(moment, iteration, state) {
      if (moment === 'afterGradients')
        return isUpdate(state, iteration) ? { reads: everything, writes: everything } : {};
      const weights = learntThresholds(state).map(({ name }) => name);
      return iteration < endOf(state.iterations) ? {} : { writes: { weights } };
    },
    afterGradients(state, iteration) {
      const end = endOf(state.iterations);
      if (!isUpdate(state, iteration)) return undefined;
      const layers = maskedLayers(state);
      const size = layers.reduce((sum, { weight }) => sum + weight.length, 0);
      const scheduled = densityAt('cubic', span, iteration, end);
      const { marks, held } = steer(layers, size - prunedAt(size, scheduled), allowEmpty);
      const final = iteration === end;
      const learnt = thresholds(layers);
      if (final) fix(state, layers, marks);
      const masked = layers.map((layer, l) => ({ ...layer, mask: marks[l] }));
      return report(masked, { iteration, scheduled, held, final, thresholds: learnt });
    },
    afterUpdate(state, iteration) {
      if (iteration < endOf(state.iterations)) return;
      for (const { weight } of learntThresholds(state)) weight[0] = OFF;
    },
  };
}

const learntThresholds = ({ network }: TrainState) =>
  [...network.parameters.values()].filter(({ name }) => name.startsWith(scoresOf('')));

/** Moves all s by one amount, so that `kept` weights are above their thresholds, and says which. */
function steer(layers: readonly MaskedLayer[], kept: number, allowEmpty: boolean) {
  const highest = Math.max(...thresholds(layers));
  const ranked = layers.map((layer) => ({
    ...layer,
    scores: oddsRatios(layer, highest),
    mask: new Float32Array(layer.weight.length),
  }));
  const held = keepTop(ranked, kept, allowEmpty);
  const gone = Math.max(...ranked.map((layer) => most(layer, 0)));
  layers.forEach(({ scores }, l) => {
    // A layer whose weights are all among the lowest keeps its highest: its threshold is just below that.
    const bound = allowEmpty ? gone : Math.min(gone, 0.9 * most(ranked[l], 1));
    scores[0] += Math.log(Math.max(bound, TINY)) - highest;
  });
  return { marks: ranked.map(({ mask }) => mask), held };
}

const TINY = 1e-30;
const HUGE = 1e30;

/** The odds of each |w| beside those of the layer's threshold, were that σ(0) in the layer where s is highest. */
function oddsRatios({ weight, scores: [s] }: MaskedLayer, highest: number): Float32Array {
  const factor = Math.exp(highest - s);
  return weight.map((w) => {
    const x = Math.abs(w);
    return x < 1 ? Math.min(HUGE, (factor * x) / (1 - x)) : HUGE;
  });
}

/** The highest score of those in the mask (1) or not in it (0). */
function most({ scores, mask }: MaskedLayer, within: number): number {
  let highest = 0;
  for (let i = 0; i < scores.length; i++) if (mask[i] === within && scores[i] > highest) highest = scores[i];
  return highest;
}

/** The thresholds are made into the weights: from now on masks decide. */
function fix({ training }: TrainState, layers: readonly MaskedLayer[], marks: readonly Float32Array[]): void {
  layers.forEach(({ name, weight, scores }, l) => {
    const { mask, state } = training.slots.get(name)!;
    mask.set(marks[l]);
    const level = thresholdAt(scores[0]);
    for (let i = 0; i < weight.length; i++) {
      const size = Math.abs(weight[i]);
      // Rounding may put a weight that just stays on its threshold.
      weight[i] = mask[i] && Math.sign(weight[i]) * Math.max(size - level, size / 1024);
      if (mask[i] === 0) for (const values of state) values[i] = 0;
    }
    scores[0] = OFF;
  });
}

/** FELT · e^x, where x is what weight decay takes off ln |s| until then: λ Σ η, over 1 − µ with momentum. */
export function firstThreshold(
  { optimizer, schedule, epochs }: Pick<LearntContext, 'optimizer' | 'schedule' | 'epochs'>,
  iterations: number,
): number {
  const resolved: Optimizer = resolveOptimizer(optimizer);
  const rates = resolveSchedule(schedule, epochs);
  const iterationsPerEpoch = iterations / epochs;
  let learnt = 0;
  for (let iteration = 0; iteration < iterations; iteration++)
    learnt += learningRateAt(rates, { iteration, iterations, iterationsPerEpoch });
  const momentum = resolved.kind === 'sgd' ? resolved.momentum : 0;
  return FELT * Math.exp((FELT_AFTER * resolved.weightDecay * learnt) / (1 - momentum));
}
