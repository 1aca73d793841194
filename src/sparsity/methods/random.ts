/**
 * Random pruning, the least that any method must beat: all weights are worth the same, and as many as asked for go by lot
 * before training. Ranked together; `scope: 'layer'` gives every layer exactly the density of `allocation` (uniform, ERK).
 */
import { gradual } from '../gradual.js';

export const random = gradual({
  name: 'random',
  summary: 'Random pruning before training',
  defaults: { score: 'random', pruningSchedule: 'one-shot', rounds: 1 },
});
