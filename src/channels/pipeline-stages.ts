/** What a method's stages do to a training run: the hooks that its settings stand for. */
import type { Graph } from '../onnx/model.js';
import { type Hook, weightsOf, withWeights } from '../train/index.js';
import { type ImportanceSetting, importanceOf, importances } from './importance.js';
import type { MethodSettings } from './method-types.js';
import type { Limits } from './order.js';
import { penalty, scaleFactors } from './regularize.js';
import { decay, softFilters } from './regularize-decay.js';
import { groupPenalty } from './regularize-groups.js';
import { selectCounts } from './select.js';
import type { Channels, Selection } from './types.js';

/** Whether a method can do nothing without BatchNorm's scales. */
export function needsScales({ importance, sparse, marked }: MethodSettings): boolean {
  const { parts }: ImportanceSetting = importances[importance];
  const judgesScales = parts?.every((part) => part === 'scales') ?? false;
  return judgesScales || marked !== 'none' || ['l1', 'l2', 'smooth-l1'].includes(sparse);
}

const nothing = ({ groups }: Channels): Selection =>
  new Map(groups.map(({ name, size }) => [name, new Array<boolean>(size).fill(false)]));

/** Whether a unit that may go has a scale. */
export const hasScales = (graph: Graph, channels: Channels): boolean =>
  scaleFactors(graph, { channels, selection: nothing(channels) }).size > 0;

export interface StageOptions {
  graph: Graph;
  channels: Channels;
  settings: MethodSettings;
}

/**
 * Of the training before there is a mask. Only channels that may go are pulled at. `soft` keeps as many units of each group as
 * `counts` says, those of greatest importance at the time.
 */
export function sparseHooks(
  { graph, channels, settings }: StageOptions,
  { counts, limits }: { counts?: ReadonlyMap<string, number>; limits: Limits },
): Hook[] {
  const { sparse: kind, sparseStrength: strength } = settings;
  switch (kind) {
    case 'none':
      return [];
    case 'soft':
      return [
        softFilters(channels, ({ network }) => {
          const now = withWeights(graph, weightsOf(network));
          const importance = importanceOf(now, channels, importances[settings.importance]);
          return selectCounts(channels, importance, counts ?? new Map(), limits);
        }),
      ];
    case 'lasso':
    case 'depgraph':
      return [groupPenalty({ channels, kind, strength })];
    default:
      return [
        penalty({ tensors: scaleFactors(graph, { channels, selection: nothing(channels) }), kind, strength }),
      ];
  }
}

/**
 * How strong a penalty on scales should be where nothing else is said: MaskSparsity's 5e-4, made for a hundred epochs, or in
 * shorter trainings as much as takes a scale of 1 to 0 in half of the time. Under SGD with momentum µ a constant gradient s
 * moves a scale by s·Ση/(1 − µ), where Ση is half of the highest learning rate times the steps, as along a cosine.
 */
export const strengthFor = (steps: number, learningRate: number, momentum = 0.9): number =>
  Math.max(5e-4, (4 * (1 - momentum)) / (learningRate * steps));

/** Of the training that pulls only at what `selection` removes; `usual` is the strength where the settings have none. */
export function markedHooks(
  { graph, channels, settings }: StageOptions,
  selection: Selection,
  usual: number,
): Hook[] {
  const { marked: kind, markedStrength: strength = usual, markedShifts } = settings;
  if (kind === 'none') return [];
  const shifts = markedShifts || kind === 'decay';
  const tensors = scaleFactors(graph, { channels, selection, shifts });
  return [kind === 'decay' ? decay({ tensors }) : penalty({ tensors, kind, strength })];
}
