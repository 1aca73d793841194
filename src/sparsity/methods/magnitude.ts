/**
 * Magnitude pruning: the smallest weights of the model go at once, then what is left is trained on.
 * Han et al.: "Learning both weights and connections for efficient neural networks", 2015, arXiv 1506.02626.
 *
 * It is for models that have been trained. All layers are ranked together; `scope: 'layer'` prunes each by itself.
 */
import { gradual } from '../gradual.js';

export const magnitude = gradual({
  name: 'magnitude',
  summary: 'One-shot magnitude pruning, then fine-tuning (Han et al., 2015)',
  source: {
    paper:
      'Han et al.: “Learning both weights and connections for efficient neural networks”, 2015, arXiv 1506.02626',
    section: 'section 3',
  },
  defaults: { pruningSchedule: 'one-shot', rounds: 1 },
});
