/**
 * The modes of EasyPruner, the toolkit that MaskSparsity was published in (casia_iva_engineer/easypruner).
 *
 * `uniform`, `ratio` and `order` are its one-call modes: one share for every layer, one ranking of all, one threshold on the
 * scales. `ot` finds a threshold for each layer by energy (Ye et al., 2020: γ² of what goes is at most a ten-thousandth of the
 * layer's). `mask-l1` is MaskSparsity's second half with a mask of the model as it is; `grad-decay` takes marked scales and
 * shifts to 0 in a straight line instead. Both are made for models whose first half would be too long.
 */
import type { StructuredMethod } from '../method.js';
import { masksparsity } from './masksparsity.js';

const shares = { fineTune: 1 };
const marking = { marked: 1, fineTune: 1 };

export const uniform: StructuredMethod = {
  name: 'uniform',
  summary: 'The same share of every group, by L1 norm',
  defaults: { importance: 'l1-norm', allocate: 'uniform' },
  shares,
};

export const ratio: StructuredMethod = {
  name: 'ratio',
  summary: 'All units ranked together by BatchNorm scale',
  defaults: { importance: 'slimming' },
  shares,
};

export const order: StructuredMethod = {
  name: 'order',
  summary: 'Removes units with a BatchNorm scale of at most 0.01',
  defaults: { importance: 'slimming', rule: 'threshold', threshold: 0.01 },
  shares,
};

export const ot: StructuredMethod = {
  name: 'ot',
  summary:
    'Optimal thresholding: removes units that hold a ten-thousandth of their group’s energy (Ye et al., 2020)',
  source: { paper: 'Ye et al.: “Channel pruning via optimal thresholding”, 2020, arXiv 2003.04566' },
  defaults: { importance: 'slimming', rule: 'energy' },
  shares,
};

export const maskL1: StructuredMethod = {
  name: 'mask-l1',
  summary: 'MaskSparsity with a mask of the given model, by L1 norm',
  source: masksparsity.source,
  defaults: { importance: 'l1-norm', allocate: 'uniform', marked: 'l1' },
  shares: marking,
};

export const gradDecay: StructuredMethod = {
  name: 'grad-decay',
  summary: 'Scales and shifts of the channels that will be removed decay linearly to 0',
  defaults: { importance: 'l1-norm', allocate: 'uniform', marked: 'decay' },
  shares: marking,
};
