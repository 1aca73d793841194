/**
 * FGGP: fixed-rate gradient-first gradual pruning.
 * Zhu, Bezek, Goksel, SCIA 2025, doi 10.1007/978-3-031-95911-0_1, arXiv 2411.05500.
 *
 * At every update, of the R weights that remain: the γR (γ = selectRatio) of smallest gradient are the candidates, and
 * of these the n of smallest magnitude go, for good, where n is what the cubic schedule asks for. γ stays the same
 * throughout, unlike GraNet's, which is annealed; γ = 1 is GMP, γR = n is pruning by gradient.
 *
 * As in the paper: all layers ranked together, the first convolution spared, the masks frozen after 80 % of the run,
 * about 50 updates. A 50 % sparse start is `startDensity: 0.5` (ERK; the count is exact where the released code draws
 * each weight by itself). That code shares the start out over all layers, the first convolution among them; here a spared layer is
 * dense from the beginning. In the paper's networks ERK leaves it dense too, so nothing differs. Where ERK would thin it,
 * `spareFirst: false` lets it take part, in the pruning as well. Two choices are ours: the last update is at T_end itself, so that the target is met exactly;
 * and biases do not count in the denominator, so that sparsities compare with other methods' (`countBiases: true` is
 * the released code).
 *
 * What the paper compares is settings:
 *   magnitude first     first: 'magnitude', score: 'gradient'; annealed in the released code (selectAnneal: true)
 *   gradient only       score: 'gradient', selectRatio: 1 (and first as it is)
 *   magnitude only      selectRatio: 1
 *   annealed ratio      selectAnneal: true (the candidates are the n that must go and p (R − n) more; p falls from γ to a
 *                       hundredth of it along half a cosine of the whole run, as GraNet's rate does from 0.5 to 0.005)
 * and the released code's moving averages are `averageWeight: 0.5` and `averageGradient: 0.5`.
 */
import { gradual } from '../gradual.js';

/** Prunes weights of small gradient and small magnitude during training: FGGP, Zhu, Bezek, Goksel, 2025 (arXiv 2411.05500). */
export const fggp = gradual({
  name: 'fggp',
  summary: 'Fixed-rate gradient-first gradual pruning (Zhu et al., 2025)',
  source: {
    paper: 'Zhu, Bezek, Goksel: “Fixed-rate gradient-first gradual pruning”, SCIA 2025, arXiv 2411.05500',
  },
  defaults: {
    first: 'gradient',
    selectRatio: 0.5,
    selectAnneal: false,
    score: 'magnitude',
    averageWeight: 0,
    averageGradient: 0,
    spareFirst: true,
  },
});
