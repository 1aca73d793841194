/** What a method's stages do to a training run: the hooks that its settings stand for. */
import { floats, type Graph } from '../../onnx/index.js';
import { type Hook, weightsOf, withWeights } from '../../train/index.js';
import type { Limits } from '../choose/order.js';
import { selectCounts } from '../choose/select.js';
import { type ImportanceSetting, importanceOf, importances } from '../judge/importance.js';
import { importanceIn, type MethodSettings, usual } from '../method.js';
import type { Channels, Selection } from '../types.js';
import { decay, softFilters } from './decay.js';
import { groupPenalty } from './groups.js';
import { penalty, pulls, scaleFactors } from './regularize.js';
import { isShort, markedStrengthFor, type Pulling, sparseStrengthFor } from './strength.js';

/** Whether a method can do nothing without BatchNorm's scales. */
export function needsScales({ importance, sparse, marked }: MethodSettings): boolean {
  const { parts }: ImportanceSetting = importances[importance];
  const judgesScales = parts?.every((part) => part === 'scales') ?? false;
  return judgesScales || marked !== 'none' || Object.hasOwn(pulls, sparse);
}

const nothing = ({ groups }: Channels): Selection =>
  new Map(groups.map(({ name, size }) => [name, new Array<boolean>(size).fill(false)]));

/** The settings that the length of a training decides where they are not given: those of penalties on scales. */
export const leftToLength = ({ sparse, marked }: Pick<MethodSettings, 'sparse' | 'marked'>): string[] => [
  ...(sparse === 'l1' || sparse === 'smooth-l1' ? ['sparseStrength'] : []),
  ...(marked === 'none' || marked === 'decay' ? [] : ['markedStrength', 'markedShifts']),
];

/**
 * The settings with what they leave to the length of a training. A penalty on scales is as strong as it has to be
 * ({@link sparseStrengthFor}, {@link markedStrengthFor}); in a short training shifts are marked too, which is ours: a
 * channel with a scale of 0 still hands on its shift, and there is no time to unlearn that after the cut. `published` is the
 * strength of the method's own first stage.
 */
export function settledFor(
  settings: MethodSettings,
  training: Pulling,
  published = usual.sparseStrength!,
): SettledSettings {
  const open = leftToLength(settings);
  return {
    ...settings,
    sparseStrength:
      settings.sparseStrength ??
      (open.includes('sparseStrength') ? sparseStrengthFor(training, published) : published),
    markedStrength: settings.markedStrength ?? markedStrengthFor(training),
    markedShifts: settings.markedShifts ?? isShort(training),
  };
}

/** How many marked scales are still larger than `threshold` after their training, of how many, and the largest. */
export function scalesAbove(
  { graph, channels }: Pick<StageOptions, 'graph' | 'channels'>,
  selection: Selection,
  threshold: number,
): { marked: number; above: number; largest: number } {
  const counts = { marked: 0, above: 0, largest: 0 };
  for (const [name, factors] of scaleFactors(graph, { channels, selection })) {
    const scales = floats(graph.initializers.get(name)!);
    factors.forEach((factor, i) => {
      if (factor === 0) return;
      counts.marked++;
      if (Math.abs(scales[i]) > threshold) counts.above++;
      counts.largest = Math.max(counts.largest, Math.abs(scales[i]));
    });
  }
  return counts;
}

/** Whether a unit that may go has a scale. */
export const hasScales = (graph: Graph, channels: Channels): boolean =>
  scaleFactors(graph, { channels, selection: nothing(channels) }).size > 0;

export interface StageOptions {
  graph: Graph;
  channels: Channels;
  settings: SettledSettings;
}

/** Settings that leave nothing to the length of a training. */
export type SettledSettings = MethodSettings &
  Required<Pick<MethodSettings, 'sparseStrength' | 'markedStrength' | 'markedShifts'>>;

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
          const importance = importanceOf(now, channels, importanceIn(settings));
          return selectCounts(channels, importance, counts ?? new Map(), limits);
        }),
      ];
    case 'lasso':
    case 'depgraph':
      return [groupPenalty({ channels, kind, strength })];
    default:
      return [
        penalty({
          ...{ kind, strength, own: settings.own },
          tensors: scaleFactors(graph, { channels, selection: nothing(channels) }),
        }),
      ];
  }
}

/** Of the training that pulls only at what `selection` removes; the settings say how strongly, and whether at shifts too. */
export function markedHooks({ graph, channels, settings }: StageOptions, selection: Selection): Hook[] {
  const { marked: kind, markedStrength: strength, markedShifts, own } = settings;
  if (kind === 'none') return [];
  const shifts = markedShifts || kind === 'decay';
  const tensors = scaleFactors(graph, { channels, selection, shifts });
  return [kind === 'decay' ? decay({ tensors }) : penalty({ tensors, kind, strength, own })];
}
