/**
 * EagleEye.
 * Li et al.: "EagleEye: fast sub-network evaluation for efficient neural network pruning", ECCV 2020, arXiv 2007.02491.
 *
 * Densities of the groups are drawn at random until the MACs are near the target; each network drawn is measured after its
 * BatchNorm statistics are adapted, and the best is fine-tuned. Filters are ranked by L1 norm within their group. The paper
 * draws 1000 networks; `candidates` says how many here.
 */
import type { StructuredMethod } from '../method.js';

export const eagleeye: StructuredMethod = {
  name: 'eagleeye',
  summary: 'The best of many random networks, compared with adapted BatchNorm statistics (Li et al., 2020)',
  source: {
    paper:
      'Li et al.: “EagleEye: fast sub-network evaluation for efficient neural network pruning”, ECCV 2020, arXiv 2007.02491',
  },
  defaults: { importance: 'l1-norm', allocate: 'search' },
  shares: { fineTune: 1 },
};
