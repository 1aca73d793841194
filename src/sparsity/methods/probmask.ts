/**
 * ProbMask: effective sparsification with a global sparsity constraint.
 * Zhou, Zhang, Xu, Zhang, CVPR 2021, arXiv 2105.01571.
 *
 *   min over w, s of E[ L(w ⊙ m) ],  m_i ~ Bernoulli(s_i),  s in C = { 0 ≤ s ≤ 1, Σ s ≤ K }
 *
 * Every weight has a probability to be kept, 1 at first. A step draws soft masks by the binary concrete relaxation, `samples`
 * times; Adam moves the probabilities and SGD the weights, by gradients clipped together; then the probabilities are
 * projected onto the budget K, which falls from all weights to those to keep. The colder, the harder the masks. In the end
 * the mask is fixed and the weights are fine-tuned: the last `fineTune` epochs of the run.
 *
 * Keep rate, temperature and learning rates change with every step; with `perEpoch` they stay the same for an epoch, as in the
 * released code. How fast probabilities move and how long the fine-tuning is depends on the length of the run, and at the
 * authors' length is theirs ({@link scoreRateFor}, {@link fineTuningFor}).
 *
 * All weights are masked, first and last layer too, and count in the denominator. Ours, where the released code differs:
 * the projection is exact (`projection: 'halving'` is the code's); the final mask is that of the K highest probabilities, so
 * that sparsity is met exactly and no layer is emptied (`finalMask: 'draw'` draws `draws` masks and takes the best on the
 * validation split, or with `chooseOn: 'train'` as the code does); measuring leaves BatchNorm's statistics alone; the
 * fine-tuning, one pass a step as there is nothing to draw, has the batch of the rest. `anneal: false` leaves the temperature at 1.
 *
 * With `start: 'frozen'` it finds a supermask: random weights stay as they are, BatchNorm's scales too, and only the
 * probabilities are trained, from the density on (the paper's settings for this are not known; these are ours). What is left
 * for the last epochs then is BatchNorm's statistics, which come from soft masks until the mask is fixed.
 */
import { aboveZero, choice, fail, flag, number, upToOne, usually, whole } from '../../base/index.js';
import type { Clipping, Parameter } from '../../engine/index.js';
import { meritOf } from '../../objectives/index.js';
import { type Graph, sizeOf } from '../../onnx/index.js';
import type { EpochState, Hook } from '../../train/index.js';
import { drawMasks, keepTop } from '../learnt/choose.js';
import { drawWeights, type FrozenOptions } from '../learnt/frozen.js';
import { distribution, type MaskedLayer, maskedLayers, refuseTooFew, report } from '../learnt/layers.js';
import { allowEmpty, defaultsOf, frozenKind, resolveOptions, scaleFan, sparsity } from '../learnt/options.js';
import { project, projectBy, projectByHalving } from '../learnt/projection.js';
import { insertMasks, maskable, scoresOf, TEMPERATURE } from '../learnt/rewrite.js';
import { keepRate, placeOf, temperature } from '../learnt/schedules.js';
import { type FineTuning, fineTuningFor, scoreRateFor } from '../learnt/short-runs.js';
import type { LearntContext, LearntMethod, LearntRun } from '../learnt/types.js';
import { prunedAt } from '../schedule.js';

export interface ProbmaskOptions extends FineTuning {
  /** Target: fraction of the prunable weights to remove, in (0, 1). */
  sparsity: number;
  /** Train the weights as well, or keep them frozen at random values. */
  start: 'dense' | 'frozen';
  /** Distribution of the frozen weights. */
  frozenWeights: FrozenOptions['frozenWeights'];
  /** Scale the frozen weights for the number of inputs that are kept. */
  scaleFan: boolean;
  /** Passes with fresh masks per step. */
  samples: number;
  /** Largest norm of all gradients together. */
  clip: number;
  /** The highest learning rate of the probabilities. */
  scoreRate: number;
  /** Change keep rate, temperature and a cosine's learning rate between epochs only. */
  perEpoch: boolean;
  /** Of every weight before the first step. */
  probability: number;
  /** Anneal the temperature of the masks. */
  anneal: boolean;
  /** How probabilities are projected onto the sparsity budget. */
  projection: 'exact' | 'halving';
  /** Keep the weights of highest probability, or draw the final mask. */
  finalMask: 'top' | 'draw';
  /** Number of masks drawn to choose from. */
  draws: number;
  /** Samples on which the drawn masks are compared. */
  chooseOn: 'validation' | 'train';
  /** Let a layer lose all its weights. */
  allowEmpty: boolean;
}

/** Of ProbMask. */
export const probmaskSettings = {
  sparsity,
  start: usually(
    choice('train the weights as well, or keep them frozen at random values', ['dense', 'frozen']),
    'dense',
  ),
  frozenWeights: frozenKind,
  scaleFan,
  samples: usually(whole('passes with fresh masks per step', 1), 2),
  clip: usually(number('largest norm of all gradients together', ...aboveZero), 3),
  scoreRate: number(
    'peak learning rate of the probabilities (default: 0.006, higher in short runs)',
    ...aboveZero,
  ),
  perEpoch: usually(flag('change keep rate, temperature and learning rates between epochs only'), false),
  probability: number('initial probability of every weight', ...upToOne),
  anneal: usually(flag('anneal the temperature of the masks'), true),
  projection: usually(choice('projection onto the sparsity budget', ['exact', 'halving']), 'exact'),
  finalMask: usually(
    choice('keep the weights of highest probability, or draw the final mask', ['top', 'draw']),
    'top',
  ),
  draws: usually(whole('number of masks drawn to choose from', 1), 10),
  chooseOn: usually(
    choice('samples on which the drawn masks are compared', ['validation', 'train']),
    'validation',
  ),
  fineTune: whole('epochs of fine-tuning at the end, with the mask fixed', 0, 'EPOCHS'),
  fineTuneRate: number('learning rate of the fine-tuning', ...aboveZero),
  fineTuneSchedule: choice('schedule of the fine-tuning’s learning rate', ['constant', 'cosine']),
  allowEmpty,
};

/** At this multiplier a probability of 0 or 1 gives that mask whatever the noise, which is below 21: the logit is ±46. */
const FIXED = 1000;

/** So many probabilities are projected by the engine's kernels. */
const MANY = 100_000;

const isScore = ({ name }: Parameter): boolean => name.startsWith(scoresOf(''));

/** Learns the probability that each weight is kept: ProbMask, Zhou et al., 2021 (arXiv 2105.01571). */
export const probmask: LearntMethod<Pick<ProbmaskOptions, 'sparsity'> & Partial<ProbmaskOptions>> = {
  name: 'probmask',
  summary: 'Probabilities of being kept under a global budget (Zhou et al., 2021)',
  source: {
    paper:
      'Zhou, Zhang, Xu, Zhang: “Effective sparsification of neural networks with global sparsity constraint”, CVPR 2021, arXiv 2105.01571',
  },
  settings: probmaskSettings,
  defaults: defaultsOf(probmaskSettings),
  leftToLength: ['scoreRate', 'fineTune', 'fineTuneRate', 'fineTuneSchedule'],
  prepare,
};

function prepare(graph: Graph, given: Readonly<Record<string, unknown>>, context: LearntContext): LearntRun {
  const { epochs, seed, schedule } = context;
  const options = resolveOptions<ProbmaskOptions>('probmask', probmaskSettings, {
    ...usualFor(given, context),
    ...defined(given),
  });
  const { samples, clip, fineTune, fineTuneRate, fineTuneSchedule, perEpoch } = options;
  const frozen = options.start === 'frozen';
  if (fineTune >= epochs)
    fail(`A run of ${epochs} epochs has none left before a fine-tuning of ${fineTune}; train for longer.`);
  const names = maskable(graph, context.inputShapes);
  refuseTooFew(graph, names, options);
  const density = 1 - options.sparsity;
  const start = frozen ? drawWeights(graph, names, { ...options, density, seed }) : graph;
  const masked = insertMasks(start, names, 'ConcreteMask', (_, { shape }) =>
    new Float32Array(sizeOf(shape)).fill(options.probability),
  );
  const still = schedule.kind === 'cosine' ? { perEpoch } : {};
  return {
    graph: masked,
    training: {
      schedule: { ...schedule, ...still, fineTune, fineTuneRate, fineTuneSchedule },
      trained: frozen ? isScore : undefined,
      apart: {
        holds: isScore,
        optimizer: { kind: 'adam' },
        schedule: {
          ...{ kind: 'cosine', learningRate: options.scoreRate, perEpoch },
          ...{ fineTune, fineTuneRate: 0 },
        },
      },
      samples,
      clip,
    },
    hook: hookOf(options, epochs - fineTune, seed),
  };
}

/**
 * What depends on the run and on what is given. With frozen weights there is nothing to fine-tune: the last epochs are a sixteenth,
 * whatever the length.
 */
function usualFor(
  given: Readonly<Record<string, unknown>>,
  { epochs, steps, schedule }: LearntContext,
): object {
  const frozen = given.start === 'frozen';
  const usual = fineTuningFor(epochs, schedule.learningRate);
  const fineTune = Number(given.fineTune ?? (frozen ? Math.round(epochs / 16) : usual.fineTune));
  return {
    ...usual,
    fineTune,
    scoreRate: scoreRateFor(Math.max(1, epochs - fineTune) * steps),
    probability: frozen ? 1 - Number(given.sparsity) : 1,
  };
}

const defined = (given: Readonly<Record<string, unknown>>): object =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));

/** `epochs`: those before the fine-tuning. */
function hookOf(options: ProbmaskOptions, epochs: number, seed: number): Hook {
  const density = 1 - options.sparsity;
  let steps: number;
  /** Of an iteration, counted from 1. */
  const placeAt = (iteration: number) => placeOf(iteration - 1, { steps, perEpoch: options.perEpoch });
  const rateAt = (iteration: number) =>
    iteration >= epochs * steps
      ? density
      : keepRate(placeAt(iteration), { epochs, density, perEpoch: options.perEpoch });
  const temperatureAt = (iteration: number) => (options.anneal ? temperature(placeAt(iteration), epochs) : 1);
  let layers: MaskedLayer[];
  let size: number;
  let clipping: Clipping | undefined;
  const enter = (state: Pick<EpochState, 'network' | 'steps'>) => {
    steps = state.steps;
    layers = maskedLayers(state);
    size = layers.reduce((sum, { mask }) => sum + mask.length, 0);
    const many = options.projection === 'exact' && size >= MANY;
    if (many) clipping ??= state.network.clipping(layers.map(({ name }) => scoresOf(name)));
  };
  const kept = (rate: number) => size - prunedAt(size, rate);

  async function choose(state: EpochState, epoch: number): Promise<string[]> {
    const rate = rateAt((epoch + 1) * steps);
    const { finalMask, allowEmpty } = options;
    if (finalMask === 'top') return keepTop(layers, kept(rate), allowEmpty);
    const draw = (number: number) => drawMasks(layers, { seed, numbers: [epoch, number], allowEmpty });
    return epoch < epochs - 1 ? draw(0) : chooseDraw(state, options, draw);
  }

  return {
    start(state) {
      enter(state);
      if (options.finalMask === 'draw' && options.chooseOn === 'validation' && !state.data.validation)
        fail(
          'Drawn masks are chosen on a validation split, but there is none: set one aside, such as --validation 0.1, or choose on the training images with chooseOn train.',
        );
      temperatureOf(state)[0] = temperatureAt(1);
      return undefined;
    },
    restore: (_, state) => enter(state as EpochState),
    samples: (iteration) => (iteration > epochs * steps ? 1 : undefined),
    async afterUpdate(state, iteration) {
      if (iteration > epochs * steps) return;
      const budget = rateAt(iteration) * size;
      const scores = layers.map((layer) => layer.scores);
      if (clipping) await projectBy(clipping, size, budget);
      else (options.projection === 'exact' ? project : projectByHalving)(scores, budget);
      temperatureOf(state)[0] = temperatureAt(iteration + 1);
    },
    touches(_, iteration) {
      if (iteration > epochs * steps) return {};
      const weights = clipping ? [] : layers.map(({ name }) => scoresOf(name));
      return { reads: { weights }, writes: { weights, running: [TEMPERATURE] } };
    },
    async endEpoch(state, epoch) {
      const T = temperatureOf(state);
      if (epoch >= epochs || T[0] === FIXED) return undefined;
      const final = epoch === epochs - 1;
      const held = await choose(state, epoch);
      const probabilities = distribution(layers);
      if (final) {
        T[0] = FIXED;
        fix(state, layers);
      }
      const iteration = (epoch + 1) * steps;
      const scheduled = rateAt(iteration);
      return report(layers, { iteration, scheduled, held, final, ...probabilities });
    },
  };
}

const temperatureOf = ({ network }: Pick<EpochState, 'network'>): Float32Array =>
  network.state.get(TEMPERATURE)!;

/** Draws masks and leaves the one that does best, of equal ones the first; what drawing it gave. */
async function chooseDraw(
  { data, evaluate, objective, network }: EpochState,
  { draws, chooseOn }: ProbmaskOptions,
  draw: (number: number) => string[],
): Promise<string[]> {
  const split = chooseOn === 'validation' ? data.validation! : data.train;
  let best = { merit: Number.NEGATIVE_INFINITY, draw: 0 };
  for (let d = 0; d < draws; d++) {
    draw(d);
    network.push();
    const merit = meritOf(await evaluate(split), objective);
    if (merit > best.merit) best = { merit, draw: d };
  }
  return draw(best.draw);
}

/** From now on probabilities are 0 or 1, and pruned weights, where weights are trained, are 0 and stay so. */
function fix({ training }: EpochState, layers: readonly MaskedLayer[]): void {
  for (const { name, weight, scores, mask } of layers) {
    scores.set(mask);
    const slot = training.slots.get(name);
    if (!slot) continue;
    slot.mask.set(mask);
    for (const values of [weight, ...slot.state])
      for (let i = 0; i < mask.length; i++) if (mask[i] === 0) values[i] = 0;
  }
}
