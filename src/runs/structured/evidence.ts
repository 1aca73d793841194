/**
 * By what a run that removes channels judges them, and puts a network right after a cut without training it: samples of its data, or,
 * where it has none, its weights and random inputs.
 */
import type { Channels, ChooseOptions } from '../../channels/index.js';
import type { Graph } from '../../onnx/index.js';
import type { Samples } from '../samples.js';
import type { Cut } from './repair.js';
import type { StageFacts } from './stages.js';

export interface Evidence {
  /** What a network without channels is tried on beside the one that has them at zero. */
  samples: Samples;
  /** Ways to judge the units of a network; those that need what there is not throw a UserError. */
  ways(graph: Graph, channels: Channels): Ways;
  /** What is left after a cut, put right as far as that takes no training, and how good it is on the way. */
  mend(cut: Cut): Promise<{ graph: Graph; facts: StageFacts }>;
}

/** Those of {@link ChooseOptions}. */
export type Ways = Required<Pick<ChooseOptions, 'saliency' | 'elimination' | 'evaluate' | 'distance'>>;
