/** The settings of gradual pruning: the axes on which its methods are points. */
import {
  belowOne,
  choice,
  entryOf,
  flag,
  fraction,
  names,
  number,
  type Setting,
  upToOne,
  whole,
} from '../base/index.js';
import { type AllocationName, claims } from './allocation.js';
import { growths } from './growth.js';
import { objectives } from './objectives/index.js';
import type { GradualOptions } from './options.js';
import { patternSetting } from './pattern.js';
import { schedules } from './schedule.js';
import { scores } from './score.js';

export const gradualSettings = {
  sparsity: fraction('target: fraction of the prunable weights to remove, such as 0.9 or 90%'),
  pattern: patternSetting,
  score: entryOf('score by which weights are ranked', scores),
  objective: entryOf('the loss whose gradient scores the weights when pruning before training', objectives),
  perClass: whole('samples per class for that gradient (0: the first batch)', 0),
  rounds: whole('number of pruning rounds before training (0: prune during training)', 0),
  first: entryOf('score that first narrows down the candidates, as in --score', scores),
  selectRatio: number('fraction of the remaining weights that become candidates', ...upToOne),
  selectAnneal: flag(
    'anneal that fraction to a hundredth of itself over the run; weights that must go are always candidates',
  ),
  averageWeight: number(
    'decay of the moving average of the weights that are scored (0: no average)',
    ...belowOne,
  ),
  averageGradient: number(
    'decay of the moving average of the gradients that are scored (0: no average)',
    ...belowOne,
  ),
  scope: choice('rank the weights of all layers together, or of each layer by itself', ['global', 'layer']),
  allocation: choice(
    'density per layer for --scope layer: the same everywhere, or Erdős–Rényi-kernel',
    Object.keys(claims) as AllocationName[],
  ),
  pruningSchedule: entryOf('how sparsity rises during the run', schedules),
  endRatio: number('fraction of the run after which the masks are fixed', ...upToOne),
  interval: whole('steps between mask updates (0: chosen to give --updates)', 0),
  updates: whole('approximate number of mask updates when no interval is given', 1),
  growth: entryOf('which pruned weights grow back', growths),
  growthRatio: number('fraction of the weights exchanged at an update', ...upToOne),
  growthDecay: choice('how that fraction changes during the run', ['constant', 'cosine']),
  growthFloor: number('value that fraction falls to', ...belowOne),
  growthEnd: number('fraction of the run after which no weights are exchanged', ...upToOne),
  skipSteps: flag('skip the optimiser step at mask updates'),
  rewind: number('fraction of the first training whose weights the next rounds rewind to', ...belowOne),
  startDensity: number('density of random masks at the start (default: dense)', ...upToOne),
  startAllocation: choice(
    'density per layer at the start: the same everywhere, or Erdős–Rényi-kernel',
    Object.keys(claims) as AllocationName[],
  ),
  spareFirst: flag('do not prune the first convolution'),
  spareLast: flag('do not prune the output layer'),
  spare: names('names of weights not to prune; * matches any text, as in layer1.*', 'NAMES'),
  countBiases: flag('count biases, which are never pruned, in the denominator of the sparsity'),
  keepZeros: flag('keep weights pruned that are zero at the start'),
  allowEmpty: flag('allow a layer to lose all its weights'),
} satisfies { [Name in keyof GradualOptions]-?: Setting<NonNullable<GradualOptions[Name]>> };
