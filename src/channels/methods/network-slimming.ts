/**
 * Network slimming.
 * Liu et al.: "Learning efficient convolutional networks through network slimming", ICCV 2017, arXiv 1708.06519.
 *
 * Trains with s·Σ|γ| over all BatchNorm scales (s = 1e-4 for VGG, 1e-5 for ResNet-164 and DenseNet-40), ranks the channels of
 * all layers together by |γ|, takes out the lowest, and trains the rest as long again. Trainings too short for the strength to have
 * an effect have a larger one here.
 */
import type { StructuredMethod } from '../method.js';

export const networkSlimming: StructuredMethod = {
  name: 'network-slimming',
  summary:
    'Network slimming: a penalty on all BatchNorm scales, of which the smallest are removed (Liu et al., 2017)',
  source: {
    paper:
      'Liu et al.: “Learning efficient convolutional networks through network slimming”, ICCV 2017, arXiv 1708.06519',
    section: 'section 3',
  },
  defaults: { importance: 'slimming', sparse: 'l1', sparseStrength: 1e-4 },
  shares: { sparse: 1, fineTune: 1 },
};
