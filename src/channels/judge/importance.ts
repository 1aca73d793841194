/**
 * How much every unit of every group matters.
 *
 * A criterion judges the unit in each parameter of its group that counts (`parts`); the judgements of all those are reduced
 * to one, and that is normalised over the units of the group, so that groups can be ranked together. Published methods are
 * settings of these four ({@link importances}).
 */
import { fail, random } from '../../base/index.js';
import { floats, type Graph, type Tensor } from '../../onnx/index.js';
import { realWeights } from '../find/dequantized.js';
import { withMembers } from '../find/weights.js';
import type { Channels, Group, Member, Selection } from '../types.js';
import { type Criterion, criteria, type Judge, type MethodOwn } from './criteria.js';
import { numbersOf, type Part, partsIn } from './parts.js';

/** Of every group that can be judged, by name: how much each unit matters, more is better. */
export type Importance = ReadonlyMap<string, Float64Array>;

export interface ImportanceOptions {
  /** Default `energy`. */
  criterion?: Criterion;
  /** What of a group counts; default all of it. */
  parts?: readonly Part[];
  /** What the members of a group make together; default `mean`. */
  reduce?: Reduction;
  /** What is done to the units of a group at last; default `mean`: divided by their mean. */
  normalize?: ScoreNormalization;
  /** For the criterion `random`; default 0. */
  seed?: number;
  /** For a criterion of a method's own: the method's settings. */
  own?: MethodOwn;
  /** For the criterion `taylor`: (w·∂L/∂w)² of every parameter that counts, see `addSaliency`. */
  saliency?: ReadonlyMap<string, ArrayLike<number>>;
  /** For the criterion `reconstruction`: what `measureElimination` has found. */
  measured?: Importance;
}

/** What one parameter of a group says of each unit. */
export interface Judgement {
  tensor: string;
  part: Part;
  values: Float64Array;
}

export const reductions = {
  sum: (values) => values.reduce((sum, x) => sum + x, 0),
  mean: (values) => values.reduce((sum, x) => sum + x, 0) / values.length,
  max: (values) => Math.max(...values),
  product: (values) => values.reduce((product, x) => product * x, 1),
  first: (values) => values[0],
} satisfies Record<string, (values: readonly number[]) => number>;

export type Reduction = keyof typeof reductions;

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
const sumOf = (values: Float64Array): number => values.reduce((sum, x) => sum + x, 0);
const greatest = (values: Float64Array): number => values.reduce((most, x) => Math.max(most, x), -Infinity);
const over = (values: Float64Array, divisor: number): Float64Array => values.map((x) => ratio(x, divisor));

/**
 * `range` moves a group to 0 … 1, `gaussian` to mean 0 and variance 1; `lamp` divides each unit by the sum of those that
 * are not smaller, itself among them (Lee et al.: "Layer-adaptive sparsity for magnitude-based pruning", 2021).
 */
export const normalizations = {
  none: (values) => values,
  mean: (values) => over(values, sumOf(values) / values.length),
  max: (values) => over(values, greatest(values)),
  sum: (values) => over(values, sumOf(values)),
  range: (values) => {
    const least = -greatest(values.map((x) => -x));
    return over(
      values.map((x) => x - least),
      greatest(values) - least,
    );
  },
  gaussian: (values) => {
    const mean = sumOf(values) / values.length;
    const away = values.map((x) => x - mean);
    return over(away, Math.sqrt(sumOf(away.map((x) => x * x)) / values.length));
  },
  lamp: (values) => {
    const scores = new Float64Array(values.length);
    let sum = 0;
    for (const unit of ascending(values).reverse()) {
      sum += values[unit];
      scores[unit] = ratio(values[unit], sum);
    }
    return scores;
  },
} satisfies Record<string, (values: Float64Array) => Float64Array>;

export type ScoreNormalization = keyof typeof normalizations;

/** Units from the least to the greatest score; among equals the last comes first, so that the first is kept longest. */
export const ascending = (scores: ArrayLike<number>): number[] =>
  Array.from(scores, (_, unit) => unit).sort((a, b) => scores[a] - scores[b] || b - a);

/** An importance, and whether groups are meant to be ranked together. */
export interface ImportanceSetting extends ImportanceOptions {
  scope: 'global' | 'group';
}

const filters: ImportanceSetting = { parts: ['producers'], reduce: 'sum', normalize: 'none', scope: 'group' };
const gates: ImportanceSetting = { parts: ['scales'], reduce: 'mean', normalize: 'none', scope: 'global' };

/**
 * Published methods. A residual group has a scale in every block: their mean is Molchanov's division by the number of
 * blocks that share a gate.
 */
export const importances = {
  'l1-norm': { ...filters, criterion: 'l1' },
  'l2-norm': { ...filters, criterion: 'l2' },
  fpgm: { ...filters, criterion: 'fpgm' },
  slimming: { ...gates, criterion: 'l1' },
  'taylor-gates': { ...gates, criterion: 'taylor' },
  'taylor-weights': { ...gates, criterion: 'taylor', parts: ['producers'] },
  'group-norm': { criterion: 'energy', reduce: 'mean', normalize: 'mean', scope: 'global' },
  'group-taylor': { criterion: 'taylor', reduce: 'mean', normalize: 'mean', scope: 'global' },
  lamp: { criterion: 'energy', reduce: 'mean', normalize: 'lamp', scope: 'global' },
  reconstruction: { criterion: 'reconstruction', scope: 'global' },
  random: { ...filters, criterion: 'random', reduce: 'first', scope: 'global' },
  index: { ...filters, criterion: 'index', reduce: 'first' },
} satisfies Record<string, ImportanceSetting>;

export type ImportanceName = keyof typeof importances;

/**
 * Importance of every unit of every group that has a part that counts; groups without are absent (a convolution without
 * BatchNormalization has no scale).
 * @throws UserError where no group has one, a saliency is missing, or a weight is not a number.
 */
export function importanceOf(
  graph: Graph,
  channels: Channels,
  options: ImportanceOptions = {},
): Map<string, Float64Array> {
  const { reduce = 'mean', normalize = 'mean', criterion, measured } = options;
  if (criterion === 'reconstruction') return new Map(measured ?? unmeasured());
  const judged = [...judge(graph, channels, options)].map(([name, judgements]): [string, Float64Array] => {
    const reduced = judgements[0].values.map((_, unit) =>
      reductions[reduce](judgements.map(({ values }) => values[unit])),
    );
    return [name, normalizations[normalize](reduced)];
  });
  return new Map(judged);
}

const unmeasured = (): never =>
  fail(
    'The importance by reconstruction is measured on samples and known for whole groups only: take it with prune, with data or --calibrate, or choose another, such as group-norm.',
  );

/** The same importance, with less than any for units that a selection has removed: they stay the first to go. */
export const removedFirst = (importance: Importance, removed: Selection): Importance =>
  new Map(
    [...importance].map(([name, scores]) => {
      const kept = removed.get(name);
      return [name, kept ? scores.map((score, unit) => (kept[unit] ? score : -Infinity)) : scores];
    }),
  );

/** What each parameter that counts says of every unit of its group, neither reduced nor normalised. */
export function judge(
  graph: Graph,
  channels: Channels,
  options: ImportanceOptions = {},
): Map<string, Judgement[]> {
  const { parts = ['producers', 'consumers', 'scales'] } = options;
  const partOf = partsIn(graph);
  const weightOf = realWeights(withMembers(graph));
  const judged = channels.groups.map((group): [string, Judgement[]] => [
    group.name,
    group.members.flatMap((member) => {
      const part = partOf(member);
      if (!part || !parts.includes(part)) return [];
      return [
        { tensor: member.tensor, part, values: valuesOf(weightOf(member.tensor), group, member, options) },
      ];
    }),
  ]);
  const found = judged.filter(([, judgements]) => judgements.length > 0);
  if (found.length === 0 && judged.length > 0)
    fail(
      `No group of channels has ${parts.join(' or ')} to be judged by: choose an importance that looks at ${parts.includes('scales') ? 'weights, such as group-norm' : 'other parts'}.`,
    );
  return new Map(found);
}

function valuesOf(
  tensor: Tensor | undefined,
  group: Group,
  member: Member,
  { criterion = 'energy', seed = 0, saliency, own = {} }: ImportanceOptions,
): Float64Array {
  if (!tensor) fail(`The groups were found in another model: this one has no weight '${member.tensor}'.`);
  const numbers =
    criterion === 'taylor' ? saliencyOf(member.tensor, tensor.data.length, saliency) : floats(tensor);
  const draw = random(seed, 'importance', group.name, member.tensor, member.axis);
  if (criterion === 'reconstruction') return unmeasured();
  const slices = numbersOf(numbers, tensor.shape, member);
  const values = Float64Array.from((criteria[criterion] as Judge)(slices, draw, own));
  const bad = values.findIndex(Number.isNaN);
  if (bad >= 0)
    fail(
      `The importance of unit ${bad} of '${group.name}' by ${member.tensor} is not a number, as its weights or gradients are not finite: if training made them so, lower its learning rate.`,
    );
  return values;
}

function saliencyOf(name: string, size: number, saliency: ImportanceOptions['saliency']): ArrayLike<number> {
  const found = saliency?.get(name);
  if (found?.length === size) return found;
  fail(
    `The Taylor importance needs the gradient of ${name}${found ? ` (${size} numbers, not ${found.length})` : ''}: accumulate it over some mini-batches first.`,
  );
}
