/**
 * Taylor expansion.
 * Molchanov et al.: "Importance estimation for neural network pruning", CVPR 2019, arXiv 1906.10771.
 *
 * A unit is worth the squared first-order change of the loss without it, summed over mini-batches: of a gate, the BatchNorm
 * scale, (γ·∂L/∂γ)²; or of the weights of its filter, Σ(w·∂L/∂w)². All units are ranked together, and few go at a time with
 * training in between.
 *
 * The gates of layers that share channels are averaged, which is the paper's division by the number of blocks. Ten rounds are
 * ours; the paper takes 100 units every 30 mini-batches.
 */
import type { StructuredMethod } from '../method.js';

const source = {
  paper: 'Molchanov et al.: “Importance estimation for neural network pruning”, CVPR 2019, arXiv 1906.10771',
  section: 'section 3',
};

export const taylor: StructuredMethod = {
  name: 'taylor',
  summary: 'First-order change of the loss by each gate, in ten rounds (Molchanov et al., 2019)',
  source,
  defaults: { importance: 'taylor-gates', rounds: 10 },
  shares: { fineTune: 1 },
};

export const taylorWeights: StructuredMethod = {
  name: 'taylor-weights',
  summary:
    'First-order change of the loss by the weights of each filter, for models without BatchNorm (Molchanov et al., 2019)',
  source,
  defaults: { importance: 'taylor-weights', rounds: 10 },
  shares: { fineTune: 1 },
};
