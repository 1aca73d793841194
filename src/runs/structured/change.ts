/** Figures of a run beside what was asked for. */
import type { Recipe } from '../recipe.js';
import type { Change } from '../summary.js';
import { type Given, type GivenTarget, targetOf } from './defaults.js';

/** A figure before and after a run, with its target where the recipe has one. */
export function changeWith(recipe: Recipe) {
  const target = targetOf(recipe as unknown as Given);
  return (of: GivenTarget['of'], before: number, after: number): Change => {
    if (target?.of !== of) return { before, after };
    return { before, after, target: 'atMost' in target ? target.atMost : target.fraction * before };
  };
}
