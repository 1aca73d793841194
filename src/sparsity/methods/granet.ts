/**
 * GraNet: gradual pruning with zero-cost neuroregeneration.
 * Liu et al.: "Sparse training via boosting pruning plasticity with neuroregeneration", NeurIPS 2021, arXiv 2106.10404.
 *
 * At every update the smallest weights go, all layers ranked together, as many as the cubic schedule asks for; then each
 * layer gives up the fraction p of its weights that is smallest, and gets as many back where the gradient of the batch is
 * largest. p falls from 0.5 to 0.005 along half a cosine over the whole run, and the exchange goes on to its end. The
 * sparse start is `startDensity: 0.5`.
 *
 * Schedule, end and number of updates are those of FGGP and GMP here (the source prunes until epoch 110 of 160, its script
 * until 80: `endRatio`), so that the three differ in what they prune and in nothing else but `spareFirst`.
 */
import { gradual } from '../gradual.js';

export const granet = gradual({
  name: 'granet',
  summary: 'Gradual pruning with neuroregeneration (Liu et al., 2021)',
  source: {
    paper:
      'Liu et al.: “Sparse training via boosting pruning plasticity with neuroregeneration”, NeurIPS 2021, arXiv 2106.10404',
  },
  defaults: {
    growth: 'gradient',
    growthRatio: 0.5,
    growthDecay: 'cosine',
    growthFloor: 0.005,
    growthEnd: 1,
    skipSteps: false,
  },
});
