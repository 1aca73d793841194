/**
 * SNIP: single-shot network pruning based on connection sensitivity.
 * Lee, Ajanthan, Torr, ICLR 2019, arXiv 1810.02340.
 *
 * Before training, the weights of least |w ⊙ g| go, all layers ranked together; g is the gradient of the first batch's
 * loss (or that of `perClass` images of every class), so |w ⊙ g| is how much the loss changes, to first order, when a weight is removed. `rounds` above 1 prunes in
 * rounds with a `schedule` of choice.
 */
import { gradual } from '../gradual.js';

export const snip = gradual({
  name: 'snip',
  summary: 'Connection sensitivity of one batch before training (Lee et al., 2019)',
  source: {
    paper:
      'Lee, Ajanthan, Torr: “SNIP: single-shot network pruning based on connection sensitivity”, ICLR 2019, arXiv 1810.02340',
    section: 'section 4',
  },
  defaults: { score: 'magnitude-times-gradient', pruningSchedule: 'one-shot', rounds: 1, perClass: 0 },
});
