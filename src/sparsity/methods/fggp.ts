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
 * each weight by itself). Two choices are ours: the last update is at T_end itself, so that the target is met exactly;
 * and biases do not count in the denominator, so that sparsities compare with other methods' (`countBiases: true` is
 * the released code).
 *
 * What the paper compares is settings:
 *   magnitude first     first: 'magnitude', score: 'gradient'
 *   gradient only       score: 'gradient', selectRatio: 1 (and first as it is)
 *   magnitude only      selectRatio: 1
 *   annealed ratio      selectAnneal: true (γ falls to a hundredth along half a cosine, as GraNet's rate does from 0.5 to
 *                       0.005; candidates are never fewer than what must go)
 * and the released code's moving averages are `averageWeight: 0.5` and `averageGradient: 0.5`.
 */
import { gradual } from '../gradual.js';

export const fggp = gradual({
  name: 'fggp',
  summary: 'Fixed-rate gradient-first gradual pruning (Zhu et al., 2025)',
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
