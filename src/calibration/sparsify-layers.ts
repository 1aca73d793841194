/** Single weights of a whole graph set to zero, layer after layer, each by what the samples are once the layers before it have lost theirs. */
import { nearestStored, openQuantized } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { withWeights } from '../train/index.js';
import { byTap, type Neighbours, type Sparsifier, sparsified } from './sparsify.js';
import { type VisitOptions, visitLayers } from './visit.js';

export interface SparsifyLayersOptions
  extends Pick<VisitOptions, 'machine' | 'samples' | 'inputShapes' | 'signal' | 'onPlan' | 'memory'> {
  how: Sparsifier;
  /** How many weights stay of each that is named; the others stay whole. */
  kept: ReadonlyMap<string, number>;
  /** What goes together, or shares a count, along the input channels. */
  pattern?: Omit<Neighbours, 'order'>;
}

/**
 * Weights that stay are not rounded to 0 where they are stored as whole numbers.
 *
 * @returns the graph with exactly so many weights in every layer that could be looked at, and their names.
 * @throws UserError where the samples do not fit; the signal's reason when it stops.
 */
export async function sparsifyLayers(
  graph: Graph,
  { how, kept, pattern, ...options }: SparsifyLayersOptions,
): Promise<{ graph: Graph; layers: string[] }> {
  const layers: string[] = [];
  const model = openQuantized(graph);
  const nearest = nearestStored(graph);
  const which: VisitOptions['which'] = (all) => all.filter(({ weight }) => kept.has(weight));
  const weights = await visitLayers(
    { ...options, teacher: model, student: model, which },
    ({ layer, moments, weights: now }) => {
      const weight = now.get(layer.weight)!;
      const matrix = Float64Array.from(layer.at, (at) => weight[at]);
      const { inner, taps, outputs, groups } = layer;
      if (pattern && (inner / taps) % pattern.of !== 0) return;
      if (pattern && (outputs / groups) % (pattern.rows ?? 1) !== 0) return;
      const stored = nearest(layer.weight);
      const found = sparsified(matrix, moments, {
        how,
        stored: stored && ((value, at) => stored(value, layer.at[at])),
        kept: kept.get(layer.weight)!,
        pattern: pattern && { ...pattern, order: taps > 1 ? byTap(inner, taps) : undefined },
      });
      if (!found) return;
      for (const [i, at] of layer.at.entries()) weight[at] = found.matrix[i];
      layers.push(layer.weight);
    },
  );
  return { graph: withWeights(graph, weights), layers };
}
