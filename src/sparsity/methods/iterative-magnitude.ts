/**
 * Iterative magnitude pruning: the smallest weights go in a few steps, with training in between.
 * Han et al.: "Learning both weights and connections for efficient neural networks", 2015, arXiv 1506.02626.
 *
 * Every update prunes the same fraction of what is left (an exponential schedule), ten of them in the first 80 % of the
 * run: number and end are ours.
 */
import { gradual } from '../gradual.js';

export const iterativeMagnitude = gradual({
  name: 'iterative-magnitude',
  summary: 'Magnitude pruning in a few steps with training in between (Han et al., 2015)',
  source: {
    paper:
      'Han et al.: “Learning both weights and connections for efficient neural networks”, 2015, arXiv 1506.02626',
    section: 'section 3',
  },
  defaults: { pruningSchedule: 'exponential', updates: 10 },
});
