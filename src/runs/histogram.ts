/** How weights are distributed. */
import { inRealNumbers } from '../graph/index.js';
import { floats, type Graph } from '../onnx/index.js';
import type { Histogram } from './summary.js';

const BINS = 60;
const DEVIATIONS = 4;

/** Histograms, over the same bins, of the weights that are not zero in several states of a model. */
export function histograms(graphs: readonly Graph[], names: readonly string[]): Histogram[] {
  const states = graphs.map((graph) => {
    const { initializers } = inRealNumbers(graph);
    return names.flatMap((name) => {
      const tensor = initializers.get(name);
      return tensor ? [floats(tensor)] : [];
    });
  });
  const limit = DEVIATIONS * Math.max(...states.map(rootMeanSquare)) || 1;
  return states.map((weights) => ({ limit, counts: countIn(weights, limit) }));
}

/** Of what is not zero. */
function rootMeanSquare(weights: readonly Float32Array[]): number {
  let [sum, count] = [0, 0];
  for (const values of weights)
    for (const x of values) {
      sum += x * x;
      count += x === 0 ? 0 : 1;
    }
  return count ? Math.sqrt(sum / count) : 0;
}

function countIn(weights: readonly Float32Array[], limit: number): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const values of weights)
    for (const x of values) {
      const bin = Math.floor(((x / limit + 1) / 2) * BINS);
      if (x !== 0) counts[Math.min(BINS - 1, Math.max(0, bin))]++;
    }
  return counts;
}
