/**
 * FPGM: filter pruning via geometric median.
 * He et al., CVPR 2019, arXiv 1811.00250.
 *
 * Not the small filters go but the replaceable: those nearest to all others of their layer, Σⱼ‖Fᵢ − Fⱼ‖ smallest. The same
 * share of every layer.
 *
 * `fpgm` takes them out of a trained model and fine-tunes. `soft-fpgm` is the released code's way (that of soft filter
 * pruning, He et al., 2018): after every epoch of training they are set to 0, may grow again, and are chosen anew; at the end
 * what is 0 is taken out.
 */
import type { StructuredMethod } from '../method.js';

const source = {
  paper:
    'He et al.: “Filter pruning via geometric median for deep convolutional neural networks acceleration”, CVPR 2019, arXiv 1811.00250',
  section: 'section 3',
};

export const fpgm: StructuredMethod = {
  name: 'fpgm',
  summary: 'Filters nearest to the geometric median of their layer (He et al., 2019)',
  source,
  defaults: { importance: 'fpgm', allocate: 'uniform' },
  shares: { fineTune: 1 },
};

export const softFpgm: StructuredMethod = {
  name: 'soft-fpgm',
  summary: 'Soft FPGM: filters are set to 0 after every epoch and removed at the end (He et al., 2018, 2019)',
  source,
  defaults: { ...fpgm.defaults, sparse: 'soft' },
  shares: { sparse: 1 },
};
