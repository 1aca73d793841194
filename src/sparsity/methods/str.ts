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
 */
import type { Hook } from '../../train/index.js';
import { learningRateAt, type Optimizer, resolveOptimizer, resolveSchedule } from '../../train/index.js';
import { number } from '../../train/settings.js';
import { type MaskedLayer, maskedLayers, report } from '../learnt/layers.js';
import { resolveOptions } from '../learnt/options.js';
import { insertMasks, maskable } from '../learnt/rewrite.js';
import type { LearntContext, LearntMethod } from '../learnt/types.js';

/** Where σ(s) is of the size of a weight, and the part of the learning after which the paper's thresholds are there. */
const FELT = -5;
const FELT_AFTER = 0.56;

const rules = { threshold: number(() => true, 'be a number, such as -8', FELT) };

export const str: LearntMethod = {
  name: 'str',
  summary: 'Soft thresholds learnt per layer (Kusupati et al., 2020)',
  defaults: {},
  untargeted: 'more weight decay or a higher threshold removes more',
  prepare(graph, given, context) {
    const { threshold } = resolveOptions<{ threshold: number }>('str', rules, given);
    const names = maskable(graph, context.inputShapes);
    return {
      graph: insertMasks(graph, names, 'ThresholdMask', () => Float32Array.of(threshold)),
      training: { schedule: context.schedule },
      hook: hookOf(given.threshold === undefined ? context : undefined),
    };
  },
};

/** `chosen`: how the thresholds to begin with follow from the run, where they are not given. */
function hookOf(chosen: LearntContext | undefined): Hook {
  const thresholds = (layers: readonly MaskedLayer[]) => layers.map(({ scores }) => scores[0]);
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
