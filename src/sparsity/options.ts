/** The options of gradual pruning, and the sentences for values that make no sense. */
import { fail } from '../base/errors.js';
import { type AllocationName, claims } from './allocation.js';
import { type ObjectiveName, objectives } from './objectives/index.js';
import { type ScheduleName, schedules } from './schedule.js';
import { type ScoreName, scores } from './score.js';

export interface GradualOptions {
  /** Fraction of the counted weights to remove, in (0, 1). */
  sparsity: number;
  /** The score that decides. */
  score: ScoreName;
  /** The score that first narrows the candidates down to `selectRatio` of the remaining weights. */
  first?: ScoreName;
  selectRatio?: number;
  /** Let the share of candidates beyond those that must go fall from the select ratio to a hundredth of it, over the whole run. */
  selectAnneal?: boolean;
  /** Score with moving averages of |w| and |g| over the iterations: the share that the past keeps; 0: without. */
  averageWeight?: number;
  averageGradient?: number;
  /** Rank all layers together, or each by itself with the counts that `allocation` gives. */
  scope: 'global' | 'layer';
  allocation: AllocationName;
  schedule: ScheduleName;
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
  updates: number;
  /** Also exchange weights layer by layer at every update: those of least score for pruned ones, by gradient or at random. */
  growth?: 'gradient' | 'random';
  /** Fraction of a layer's weights that is exchanged, at first. */
  growthRatio?: number;
  /** It stays, or falls to `growthFloor` along half a cosine. */
  growthDecay?: 'constant' | 'cosine';
  growthFloor?: number;
  /** Fraction of the run's iterations after which nothing is exchanged any more. */
  growthEnd?: number;
  /** Leave the optimiser step out at updates. */
  skipSteps?: boolean;
  /** Train anew after every update, from the weights there were after this fraction of a training. */
  rewind?: number;
  /** Begin with random masks of this density, shared out by `startAllocation`; 1: dense (schedule constant: the target). */
  startDensity: number;
  startAllocation: AllocationName;
  /** Leave the first convolution as it is; it counts in the denominator all the same. */
  spareFirst: boolean;
  /** Leave the output layer as it is; it counts in the denominator all the same. */
  spareLast: boolean;
  /** Names of further layers to leave as they are; they count in the denominator all the same. */
  spare: readonly string[];
  /** Put biases, which are never pruned, into the denominator. */
  countBiases: boolean;
  /** Take weights that are exactly zero before the start for pruned already. */
  keepZeros: boolean;
  /** Let a layer lose all its weights. */
  allowEmpty: boolean;
}

interface Rule {
  ok: (value: unknown) => boolean;
  must: string;
}

const oneOf = (names: readonly string[]): Rule => ({
  ok: (value) => names.includes(value as string),
  must: `be one of ${names.join(', ')}`,
});
const number = (ok: (value: number) => boolean, must: string): Rule => ({
  ok: (value) => typeof value === 'number' && ok(value),
  must,
});
const fraction = number((x) => x > 0 && x <= 1, 'be a number above 0 and at most 1');
const belowOne = number((x) => x >= 0 && x < 1, 'be a number of at least 0 and below 1');
const flag: Rule = { ok: (value) => typeof value === 'boolean', must: 'be true or false' };

const rules: Record<keyof GradualOptions, Rule> = {
  sparsity: number((x) => x > 0 && x < 1, 'be a number between 0 and 1, both excluded (0.95 removes 95 %)'),
  score: oneOf(Object.keys(scores)),
  first: oneOf(Object.keys(scores)),
  selectRatio: fraction,
  selectAnneal: flag,
  averageWeight: belowOne,
  averageGradient: belowOne,
  scope: oneOf(['global', 'layer']),
  allocation: oneOf(Object.keys(claims)),
  schedule: oneOf(Object.keys(schedules)),
  rounds: number((x) => Number.isSafeInteger(x) && x >= 0, 'be a whole number (0 prunes during training)'),
  objective: oneOf(Object.keys(objectives)),
  perClass: number(
    (x) => Number.isSafeInteger(x) && x >= 0,
    "be a whole number of images (0 takes the run's first batch)",
  ),
  endRatio: fraction,
  interval: number(
    (x) => Number.isSafeInteger(x) && x >= 0,
    'be a whole number of iterations (0 chooses one)',
  ),
  updates: number((x) => Number.isSafeInteger(x) && x >= 1, 'be a whole number of at least 1'),
  growth: oneOf(['gradient', 'random']),
  growthRatio: fraction,
  growthDecay: oneOf(['constant', 'cosine']),
  growthFloor: belowOne,
  growthEnd: fraction,
  skipSteps: flag,
  rewind: belowOne,
  startDensity: fraction,
  startAllocation: oneOf(Object.keys(claims)),
  spareFirst: flag,
  spareLast: flag,
  spare: {
    ok: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
    must: 'be a list of weight names',
  },
  countBiases: flag,
  keepZeros: flag,
  allowEmpty: flag,
};

/** The defaults of a method: everything but the target. */
export type GradualDefaults = Omit<GradualOptions, 'sparsity'>;

/** What a gradual method leaves to its caller unless it says otherwise. */
export const gradualDefaults: GradualDefaults = {
  score: 'magnitude',
  scope: 'global',
  allocation: 'uniform',
  schedule: 'cubic',
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
};

/** Completes and checks options; those a method has no default for, it does not have. Throws a UserError. */
export function resolveOptions(
  method: string,
  defaults: GradualDefaults,
  given: Readonly<Record<string, unknown>>,
): GradualOptions {
  const known = ['sparsity', ...Object.keys(defaults)];
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  for (const name of Object.keys(set))
    if (!known.includes(name)) fail(`${method} has no option ${name}; it has ${known.join(', ')}.`);
  if (set.sparsity === undefined) fail(`${method} needs a sparsity to reach, such as 0.95.`);
  const options = { ...defaults, ...set } as GradualOptions;
  for (const name of known as (keyof GradualOptions)[])
    if (!rules[name].ok(options[name]))
      fail(
        `The option ${name} of ${method} must ${rules[name].must}, but is ${JSON.stringify(options[name])}.`,
      );
  if (options.objective !== 'loss' && options.rounds === 0)
    fail(`The objective ${options.objective} is for pruning before training: set rounds to at least 1.`);
  if (options.rounds > 0 && (options.averageWeight || options.averageGradient || options.growth))
    fail(`With rounds, ${method} prunes before training: there is nothing yet to average or to exchange.`);
  if (options.rounds > 0 && options.rewind !== undefined)
    fail(
      `${method} prunes between trainings and has no rounds before them: leave rounds out; updates says how often it prunes.`,
    );
  if (options.schedule !== 'constant') return options;
  if (!options.growth)
    fail(`With the schedule constant ${method} prunes nothing: choose another, or a growth.`);
  if (options.startDensity !== 1)
    fail(
      `With the schedule constant ${method} starts at the target, so startDensity cannot be ${options.startDensity}: leave it out.`,
    );
  return options;
}
