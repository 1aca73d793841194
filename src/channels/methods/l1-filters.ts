/**
 * Filters of small L1 norm.
 * Li et al.: "Pruning filters for efficient ConvNets", ICLR 2017, arXiv 1608.08710.
 *
 * The filters with the smallest Σ|w| of each layer go, at once, from a trained model; then it is fine-tuned. Every group loses
 * the same share; the paper's shares by stage were found by looking at sensitivities, which is `allocate: sensitivity`.
 */
import type { StructuredMethod } from '../method.js';

export const l1Filters: StructuredMethod = {
  name: 'l1-filters',
  summary: 'Filters of the smallest L1 norm, the same share of every group (Li et al., 2017)',
  source: {
    paper: 'Li et al.: “Pruning filters for efficient ConvNets”, ICLR 2017, arXiv 1608.08710',
    section: 'section 3',
  },
  defaults: { importance: 'l1-norm', allocate: 'uniform' },
  shares: { fineTune: 1 },
};
