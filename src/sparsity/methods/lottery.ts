/**
 * Lottery tickets: iterative magnitude pruning with rewinding.
 * Frankle, Carbin: "The lottery ticket hypothesis", ICLR 2019, arXiv 1803.03635; Frankle et al.: "Linear mode connectivity
 * and the lottery ticket hypothesis", ICML 2020, arXiv 1912.05671.
 *
 * The network is trained; the smallest weights go, all layers ranked together, the same fraction of what is left every
 * time; all that is left is set back to what it was after the first `rewind` of the first training (0: to where it began),
 * the optimiser forgets, and it is trained again, from that point of the learning-rate schedule on. All trainings lie in
 * one run: with 5 updates there are 6 of them, so each has about a sixth of the epochs. The papers prune 20 % each time,
 * more often the sparser the ticket; here `updates` says how often. Running statistics are set back too.
 */
import { gradual } from '../gradual.js';

export const lottery = gradual({
  name: 'lottery',
  summary: 'Lottery tickets: iterative magnitude pruning with rewinding (Frankle and Carbin, 2019)',
  source: {
    paper:
      'Frankle, Carbin: “The lottery ticket hypothesis”, ICLR 2019, arXiv 1803.03635; Frankle et al.: “Linear mode connectivity and the lottery ticket hypothesis”, ICML 2020, arXiv 1912.05671',
  },
  defaults: { pruningSchedule: 'exponential', updates: 5, rewind: 0.05 },
});
