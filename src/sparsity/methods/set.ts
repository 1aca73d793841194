/**
 * SET: sparse evolutionary training.
 * Mocanu et al.: "Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network
 * science", 2018, arXiv 1707.04780.
 *
 * Training starts at the target, with random masks of ERK densities. At every update each layer gives up the tenth of its
 * weights that is smallest and gets as many back at random places, where they start at 0 (ours: places
 * that a gradient reaches). A tenth is the rate of RigL's
 * repository (the paper's own is 0.3); the interval of 100 iterations, a tenth of a run shorter than ten of
 * these, stands in for its epoch, and the last is the run's.
 */
import { gradual } from '../gradual.js';

export const set = gradual({
  name: 'set',
  summary: 'Sparse evolutionary training: random regrowth (Mocanu et al., 2018)',
  source: {
    paper:
      'Mocanu et al.: “Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network science”, 2018, arXiv 1707.04780',
  },
  usualInterval: 100,
  defaults: {
    pruningSchedule: 'constant',
    growth: 'random',
    growthRatio: 0.1,
    growthDecay: 'constant',
    growthFloor: 0,
    growthEnd: 1,
    skipSteps: false,
  },
});
