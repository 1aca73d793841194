/**
 * Supermasks: networks that are found, not trained (Zhou et al. 2019; Ramanujan et al. 2020). Their weights are drawn once
 * and stay; only the masks are learnt.
 *
 * With a density d of a layer's inputs left, the variance that keeps the signal at its size is 2 / (d · fan_in): `scaleFan`
 * multiplies the fan by the fraction kept. (The released code multiplies by its `prune_rate`, which means that fraction.)
 */
import { random } from '../../base/index.js';
import { initialize } from '../../nn/index.js';
import { floatTensor, type Graph } from '../../onnx/index.js';

export const frozenWeights = {
  /** ±√(2 / fan_in). */
  'signed-constant': initialize.signedConstant(),
  'kaiming-normal': initialize.kaimingNormal(),
};

export interface FrozenOptions {
  /** 'as-is' leaves the model's own. */
  frozenWeights: keyof typeof frozenWeights | 'as-is';
  scaleFan: boolean;
  density: number;
  seed: number;
}

/** The graph with random weights in the place of those named. */
export function drawWeights(graph: Graph, names: readonly string[], options: FrozenOptions): Graph {
  const { frozenWeights: kind, scaleFan, density, seed } = options;
  if (kind === 'as-is') return graph;
  const scale = scaleFan ? 1 / Math.sqrt(density) : 1;
  const initializers = new Map(graph.initializers);
  for (const name of names) {
    const { shape } = graph.initializers.get(name)!;
    const values = frozenWeights[kind](shape, random(seed, 'frozen', name));
    initializers.set(
      name,
      floatTensor(
        shape,
        values.map((x) => x * scale),
      ),
    );
  }
  return { ...graph, initializers };
}
