/**
 * LAMP on units.
 * Lee et al.: "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021, arXiv 2010.07611.
 *
 * The energy of a unit divided by that of all units of its group that are not smaller: the largest of each group has 1, so a
 * group never empties, and one ranking of all suits all groups. The paper scores single weights; Torch-Pruning brought it to
 * channels.
 */
import type { StructuredMethod } from '../method.js';

export const lamp: StructuredMethod = {
  name: 'lamp',
  summary: 'Energy relative to all larger units of the group (Lee et al., 2021)',
  source: {
    paper:
      'Lee et al.: “Layer-adaptive sparsity for the magnitude-based pruning”, ICLR 2021, arXiv 2010.07611',
    section: 'section 2',
  },
  defaults: { importance: 'lamp' },
  shares: { fineTune: 1 },
};
