/**
 * Wanda: weights and activations.
 * Sun, Liu, Bair, Kolter: "A simple and effective pruning approach for large language models", ICLR 2024, arXiv 2306.11695.
 *
 * Before any training, those of least |w|·‖u‖₂ go, u being the inputs that a weight meets on samples without labels: in every row of every layer
 * equally many. The sums are those of `calibration`; what goes there is zero when the method begins, and the least in magnitude with it.
 */
import { type GradualMethod, gradual } from '../gradual.js';

export const wanda: GradualMethod = {
  ...gradual({
    name: 'wanda',
    summary: 'Magnitude times the norm of the inputs, on samples without labels (Sun et al., 2024)',
    source: {
      paper:
        'Sun, Liu, Bair, Kolter: “A simple and effective pruning approach for large language models”, ICLR 2024, arXiv 2306.11695',
      section: 'section 3',
    },
    defaults: { pruningSchedule: 'one-shot', rounds: 1, scope: 'layer', allocation: 'uniform' },
  }),
  calibrated: 'wanda',
};
