/**
 * The rules by which defaults follow the situation. Each is about one setting, looks at what is known and at the settings before it, and
 * says what it chooses and why; what is given explicitly is never asked. docs/defaults.md lists them for people, with the runs that they
 * were chosen by.
 */
import { UserError } from '../../base/index.js';
import { onnxruntimeRounding } from '../../channels/index.js';
import { type GradualOptions, largestCut } from '../../sparsity/index.js';
import { learntMethod, maskingMethod, structuredMethod } from '../registry.js';
import { channelTargets } from '../settings.js';
import type { Situation } from './situation.js';

/** Settings of a recipe by name, as given and as chosen so far. */
export type Known = Readonly<Record<string, unknown>>;

/** A value that a rule chose. */
export interface Choice {
  value: unknown;
  /** A clause: goes on from "--lr 0.01, because …". */
  because: string;
}

/** Epochs of the run, which are chosen before any rule is asked. */
export const knownEpochs = (known: Known): number => known.epochs as number;

export type Rule = (known: Known, situation: Situation) => Choice | undefined;

/** Whether channels or arms are to go, as they are also where a mask names them, or nothing but a loss says how far. */
export const wantsChannels = (known: Known): boolean =>
  channelTargets.some((name) => known[name] !== undefined) ||
  known.dropArms !== undefined ||
  known.mask !== undefined ||
  (known.maxLoss !== undefined && known.sparsity === undefined);

/** Epochs below which nothing but what cuts at once or nearly so is worth it. */
const FEW_EPOCHS = 4;
/** Steps of an epoch at least, where samples are few. */
const STEPS = 16;
const LEAST_BATCH = 16;
const MOST_BATCH = 128;
/** Epochs below which samples are not seen often enough for augmentation to matter. */
const SEEN_OFTEN = 3;
/** Accuracy that the model may lose on augmented samples: with more it was not trained for such. */
const BEARABLE = 0.05;
/** Height of images below which crops and flips take away what they show. */
const TINY = 16;
/** Rates for weights that are good already: a tenth of those of a training. */
const gentle = { sgd: 0.01, adam: 0.0001, adamw: 0.0001 } as const;
/** The rate at which answers are learnt, and so many steps at which it makes up for what its first ones undo of a repaired model. */
const IMITATING = 0.001;
const SETTLED = 32;
/** Part of the weights that may be spared or rounded to whole ones beside what the schedule says. */
const SLACK = 0.002;
/** Part of the epochs that warm-up takes, at most one epoch. */
const WARM = 0.1;
/** Blocks that the narrowest layers should have at least, so that rounding does not decide what goes. */
const BLOCKS = 4;

/** Methods that learn anew what they keep, or go back to early weights: they need the rates of a training. */
const anew = (known: Known): boolean =>
  known.method === 'lottery' || learntMethod(known.method) !== undefined;

const removesChannels = (known: Known): boolean => structuredMethod(known.method) !== undefined;

const withoutData = (known: Known): boolean => known.data === 'none';

/** Whether a cut is repaired from samples, by a method that is free to be chosen. */
const repaired = (known: Known): boolean =>
  !withoutData(known) &&
  known.reconstruct !== false &&
  known.importance === undefined &&
  known.vote === undefined &&
  (known.maxLoss !== undefined || channelTargets.some((name) => known[name] !== undefined));

export const rules: Readonly<Record<string, Rule>> = {
  method(known, { command, trained, unlabelled }) {
    if (command !== 'prune') return undefined;
    if (wantsChannels(known) && trained && repaired(known) && (unlabelled || knownEpochs(known) === 0))
      return {
        value: 'reconstruction',
        because: `${knownEpochs(known) === 0 ? 'nothing is trained after the cut' : 'answers are harder to win back than to keep'}, and it takes the channels that the layers behind them can best make up for`,
      };
    if (known.mask !== undefined)
      return {
        value: 'l1-filters',
        because: 'the mask says which channels go, and nothing is trained before that',
      };
    if (wantsChannels(known))
      return {
        value: 'l1-filters',
        because: withoutData(known)
          ? 'it looks at nothing but weights'
          : 'it cuts at once and leaves all epochs to what is left; methods that train before they cut are made for hundreds',
      };
    if (known.sparsity === undefined) return undefined;
    if (withoutData(known)) return { value: 'magnitude', because: 'it looks at nothing but weights' };
    const few = knownEpochs(known) < FEW_EPOCHS;
    return few && trained
      ? {
          value: 'magnitude',
          because: 'what is left is solved for, and with so few epochs all of them go to that',
        }
      : { value: 'gmp', because: 'weights go a few at a time, with training in between' };
  },

  batch(known, { samples = 0 }) {
    const fitting = 2 ** Math.floor(Math.log2(samples / STEPS));
    const batch = Math.min(MOST_BATCH, Math.max(LEAST_BATCH, fitting));
    return withoutData(known) || batch === MOST_BATCH
      ? undefined
      : { value: batch, because: `${samples} samples would be too few steps in an epoch otherwise` };
  },

  augment(known, { trained, accuracy, augmented, pixels }) {
    if (withoutData(known) || pixels === undefined) return undefined;
    if (pixels < TINY)
      return { value: false, because: `crops and flips take away what images of ${pixels} pixels show` };
    if (!trained) return undefined;
    if (knownEpochs(known) < SEEN_OFTEN)
      return { value: false, because: 'with so few epochs no sample is seen often' };
    if (accuracy !== undefined && augmented !== undefined && augmented < accuracy - BEARABLE)
      return {
        value: false,
        because: `crops and flips as usual for these data take the model from ${percent(accuracy)} to ${percent(augmented)} on training samples`,
      };
    return undefined;
  },

  optimizer(known, { unlabelled }) {
    return unlabelled && !withoutData(known)
      ? { value: 'adam', because: 'outputs of any unit are learnt, for which its steps have the right size' }
      : undefined;
  },

  lr(known, { trained, unlabelled, samples = 0 }) {
    if (unlabelled && known.optimizer === 'adam' && !anew(known))
      return imitatingFor(removesChannels(known) ? stepsOf(known, samples) : SETTLED);
    if (!trained || withoutData(known) || anew(known)) return undefined;
    const optimizer = (known.optimizer ?? 'sgd') as keyof typeof gentle;
    return { value: gentle[optimizer], because: 'the model is trained, and higher rates undo that' };
  },

  warmup(known, { trained }) {
    const epochs = knownEpochs(known);
    if (!trained || withoutData(known) || anew(known) || !(epochs > 0)) return undefined;
    return {
      value: Math.min(1, Math.round(10 * WARM * epochs) / 10),
      because: 'the model is trained, and the first steps should not undo that',
    };
  },

  teacher(known, { command, trained, unlabelled }) {
    if (unlabelled || command !== 'prune' || !trained || withoutData(known) || anew(known)) return undefined;
    if (knownEpochs(known) === 0) return undefined;
    return { value: 'self', because: 'the model as it was is trained, and knows more than labels say' };
  },

  selectRatio(known, { samples = 0 }) {
    const method = maskingMethod(known.method);
    const options = { ...method?.defaults, ...known, method: method?.name } as unknown as Narrowing;
    if (!options.first || !options.selectRatio || options.selectAnneal || withoutData(known))
      return undefined;
    const updates = stepsOf(known, samples);
    const needed = Math.ceil(100 * (largest(options, updates) + SLACK)) / 100;
    return needed > options.selectRatio
      ? {
          value: Math.min(1, needed),
          because: `in so short a run an update takes up to ${percent(needed)} of what is left, and ${options.selectRatio} would offer fewer candidates`,
        }
      : undefined;
  },

  roundTo(known, { command, narrowest }) {
    if (command !== 'prune' || !removesChannels(known) || narrowest === undefined) return undefined;
    if (known.latency !== undefined) return undefined;
    const fitting = 2 ** Math.floor(Math.log2(Math.max(1, narrowest / BLOCKS)));
    return fitting >= onnxruntimeRounding
      ? undefined
      : {
          value: fitting,
          because: `blocks of ${onnxruntimeRounding} would take or spare half a layer and more where layers have ${narrowest} channels`,
        };
  },
};

type Narrowing = GradualOptions & { method: string };

/** What an update takes at the most; 0 where there is no room for one, which the run itself will say. */
function largest(options: Narrowing, steps: number): number {
  try {
    return largestCut(options, steps);
  } catch (error) {
    if (error instanceof UserError) return 0;
    throw error;
  }
}

/** Optimiser steps of the whole run. */
const stepsOf = (known: Known, samples: number): number =>
  knownEpochs(known) * Math.ceil(samples / ((known.batch as number | undefined) ?? MOST_BATCH));

/** Each of Adam's steps is as long as the rate, whatever the gradient: in few of them a lower one goes astray less far. */
function imitatingFor(steps: number): Choice {
  if (steps >= SETTLED || steps === 0)
    return { value: IMITATING, because: 'what the model answered is learnt, which does not wear out' };
  return {
    value: Math.max(1, Math.floor((10 * steps) / SETTLED)) / (10 / IMITATING),
    because: `in ${steps} ${steps === 1 ? 'step' : 'steps'} a higher one undoes more of what is repaired after the cut than it wins`,
  };
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

/** What the rules choose of what is not given, each seeing what those before it chose. */
export function choose(given: Known, situation: Situation): Map<string, Choice> {
  const chosen = new Map<string, Choice>();
  let known = given;
  for (const [name, rule] of Object.entries(rules)) {
    if (given[name] !== undefined) continue;
    const choice = rule(known, situation);
    if (!choice) continue;
    chosen.set(name, choice);
    known = { ...known, [name]: choice.value };
  }
  return chosen;
}
