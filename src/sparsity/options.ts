/** The options of gradual pruning, and the sentences for values that make no sense. */

import { asMany, fail, nameOn } from '../base/index.js';
import type { AllocationName } from './allocation.js';
import { type Growth, type GrowthName, growths } from './growth.js';
import { type ObjectiveName, objectives } from './objectives/index.js';
import type { Objective } from './probe.js';
import { type PruningSchedule, type ScheduleName, schedules } from './schedule.js';
import { type OwnScore, type ScoreName, scoreName } from './score.js';

/** Options of the methods that remove single weights by a score. */
export interface GradualOptions {
  /** Fraction of the counted weights to remove, in (0, 1). */
  sparsity: number;
  /** In which pattern weights go: unstructured, N:M, which says by itself how many, or block:RxC. */
  pattern?: string;
  /** The score that decides. */
  score: ScoreName;
  /** The score that first narrows the candidates down to `selectRatio` of the remaining weights. */
  first?: ScoreName;
  /** Fraction of the remaining weights that become candidates, in (0, 1]. */
  selectRatio?: number;
  /** Let the share of candidates beyond those that must go fall from the select ratio to a hundredth of it, over the whole run. */
  selectAnneal?: boolean;
  /** Decay of the moving average of the weights that are scored; 0: no average. */
  averageWeight?: number;
  /** Decay of the moving average of the gradients that are scored; 0: no average. */
  averageGradient?: number;
  /** Rank all layers together, or each by itself with the counts that `allocation` gives. */
  scope: 'global' | 'layer';
  /** Density per layer where each is ranked by itself: the same everywhere, or Erdős–Rényi-kernel. */
  allocation: AllocationName;
  /** How sparsity rises during the run. */
  pruningSchedule: ScheduleName;
  /** Prune in so many rounds before the first step, each with scores of its own; 0: during training. */
  rounds: number;
  /** What is differentiated for the gradient that scores of such rounds read. */
  objective: ObjectiveName;
  /** It looks at so many images of every class; 0: at the run's first batch. */
  perClass?: number;
  /** Fraction of the run's iterations after which masks are frozen, in (0, 1]. */
  endRatio: number;
  /** Iterations between updates; 0: as many as give about `updates` of them (one-shot: at the first iteration). */
  interval: number;
  /** About how many mask updates there are where no interval is given. */
  updates: number;
  /** Also exchange weights layer by layer at every update: those of least score for pruned ones, by gradient or at random. */
  growth?: GrowthName;
  /** Fraction of a layer's weights that is exchanged, at first. */
  growthRatio?: number;
  /** It stays, or falls to `growthFloor` along half a cosine. */
  growthDecay?: 'constant' | 'cosine';
  /** The value that the growth ratio falls to. */
  growthFloor?: number;
  /** Fraction of the run's iterations after which nothing is exchanged any more. */
  growthEnd?: number;
  /** Leave the optimiser step out at updates. */
  skipSteps?: boolean;
  /** Train anew after every update, from the weights there were after this fraction of a training. */
  rewind?: number;
  /** Begin with random masks of this density, shared out by `startAllocation`; 1: dense (schedule constant: the target). */
  startDensity: number;
  /** Density per layer of the first masks: the same everywhere, or Erdős–Rényi-kernel. */
  startAllocation: AllocationName;
  /** Leave the first convolution as it is; it counts in the denominator all the same. */
  spareFirst: boolean;
  /** Leave the output layer as it is; it counts in the denominator all the same. */
  spareLast: boolean;
  /** Names of further layers to leave as they are; they count in the denominator all the same. */
  spare: string[];
  /** Put biases, which are never pruned, into the denominator. */
  countBiases: boolean;
  /** Take weights that are exactly zero before the start for pruned already. */
  keepZeros: boolean;
  /** Let a layer lose all its weights. */
  allowEmpty: boolean;
}

/** The defaults of a method: everything but the target. */
export type GradualDefaults = Omit<GradualOptions, 'sparsity'>;

/** What a gradual method leaves to its caller unless it says otherwise. */
export const gradualDefaults = {
  score: 'magnitude',
  scope: 'global',
  allocation: 'uniform',
  pruningSchedule: 'cubic',
  rounds: 0,
  objective: 'loss',
  endRatio: 0.8,
  interval: 0,
  updates: 50,
  startDensity: 1,
  startAllocation: 'erk',
  spareFirst: false,
  spareLast: false,
  spare: [],
  countBiases: false,
  keepZeros: true,
  allowEmpty: false,
} satisfies GradualDefaults;

/** What a method leaves to its caller unless it says otherwise, with the target. */
export type CommonName = 'sparsity' | 'pattern' | keyof typeof gradualDefaults;

/** Values of an axis may be given as functions, whose names then stand for them. */
export type Axes = {
  score: ScoreName | OwnScore;
  first: ScoreName | OwnScore;
  objective: ObjectiveName | Objective;
  pruningSchedule: ScheduleName | PruningSchedule;
  growth: GrowthName | Growth;
};

/** Options as they are given: axes by name or as functions. */
export type Given<Options> = {
  [Name in keyof Options]: Name extends keyof Axes ? Axes[Name] : Options[Name];
};

/** Options with every axis by name. */
export function named<Options extends object>(given: Options): Record<string, unknown> {
  const axes: Record<keyof Axes, (value: never) => string> = {
    score: scoreName,
    first: scoreName,
    objective: (value) => nameOn({ what: 'objective', axis: objectives }, value, (own: Objective) => own),
    pruningSchedule: (value) =>
      nameOn({ what: 'pruning schedule', axis: schedules }, value, (own: PruningSchedule) => own),
    growth: (value) =>
      nameOn(
        { what: 'growth rule', axis: growths },
        value,
        (own: Growth): Growth =>
          (layer, draw) =>
            asMany(`The growth rule ${own.name}`, own(layer, draw), layer.weight.length),
      ),
  };
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      value !== undefined && Object.hasOwn(axes, name) ? axes[name as keyof Axes](value as never) : value,
    ]),
  );
}

/** Completes options that are sound by themselves, and checks that they go together. @throws UserError where they do not. */
export function resolveOptions(
  method: string,
  defaults: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): GradualOptions {
  const options = { ...defaults, ...given } as unknown as GradualOptions;
  if (options.objective !== 'loss' && options.rounds === 0)
    fail(`The objective ${options.objective} is for pruning before training: set rounds to at least 1.`);
  if (options.rounds > 0 && (options.averageWeight || options.averageGradient || options.growth))
    fail(`With rounds, ${method} prunes before training: there is nothing yet to average or to exchange.`);
  if (options.rounds > 0 && options.rewind !== undefined)
    fail(
      `${method} prunes between trainings and has no rounds before them: leave rounds out; updates says how often it prunes.`,
    );
  if (options.pruningSchedule !== 'constant') return options;
  if (!options.growth)
    fail(`With the pruningSchedule constant ${method} prunes nothing: choose another, or a growth.`);
  if (options.startDensity !== 1)
    fail(
      `With the pruningSchedule constant ${method} starts at the target, so startDensity cannot be ${options.startDensity}: leave it out.`,
    );
  return options;
}
