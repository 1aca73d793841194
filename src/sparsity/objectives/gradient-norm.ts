/**
 * Half the squared norm of the loss's gradient g by the prunable weights w. Its gradient is Hg, H the Hessian, and −w ⊙ Hg
 * tells how much the norm falls, to first order, when a weight is removed. Wang et al.: "Picking winning tickets before
 * training by preserving gradient flow" (GraSP), 2020, arXiv 2002.07376. As there, the loss is that of logits divided by
 * T = 200, and BatchNorm normalises by the batch, which makes it part of the function that is differentiated. The batch is
 * the run's first instead of ten images a class; the source takes it in two halves, each normalised by itself.
 *
 * The engine has first derivatives, so Hg is their central difference over the same batch,
 *
 *   Hg = [∇L(w + εg) − ∇L(w − εg)] / 2ε + O(ε²) + O(u ‖g‖ / ε),   ε = h ‖w‖ / ‖g‖,   u = 2⁻²⁴.
 *
 * For a smooth function the error would be least at h ≈ u^⅓, about 10⁻⁵ there. But a ReLU's second derivative is a spike
 * that automatic differentiation leaves out and a difference does not: every input of one that changes sign within the
 * step adds its jump. So the step is small, h = 2⁻¹⁷, where few do, and rounding makes a relative error of about 10⁻³
 * (against float64 on a small residual network; at h = 2⁻⁸ the spikes outweighed the rest). With many activations some
 * inputs change sign all the same; theirs is the difference that remains from the source's Hg.
 */

import type { Graph } from '../../onnx/index.js';
import { floatTensor } from '../../onnx/index.js';
import { type Objective, openProbe } from '../probe.js';

const TEMPERATURE = 200;
const STEP = 2 ** -17;

export const gradientNorm: Objective = async (layers, around) => {
  const graph = cooled(around.network.snapshot());
  const probe = openProbe(graph, layers, around, await around.firstBatch());
  return {
    close: probe.close,
    async gradients() {
      const weights = layers.map(({ weight }) => weight);
      const slopes = (await probe.gradients(weights)).map((gradient, l) =>
        gradient.map((g, i) => g * layers[l].mask[i]),
      );
      const step = (STEP * norm(weights)) / (norm(slopes) || 1);
      const moved = (by: number) => weights.map((weight, l) => weight.map((w, i) => w + by * slopes[l][i]));
      const above = await probe.gradients(moved(step));
      const below = await probe.gradients(moved(-step));
      return above.map((gradient, l) => gradient.map((g, i) => (g - below[l][i]) / (2 * step)));
    },
  };
};

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

const norm = (parts: readonly Float32Array[]): number =>
  Math.sqrt(parts.reduce((sum, part) => part.reduce((own, x) => own + x * x, sum), 0));
