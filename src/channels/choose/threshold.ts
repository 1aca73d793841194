/**
 * The threshold of a layer by energy (OT, "optimal thresholding", Ye et al., 2020, as MaskSparsity's code has it): units of
 * least energy go as long as together they hold no more than a fraction δ of the layer's.
 */
import { ascending } from '../judge/importance.js';

export interface EnergyOptions {
  /** Fraction of the energy that may go; default 1e-4. */
  delta?: number;
  /** A layer whose scores are all below goes as a whole; default 1e-3. */
  floor?: number;
}

/** Whether each unit stays, by scores such as |γ|, whose squares are energies. All may go; floors are the selection's. */
export function keepEnergy(
  scores: ArrayLike<number>,
  { delta = 1e-4, floor = 1e-3 }: EnergyOptions = {},
): boolean[] {
  const energies = Array.from(scores, (score) => score * score);
  const kept = energies.map(() => true);
  if (energies.every((energy) => energy < floor * floor)) return kept.fill(false);
  const most = delta * energies.reduce((sum, energy) => sum + energy, 0);
  let gone = 0;
  for (const unit of ascending(energies)) {
    gone += energies[unit];
    if (gone > most) break;
    kept[unit] = false;
  }
  return kept;
}
