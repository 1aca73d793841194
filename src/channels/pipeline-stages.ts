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

/** Of the training that pulls only at what `selection` removes. */
export function markedHooks({ graph, channels, settings }: StageOptions, selection: Selection): Hook[] {
  const { marked: kind, markedStrength: strength } = settings;
  if (kind === 'none') return [];
  if (kind === 'decay')
    return [decay({ tensors: scaleFactors(graph, { channels, selection, shifts: true }) })];
  return [penalty({ tensors: scaleFactors(graph, { channels, selection }), kind, strength })];
}
