/**
 * SparseGPT: optimal brain surgery, column by column.
 * Frantar, Alistarh: "SparseGPT: Massive language models can be accurately pruned in one-shot", ICML 2023, arXiv 2301.00774.
 *
 * Before any training, weights go by what their loss costs a layer's output on samples without labels, and the others of their row make up for it,
 * layer after layer with the inputs that the pruned layers before give. The surgery is in `calibration`.
 */
import { type GradualMethod, gradual } from '../gradual.js';

export const sparsegpt: GradualMethod = {
  ...gradual({
    name: 'sparsegpt',
    summary: 'Surgery column by column, on samples without labels (Frantar and Alistarh, 2023)',
    source: {
      paper:
        'Frantar, Alistarh: “SparseGPT: massive language models can be accurately pruned in one-shot”, ICML 2023, arXiv 2301.00774',
      section: 'section 3',
    },
    defaults: { pruningSchedule: 'one-shot', rounds: 1, scope: 'layer', allocation: 'uniform' },
  }),
  calibrated: 'sparsegpt',
};
