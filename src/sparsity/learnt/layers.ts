/** Masked weights as the hooks of learnt masks see them, counted and reported. */
import { fail } from '../../base/index.js';
import { biasesBeside, findOperator, inputsThatAre, originIn } from '../../graph/index.js';
import { type Graph, type Node, sizeOf } from '../../onnx/index.js';
import type { TrainState } from '../../train/index.js';
import { census } from '../masks.js';
import { downTo } from '../places.js';
import { prunedAt } from '../schedule.js';
import type { Census } from '../types.js';
import { isMask, maskOf, scoresOf, thresholded } from './rewrite.js';

/** Live views, row-major. */
export interface MaskedLayer {
  name: string;
  weight: Float32Array;
  scores: Float32Array;
  /** 1 kept, 0 pruned: what evaluation and the export go by. */
  mask: Float32Array;
  biases: number;
}

/** The masked weights in the order of the graph; where a threshold decides, the mask is a copy. */
export function maskedLayers({ network }: Pick<TrainState, 'network'>): MaskedLayer[] {
  const { graph, parameters, state } = network;
  const [users, biasOf] = [usersOf(graph), biasesBeside(graph)];
  return graph.nodes.filter(isMask).map(({ op, inputs: [name] }) => {
    const { weight } = parameters.get(name)!;
    const scores = parameters.get(scoresOf(name))!.weight;
    const mask =
      op === 'ThresholdMask'
        ? thresholded(weight, scores[0]).map((x) => (x ? 1 : 0))
        : state.get(maskOf(name))!;
    const user = users.get(name);
    const bias = parameters.get((user && biasOf(user, name)) ?? '');
    return { name, weight, scores, mask, biases: bias?.weight.length ?? 0 };
  });
}

/** The node that multiplies by each weight, a mask or rounding in between. */
function usersOf({ nodes, ...graph }: Graph): Map<string, Node> {
  const origin = originIn({ nodes, ...graph });
  const users = new Map<string, Node>();
  for (const node of nodes) {
    if (node.domain === 'espalier') continue;
    for (const index of inputsThatAre(findOperator(node), 'weight')) {
      const name = origin(node.inputs[index] ?? '');
      if (name !== undefined && !users.has(name)) users.set(name, node);
    }
  }
  return users;
}

/** Throws a UserError where a sparsity leaves fewer weights than there are layers, and no layer may lose all. */
export function refuseTooFew(
  { initializers }: Graph,
  names: readonly string[],
  { sparsity, allowEmpty }: { sparsity: number; allowEmpty: boolean },
): void {
  const size = names.reduce((sum, name) => sum + sizeOf(initializers.get(name)!.shape), 0);
  const kept = size - prunedAt(size, 1 - sparsity);
  if (!allowEmpty && kept < names.length)
    fail(
      `A sparsity of ${sparsity} leaves ${kept} of ${size} weights for ${names.length} layers: ask for at most ${downTo((size - names.length) / size, 6)}, or let layers lose all their weights (--allow-empty).`,
    );
}

/** What a change of the masks looks like in the metrics. */
export interface LearntReport extends Census {
  iteration: number;
  /** The density that was asked for, where one is. */
  scheduled?: number;
  /** Layers that keep a weight only because none may be emptied. */
  held?: string[];
  final: boolean;
  /** Of probabilities: their sum, the number of weights kept on average; and how many lie in each twentieth of [0, 1]. */
  expected?: number;
  probabilities?: number[];
  /** Of learnt thresholds: each layer's. */
  thresholds?: number[];
}

export const report = (
  layers: readonly MaskedLayer[],
  { held = [], ...rest }: Omit<LearntReport, keyof Census>,
): LearntReport => ({ ...rest, ...(held.length > 0 && { held }), ...census(layers) });

const BINS = 20;

/** The sum of all probabilities and their histogram. */
export function distribution(layers: readonly MaskedLayer[]): { expected: number; probabilities: number[] } {
  const probabilities = new Array<number>(BINS).fill(0);
  let expected = 0;
  for (const { scores } of layers)
    for (let i = 0; i < scores.length; i++) {
      expected += scores[i];
      probabilities[Math.min(BINS - 1, Math.floor(scores[i] * BINS))]++;
    }
  return { expected, probabilities };
}
