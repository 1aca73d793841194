/**
 * RigL: the rigged lottery.
 * Evci, Gale, Menick, Castro, Elsen: "Rigging the lottery: making all tickets winners", ICML 2020, arXiv 1911.11134.
 *
 * Training starts at the target, with random masks of ERK densities. Every 100 iterations (a tenth of the span where a run is
 * shorter than ten of these), until three quarters of the run, each layer gives up the fraction (α/2)(1 + cos(πt/T_end)) of its weights that is smallest, α = 0.3, and gets as many
 * back where the dense gradient of the batch is largest, where they start at 0. Such an iteration is no optimiser step.
 */
import { gradual } from '../gradual.js';

export const rigl = gradual({
  name: 'rigl',
  summary: 'The rigged lottery: regrowth by gradient (Evci et al., 2020)',
  source: {
    paper:
      'Evci, Gale, Menick, Castro, Elsen: “Rigging the lottery: making all tickets winners”, ICML 2020, arXiv 1911.11134',
    section: 'section 3',
  },
  usualInterval: 100,
  defaults: {
    pruningSchedule: 'constant',
    growth: 'gradient',
    growthRatio: 0.3,
    growthDecay: 'cosine',
    growthFloor: 0,
    growthEnd: 0.75,
    skipSteps: true,
  },
});
