/** A pruning method in a training run: the trainer's hooks on one side, the method's layers on the other. */
import type { Parameter } from '../engine/index.js';
import { attr, type Graph, type Node } from '../onnx/index.js';
import type { Method, Plan, Prunable } from '../sparsity/index.js';
import type { Hook, TrainState } from '../train/index.js';

/** The hook of a method; `onPlan` is told the plan once it stands, fresh or restored. */
export function pruningHook(
  method: Method,
  options: Readonly<Record<string, unknown>>,
  onPlan: (plan: Plan) => void = () => {},
): Hook {
  let plan: Plan;
  let layers: Prunable[];
  return {
    start(state) {
      layers = prunables(state);
      plan = method.plan({ layers, iterations: state.iterations, seed: state.seed }, options);
      onPlan(plan);
      return method.start(plan, layers);
    },
    afterGradients: (_, iteration) => method.update(plan, layers, iteration),
    save: () => plan,
    restore(saved, state) {
      layers = prunables(state);
      plan = saved as Plan;
      onPlan(plan);
    },
  };
}

/** The trained weights that count, in the order of the graph. */
export function prunables({ network, training }: Pick<TrainState, 'network' | 'training'>): Prunable[] {
  const { graph, parameters } = network;
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const counted = [...parameters.values()].filter(
    ({ name, prunable }) => prunable && training.slots.has(name),
  );
  const order = new Map(graph.nodes.map((node, i) => [node.name, i]));
  counted.sort((a, b) => order.get(a.node)! - order.get(b.node)!);
  const first = counted.find(({ op }) => op === 'Conv');
  const last = counted[counted.length - 1];
  return counted.map((parameter) => {
    const { name, op, shape, weight } = parameter;
    const { gradient, state, mask } = training.slots.get(name)!;
    const node = nodes.get(parameter.node)!;
    return {
      name,
      op,
      shape,
      outputAxis: outputAxis(node, shape),
      weight,
      gradient,
      momentum: state,
      mask,
      biases: biasesOf(graph, node, parameters),
      first: parameter === first,
      last: parameter === last,
    };
  });
}

/** The axis of a weight that counts its layer's outputs. */
function outputAxis(node: Node, shape: readonly number[]): number {
  if (node.op === 'ConvTranspose') return 1;
  if (node.op === 'Gemm') return attr.int(node, 'transB', 0) ? 0 : 1;
  return node.op === 'MatMul' ? shape.length - 1 : 0;
}

/** Elements of the bias beside a layer's weight. */
function biasesOf(graph: Graph, node: Node, parameters: ReadonlyMap<string, Parameter>): number {
  const bias = parameters.get(node.inputs[2] ?? '');
  return bias && graph.initializers.has(bias.name) ? bias.weight.length : 0;
}
