/**
 * A structured method is a setting of a few axes. A run of it goes through stages, each of which a setting can leave out:
 *
 * ```
 * sparse     trains the given model, pulling at all channels: a penalty, or filters that are set to 0 after every epoch
 * mask       scores the units, and says which go: so many that a target is met, those below a threshold, or those of a file
 * marked     trains the given model again, pulling only at the channels that will go
 * prune      takes them out, and measures BatchNorm's statistics anew
 * fine-tune  trains what is left
 * ```
 *
 * With several rounds the last but one and the last (mask, prune, fine-tune) are done as often, each time a step nearer to the
 * target.
 */
import {
  aboveZero,
  asMany,
  checked,
  choice,
  entryOf,
  flag,
  nameOn,
  number,
  type PaperSource,
  refuseNaN,
  type Setting,
  type Settings,
  whole,
} from '../base/index.js';
import { type Criterion, criteria, type Judge, type MethodOwn } from './judge/criteria.js';
import { type ImportanceName, type ImportanceSetting, importances } from './judge/importance.js';
import { type Pull, pulls } from './pull/regularize.js';

export const sparseStages = ['none', 'l1', 'l2', 'smooth-l1', 'lasso', 'depgraph', 'soft'] as const;
export const markedStages = ['none', 'l1', 'l2', 'smooth-l1', 'decay'] as const;
export const rules = ['target', 'threshold', 'energy'] as const;
export const allocations = ['uniform', 'global', 'sensitivity', 'knapsack', 'search'] as const;

/** The axes. */
export interface MethodSettings {
  /** What a unit is worth. */
  importance: ImportanceName;
  /**
   * How what goes is shared out among groups: all thinned alike, all units ranked together, by the measured loss of thinning
   * each, by the error that this makes of the network's outputs, as a knapsack, or the best of networks drawn at random.
   */
  allocate: (typeof allocations)[number];
  /**
   * What pulls at all channels before there is a mask. On the scales of BatchNorm: `l1`, `l2`, `smooth-l1`; on all parameters
   * of a unit: `lasso`, `depgraph`; `soft` sets the filters that would go to 0 after every epoch.
   */
  sparse: (typeof sparseStages)[number];
  /** Absent: the method's own, more in a short training, see {@link settledFor}. */
  sparseStrength?: number;
  /** What goes where no target says it: `threshold` compares importance, `energy` sums its squares within each group. */
  rule: (typeof rules)[number];
  /** Of importance: units above stay. */
  threshold?: number;
  /** Layers that share channels decide each by itself, and vote; with a target, on the least threshold at which a unit goes. */
  vote: boolean;
  /** What pulls at the channels that will go: a penalty on their scales, or a decay of scales and shifts to 0. */
  marked: (typeof markedStages)[number];
  /** Absent: by the length of the training, see {@link settledFor}. */
  markedStrength?: number;
  /** The penalty is on their shifts too, which are left over otherwise. Absent: in short trainings. */
  markedShifts?: boolean;
  /** How often units are scored, taken out, and the rest trained, on the way to the target. */
  rounds: number;
  /** Settings of the method's own, for importances and pulls of its own. */
  own?: MethodOwn;
}

/** How units are judged by a method's settings. */
export const importanceIn = ({
  importance,
  own,
}: MethodSettings): ImportanceSetting & { own?: MethodOwn } => ({
  ...importances[importance],
  own,
});

/** One of the stages, or a pull of a method's own. */
const pulling = <const Name extends string>(about: string, stages: readonly Name[]): Setting<Name> => {
  const setting = choice(about, stages);
  return {
    ...setting,
    ok: (value): value is Name => setting.ok(value) || Object.hasOwn(pulls, value as string),
  };
};

/** The axes as settings, but for those that methods of single weights have too. */
export const axisSettings = {
  importance: entryOf('how the importance of a channel is measured', importances),
  allocate: choice('how the channels to remove are distributed over the groups', allocations),
  rule: choice('which channels to remove when no target is given', rules),
  vote: flag('let layers that share channels vote on which of them to remove'),
  sparse: pulling('regularisation of all channels in a first training stage', sparseStages),
  sparseStrength: number(
    "strength of that regularisation (default: the method's, more on scales in a short training)",
    ...aboveZero,
  ),
  marked: pulling(
    'regularisation of only the channels that will be removed, in a second training of the original model',
    markedStages,
  ),
  markedStrength: number(
    'strength of that regularisation (default: 5e-4, more in a short training)',
    ...aboveZero,
  ),
  markedShifts: flag(
    'regularise the BatchNorm shifts of those channels as well (default: in short trainings)',
  ),
} satisfies { [Name in Exclude<keyof MethodSettings, 'threshold' | 'rounds' | 'own'>]-?: Setting };

/** Parts of a run's epochs. */
export interface Shares {
  sparse: number;
  marked: number;
  fineTune: number;
}

/** A method that removes whole channels: a name for a combination of settings. */
export interface StructuredMethod {
  /** The name after `--method`. */
  name: string;
  /** One line: what it is and whose. */
  summary: string;
  /** Where it comes from. */
  source?: PaperSource;
  /** Settings of its own, beside the axes. */
  settings?: Settings;
  /** What differs from `usual`. */
  defaults: Partial<MethodSettings>;
  /** How the epochs are shared among the stages; stages that are left out have none. */
  shares: Partial<Shares>;
}

/** Every axis where a method says nothing of it. */
export const usual: MethodSettings = {
  importance: 'group-norm',
  allocate: 'global',
  sparse: 'none',
  sparseStrength: 1e-4,
  rule: 'target',
  vote: false,
  marked: 'none',
  rounds: 1,
};

/** An importance of one's own: with a name, or a function that judges a unit by its slices of a layer's weights. */
export type OwnImportance =
  | (ImportanceSetting & { name: string })
  | ((slices: readonly Float64Array[], own: MethodOwn) => number[]);

/** Where a method differs from `usual`: axes by name, or importances and pulls of one's own. */
export type OwnSettings = Partial<
  Omit<MethodSettings, 'importance' | 'sparse' | 'marked' | 'own'> & {
    importance: ImportanceName | OwnImportance;
    sparse: MethodSettings['sparse'] | Pull;
    marked: MethodSettings['marked'] | Pull;
  }
>;

const share = number("part of a run's epochs", (x) => x >= 0, 'be a number of at least 0');
const shareRules = { sparse: share, marked: share, fineTune: share } satisfies {
  [Stage in keyof Shares]: Setting;
};

/** What a method may say of itself by default. */
const defaultRules = {
  ...axisSettings,
  threshold: number('importance above which units stay', (x) => x >= 0, 'be a number of at least 0'),
  rounds: whole('rounds on the way to the target', 1),
};

/** The method with every axis by its name, which stands for what was given as a function from then on. */
export function structuredMethod(
  definition: Omit<StructuredMethod, 'defaults' | 'shares'> & {
    /** Where it differs from the usual; axes may be functions of your own. */
    defaults?: OwnSettings;
    /** How the epochs are shared among the stages; default: all of them after the cut. */
    shares?: StructuredMethod['shares'];
  },
): StructuredMethod {
  const { name, summary, source, settings, shares = { fineTune: 1 }, defaults = {} } = definition;
  const axes = {
    importance: (value: string | OwnImportance) =>
      nameOn(
        { what: 'importance', axis: importances as Record<string, ImportanceSetting> },
        value,
        importanceOfOwn,
      ),
    sparse: pullName,
    marked: pullName,
  };
  const named = Object.entries(defaults).map(([axis, value]) => [
    axis,
    Object.hasOwn(axes, axis) ? axes[axis as keyof typeof axes](value as never) : value,
  ]);
  return {
    ...{ name, summary, source, settings },
    shares: checked(name, shareRules, shares),
    defaults: checked(name, { ...defaultRules, ...settings }, Object.fromEntries(named)),
  };
}

const importanceOfOwn = (own: OwnImportance): ImportanceSetting => {
  if (typeof own !== 'function') return own;
  const criterion = nameOn(
    { what: 'criterion', axis: criteria as Record<string, Judge> },
    own,
    (judge) => (slices, _, settings) => {
      const what = `The importance ${own.name}`;
      const values = asMany(what, judge(slices, settings), slices.length);
      refuseNaN(what, values, (unit) => slices[unit].every(Number.isFinite));
      return values;
    },
  );
  return {
    criterion: criterion as Criterion,
    parts: ['producers'],
    reduce: 'mean',
    normalize: 'mean',
    scope: 'global',
  };
};

const pullName = (value: string | Pull): string =>
  nameOn({ what: 'pull', axis: pulls as Record<string, Pull> }, value, (own) => own);
