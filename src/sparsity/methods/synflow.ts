/**
 * SynFlow: iterative synaptic flow pruning, without data.
 * Tanaka, Kunin, Yamins, Ganguli: "Pruning neural networks without any data by iteratively conserving synaptic flow",
 * NeurIPS 2020, arXiv 2006.05467.
 *
 * Before training, in 100 rounds: the weights of least |w| ⊙ ∂R/∂|w| go, all layers ranked together, down to a density of
 * ρ^(k/100) after the k-th round, where ρ is the one to reach; `objectives/synaptic-flow.ts` says what R is.
 */
import { gradual } from '../gradual.js';

export const synflow = gradual({
  name: 'synflow',
  summary: 'Synaptic flow in 100 rounds before training, without data (Tanaka et al., 2020)',
  source: {
    paper:
      'Tanaka et al.: “Pruning neural networks without any data by iteratively conserving synaptic flow”, NeurIPS 2020, arXiv 2006.05467',
    section: 'section 6',
  },
  defaults: {
    score: 'magnitude-times-gradient',
    objective: 'synaptic-flow',
    pruningSchedule: 'exponential',
    rounds: 100,
  },
});
