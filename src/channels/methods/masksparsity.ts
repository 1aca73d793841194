/**
 * MaskSparsity: pruning-aware sparse regularisation.
 * Jiang et al., Machine Intelligence Research 20(1), 2023, arXiv 2201.06776.
 *
 * A penalty on all BatchNorm scales (network slimming) also pulls at channels that stay, which under-fit. So the penalty is
 * used twice. First on all scales, s = 5e-4, only to learn which channels go: those with |γ| ≤ 0.01, or as many as a target
 * asks for. Then the given model is trained once more, and the penalty is only on the scales of these:
 *
 *     L + s·Σ |γ_c| over the channels c that will go
 *
 * They are near 0 when they are taken out, the others have been left alone, and a short fine-tuning at a low rate follows.
 *
 * The released scripts train 100 epochs in each stage, with s = 5e-4 in both; shorter stages have a larger s here. Where a
 * target is given exactly the mask goes; without one, of the mask what the second training brought below the threshold.
 * Layers that share channels have the mean of their scales; the authors' vote is `vote: true`, with a target too. A channel whose scale
 * is 0 still gives the constant that its shift makes, which is lost with it. Over a hundred epochs the next layers unlearn it; in
 * short stages the penalty is on shifts as well, which is ours (`markedShifts: false` leaves them alone). The mask may
 * come from anywhere: `mask: FILE`.
 */
import type { StructuredMethod } from '../method.js';

export const masksparsity: StructuredMethod = {
  name: 'masksparsity',
  summary: 'MaskSparsity: a penalty on only the channels that will be removed (Jiang et al., 2023)',
  source: {
    paper:
      'Jiang et al.: “Pruning-aware sparse regularization for network pruning”, Machine Intelligence Research 20(1), 2023, arXiv 2201.06776',
  },
  defaults: {
    importance: 'slimming',
    sparse: 'l1',
    sparseStrength: 5e-4,
    rule: 'threshold',
    threshold: 0.01,
    marked: 'l1',
  },
  shares: { sparse: 1, marked: 1, fineTune: 1 },
};
