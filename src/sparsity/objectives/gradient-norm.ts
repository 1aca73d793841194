/**
 * Half the squared norm of the loss's gradient g by the prunable weights w. Its gradient is Hg, H the Hessian, and −w ⊙ Hg
 * tells how much the norm falls, to first order, when a weight is removed. Wang et al.: "Picking winning tickets before
 * training by preserving gradient flow" (GraSP), 2020, arXiv 2002.07376. As there, the loss is that of logits divided by
 * T = 200, BatchNorm normalises by the batch, which makes it part of the function that is differentiated, and Hg is exact:
 * the tangent of g along g (graph/tangent.ts), with ReLU″ = 0.
 *
 * As in the source's code a number of samples of every class, one class after the other, is cut into two halves. Each is
 * normalised by itself, and g and H are sums over both. The run's first batch, where that is asked for, stays whole.
 */
import { type Batch, part } from '../../data/index.js';
import { floatTensor, type Graph } from '../../onnx/index.js';
import { type Objective, openProbe, samplesOf } from '../probe.js';

const TEMPERATURE = 200;

export const gradientNorm: Objective = async (layers, around, options) => {
  const graph = cooled(around.network.snapshot());
  const samples = await samplesOf(around, options);
  const parts = options.perClass ? halves(samples) : [samples];
  const slope = openProbe(graph, layers, around, parts);
  const curvature = openProbe(graph, layers, around, parts, { curvature: true });
  return {
    close() {
      slope.close();
      curvature.close();
    },
    async gradients() {
      const weights = layers.map(({ weight }) => weight);
      const slopes = await slope.gradients(weights);
      const kept = slopes.map((gradient, l) => gradient.map((g, i) => g * layers[l].mask[i]));
      return curvature.gradients(weights, kept);
    },
  };
};

function halves(samples: Batch): Batch[] {
  const { count } = samples;
  const middle = count >> 1;
  const bounds = [
    [0, middle],
    [middle, count],
  ];
  return bounds.filter(([from, to]) => to > from).map(([from, to]) => part(samples, from, to));
}

/** The graph with its output divided by the temperature. */
function cooled(graph: Graph): Graph {
  const [output] = graph.outputs;
  const [name, factor] = [`${output.name}/cooled`, `${output.name}/temperature`];
  const inputs = [output.name, factor];
  const node = { name, op: 'Mul', domain: '', inputs, outputs: [name], attributes: {} };
  return {
    ...graph,
    nodes: [...graph.nodes, node],
    outputs: [{ ...output, name }],
    initializers: new Map(graph.initializers).set(factor, floatTensor([], [1 / TEMPERATURE])),
  };
}
