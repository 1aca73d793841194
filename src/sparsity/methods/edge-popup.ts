/**
 * Edge-popup: what is hidden in a randomly weighted neural network.
 * Ramanujan, Wortsman, Kembhavi, Farhadi, Rastegari, CVPR 2020, arXiv 1911.13299.
 *
 * Random weights stay as they are. Each has a score; a layer passes on the weights whose scores are largest in magnitude,
 * the same fraction in every layer, and the gradient goes through that choice as if it were not there. Only the scores are
 * trained, by the run's optimiser; biases and BatchNorm's scales stay at their first values.
 */
import { random } from '../../base/index.js';
import type { Ranking } from '../../engine/index.js';
import { initialize } from '../../nn/index.js';
import type { EpochState, Hook } from '../../train/index.js';
import { allocate } from '../allocation.js';
import { keepTop } from '../learnt/choose.js';
import { drawWeights, type FrozenOptions } from '../learnt/frozen.js';
import { type MaskedLayer, maskedLayers, refuseTooFew, report } from '../learnt/layers.js';
import { allowEmpty, defaultsOf, frozenKind, resolveOptions, scaleFan, sparsity } from '../learnt/options.js';
import { insertMasks, maskable, maskOf, scoresOf } from '../learnt/rewrite.js';
import type { LearntMethod } from '../learnt/types.js';
import { prunedAt } from '../schedule.js';

export interface EdgePopupOptions {
  /** Target: fraction of the prunable weights to remove, in (0, 1). */
  sparsity: number;
  /** Distribution of the frozen weights. */
  frozenWeights: FrozenOptions['frozenWeights'];
  /** Scale the frozen weights for the number of inputs that are kept. */
  scaleFan: boolean;
  /** Let a layer lose all its weights. */
  allowEmpty: boolean;
}

const settings = { sparsity, frozenWeights: frozenKind, scaleFan, allowEmpty };

/** PyTorch's default for a layer: ±1/√fan_in. */
const firstScores = initialize.kaimingUniform({ a: Math.sqrt(5) });

/** Learns masks over weights that are not trained: edge-popup, Ramanujan et al., 2020 (arXiv 1911.13299). */
export const edgePopup: LearntMethod<Pick<EdgePopupOptions, 'sparsity'> & Partial<EdgePopupOptions>> = {
  name: 'edge-popup',
  summary: 'Supermasks of random weights by straight-through scores (Ramanujan et al., 2020)',
  source: {
    paper:
      'Ramanujan, Wortsman, Kembhavi, Farhadi, Rastegari: “What is hidden in a randomly weighted neural network?”, CVPR 2020, arXiv 1911.13299',
  },
  settings,
  defaults: defaultsOf(settings),
  prepare(graph, given, { seed, schedule, inputShapes }) {
    const options = resolveOptions<EdgePopupOptions>('edge-popup', settings, given);
    const names = maskable(graph, inputShapes);
    refuseTooFew(graph, names, options);
    const density = 1 - options.sparsity;
    const frozen = drawWeights(graph, names, { ...options, density, seed });
    return {
      graph: insertMasks(frozen, names, 'ScoreMask', (name, { shape }) =>
        firstScores(shape, random(seed, 'scores', name)),
      ),
      training: { schedule, trained: ({ name }) => name.startsWith(scoresOf('')) },
      hook: hookOf(options),
    };
  },
};

/** So many scores are ranked by the engine's kernels. */
const MANY = 100_000;

function hookOf({ sparsity: target, allowEmpty }: EdgePopupOptions): Hook {
  const density = 1 - target;
  let layers: MaskedLayer[];
  let kept: number[];
  let held: string[];
  let ranking: Ranking | undefined;
  const enter = (state: Pick<EpochState, 'network'>) => {
    layers = maskedLayers(state);
    const floor = allowEmpty ? 0 : 1;
    const shares = layers.map(({ mask: { length } }) => ({ shape: [length], available: length, floor }));
    const size = shares.reduce((sum, { available }) => sum + available, 0);
    const pairs = layers.map(({ name }) => ({ values: scoresOf(name), marks: maskOf(name) }));
    if (size >= MANY) ranking ??= state.network.ranking(pairs);
    const allocated = allocate('uniform', shares, size - prunedAt(size, density));
    kept = allocated.kept;
    held = allocated.held.map((l) => layers[l].name);
  };
  const masks = () => layers.map(({ name }) => maskOf(name));
  const pop = async () => {
    if (ranking) await ranking.mark(kept);
    else for (const [l, layer] of layers.entries()) keepTop([layer], kept[l], true);
  };
  const reported = (iteration: number) =>
    report(layers, { iteration, scheduled: density, held, final: true });
  return {
    async start(state) {
      enter(state);
      await pop();
      if (ranking) await state.network.pull(masks());
      return reported(0);
    },
    restore: (_, state) => enter(state),
    afterUpdate: () => pop(),
    touches: () =>
      ranking
        ? {}
        : { reads: { weights: layers.map(({ name }) => scoresOf(name)) }, writes: { running: masks() } },
    endEpoch: ({ steps }, epoch) => reported((epoch + 1) * steps),
  };
}
