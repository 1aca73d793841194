/**
 * Channels go by what the layers that read them cannot make up for, and those layers are solved for.
 * Luo, Wu, Lin: "ThiNet: A filter level pruning method for deep neural network compression", ICCV 2017, arXiv 1707.06342;
 * He, Zhang, Sun: "Channel pruning for accelerating very deep neural networks", ICCV 2017, arXiv 1707.06168.
 *
 * ThiNet chooses greedily, by the error at a sample of a layer's outputs, and solves for one weight for each channel after the choice; here every
 * weight is solved for at every step of the choice, and the errors of all groups are ranked together by what a unit saves.
 */
import type { StructuredMethod } from '../method.js';

export const reconstruction: StructuredMethod = {
  name: 'reconstruction',
  summary: 'Error that the remaining weights cannot repair (after Luo et al. and He et al., 2017)',
  source: {
    paper:
      'Luo, Wu, Lin: “ThiNet: a filter level pruning method for deep neural network compression”, ICCV 2017, arXiv 1707.06342; He, Zhang, Sun: “Channel pruning for accelerating very deep neural networks”, ICCV 2017, arXiv 1707.06168',
  },
  defaults: { importance: 'reconstruction' },
  shares: { fineTune: 1 },
};
