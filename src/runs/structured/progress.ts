/** Where a run that removes channels is: between two of its stages. */
import {
  type ChannelOptions,
  type Channels,
  composed,
  findChannels,
  followed,
  type Limits,
  type MethodSettings,
  type Selection,
  untied,
} from '../../channels/index.js';
import type { Graph } from '../../onnx/index.js';
import type { PruneRecipe } from '../recipe.js';
import type { Change } from '../summary.js';
import type { ModelTask } from '../task.js';
import type { Work } from '../work.js';
import type { Evidence } from './evidence.js';
import type { Costing } from './goal.js';
import type { Outcome, Stage, StageFacts } from './stages.js';

/** A run between two stages. */
export interface Progress {
  /** The given network, its BatchNorm put back where that was needed, and without the arms that are dropped. */
  readonly base: Graph;
  /** Its groups. */
  readonly whole: Channels;
  graph: Graph;
  /** What of `graph` will go. */
  mask?: Selection;
  /** Which units of `base` are kept. */
  kept: Selection;
  readonly done: { stage: Stage; facts: StageFacts }[];
}

/** What is left of a network, and how it came to that. */
export interface Pruned extends Omit<Progress, 'mask'> {
  /** BatchNorm was put back, and `graph` has it folded away again. */
  unfolded: boolean;
  /** Milliseconds, where they were the target. */
  latency?: Change;
}

/** A run with what its recipe comes to. */
export interface Running<T extends ModelTask = ModelTask> extends Work<PruneRecipe, T> {
  settings: MethodSettings;
  limits: Limits;
  /** Absent where a rule or a mask decides what goes. */
  costing?: Costing;
  evidence: Evidence;
}

/** What decides which channels there are. */
export const optionsOf = ({ recipe, task }: Work<PruneRecipe, ModelTask>): ChannelOptions => {
  const { heads, ignore, freeze } = recipe;
  return { inputShapes: task.inputShapes, heads, ignore, freeze };
};

/** Vectors that layers share are taken apart, so that each is trained and pruned as the layer's own. */
export function begin(work: Work<PruneRecipe, ModelTask>, given: Graph): Progress {
  const base = untied(given).graph;
  return { base, graph: base, whole: findChannels(base, optionsOf(work)), kept: new Map(), done: [] };
}

/** What may go of the network as it is. */
export const channelsNow = (
  work: Work<PruneRecipe, ModelTask>,
  { whole, kept, graph }: Pick<Progress, 'whole' | 'kept' | 'graph'>,
): Channels => followed(whole, kept, findChannels(graph, optionsOf(work)));

/** The run after a stage. */
export function after(
  work: Work<PruneRecipe, ModelTask>,
  before: Progress,
  stage: Stage,
  outcome: Outcome,
): Progress {
  const { selection, facts } = outcome;
  const { graph } = untied(outcome.graph);
  const anew = stage.kind === 'unfold' || stage.kind === 'depth';
  const start = anew ? begin(work, graph) : before;
  const next = { ...start, done: [...before.done, { stage, facts }] };
  if (stage.kind === 'mask') return { ...next, mask: selection };
  if (stage.kind !== 'prune') return { ...next, graph };
  const smaller = channelsNow(work, before);
  return { ...next, graph, mask: undefined, kept: composed(before.whole, before.kept, smaller, selection!) };
}

/** What is kept of the base, a mask that is not carried out yet included. */
export function keptOf(work: Work<PruneRecipe, ModelTask>, progress: Progress): Selection {
  const { whole, kept, mask } = progress;
  return mask ? composed(whole, kept, channelsNow(work, progress), mask) : kept;
}
