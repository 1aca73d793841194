/**
 * GMP: gradual magnitude pruning.
 * Zhu, Gupta: "To prune, or not to prune", 2017, arXiv 1710.01878; Gale et al., 2019, arXiv 1902.09574.
 *
 * At every update the weights of smallest magnitude go, for good, as many as the cubic schedule asks for.
 *
 * All layers are ranked together and none is spared, as in the comparisons of GraNet and FGGP; the original ranks each
 * layer by itself at equal densities (`scope: 'layer'`). Schedule, end and number of updates are FGGP's, so that the two
 * differ in what they prune and in nothing else but `spareFirst`.
 */
import { gradual } from '../gradual.js';

/** Prunes the weights of smallest magnitude during training: gradual magnitude pruning, Zhu, Gupta, 2017 (arXiv 1710.01878). */
export const gmp = gradual({
  name: 'gmp',
  summary: 'Gradual magnitude pruning (Zhu and Gupta, 2017)',
  source: { paper: 'Zhu, Gupta: “To prune, or not to prune”, 2017, arXiv 1710.01878', section: 'section 3' },
  defaults: { score: 'magnitude' },
});
