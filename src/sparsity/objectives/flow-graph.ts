/** The network through which synaptic flow runs: magnitudes for parameters, and values kept in range by levels. */

import { fail } from '../../base/index.js';
import { biasInput, findOperator, inferTypes } from '../../graph/index.js';
import { attr, floats, floatTensor, type Graph, type Node, type Tensor } from '../../onnx/index.js';
import type { Surroundings } from '../types.js';

/** By the name of a layer's output: what stands for v there is v · 2^−level. */
export type Levels = ReadonlyMap<string, number>;
export type Flow = Pick<Surroundings, 'network'>;

export const isLayer = ({ op }: Node): boolean => layers.has(op);

/** The shapes of inputs, batch first. */
export const shapesOf = ({ network }: Flow): Record<string, number[]> => network.batch.shapes;

/** A copy with the magnitudes of parameters, BatchNorm in inference form as Mul and Add, and no Dropout. */
export function flowGraph(around: Flow): Graph {
  const { network } = around;
  const graph = network.snapshot();
  const { types } = inferTypes(graph, { inputShapes: shapesOf(around) });
  const initializers = new Map(graph.initializers);
  const set = (name: string, values: Float32Array, shape: readonly number[]) =>
    initializers.set(name, floatTensor(shape, values));
  for (const name of [...network.parameters.keys(), ...network.state.keys()]) {
    const tensor = graph.initializers.get(name)!;
    set(name, floats(tensor).map(Math.abs), tensor.shape);
  }
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (node.op === 'Dropout') return [plain('Identity', node.name, [node.inputs[0]], node.outputs[0])];
    if (node.op !== 'BatchNormalization') return [node];
    const rank = types.get(node.inputs[0])!.shape.length;
    const { slope, shift } = lineOf(node, graph.initializers);
    const across = [slope.length, ...new Array<number>(rank - 2).fill(1)];
    const [slopes, shifts, between] = ['slope', 'shift', 'scaled'].map((part) => `${node.name}/${part}`);
    set(slopes, slope, across);
    set(shifts, shift, across);
    return [
      plain('Mul', slopes, [node.inputs[0], slopes], between),
      plain('Add', shifts, [between, shifts], node.outputs[0]),
    ];
  });
  return { ...graph, nodes, initializers };
}

const plain = (op: string, name: string, inputs: string[], output: string): Node => ({
  ...{ name, op, domain: '', inputs, outputs: [output], attributes: {} },
});

const layers = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul', 'Einsum']);
/** Their operands have to be at one level. */
const joins = new Set(['Add', 'Sum', 'Concat', 'Max', 'Min']);
/** What else commutes with multiplying one operand by a positive number. */
const linear = new Set([
  ...['Mul', 'Div', 'Relu', 'LeakyRelu', 'PRelu', 'Identity', 'Pad', 'Slice', 'Resize'],
  ...['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'ReduceMean', 'ReduceSum', 'ReduceMax'],
  ...['Flatten', 'Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Split', 'Cast'],
]);

/** A flow graph with its values at levels. @throws UserError where an operator of it is not homogeneous. */
export function atLevels(graph: Graph, levels: Levels): Graph {
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const scale = (name: string, exponent: number, output: string) => {
    initializers.set(`${output}/power`, floatTensor([], [2 ** exponent]));
    nodes.push(plain('Mul', `${output}/scaled`, [name, `${output}/power`], output));
    return output;
  };
  /** Of the values that depend on the input. */
  const level = new Map(graph.inputs.map(({ name }) => [name, 0]));
  for (const node of graph.nodes) {
    const flowing = node.inputs.filter((name) => level.has(name));
    if (node.op === 'Shape' || flowing.length === 0) {
      nodes.push(node);
      continue;
    }
    if (!joins.has(node.op) && (flowing.length > 1 || !(layers.has(node.op) || linear.has(node.op))))
      fail(
        `The synaptic flow of the model is beyond the range of numbers, and ${node.op} '${node.name}' does not let it be scaled: prune by another method, or scale the weights.`,
      );
    const top = Math.max(...flowing.map((name) => level.get(name)!));
    const inputs = node.inputs.map((name, i) => {
      const own = level.get(name) ?? (isAdded(node, i) ? 0 : top);
      return own === top || name === '' ? name : scale(name, own - top, `${node.name}/levelled/${i}`);
    });
    if (isLayer(node)) {
      const [output] = node.outputs;
      const own = levels.get(output) ?? top;
      nodes.push({ ...node, inputs, outputs: [`${output}/raw`] });
      scale(`${output}/raw`, top - own, output);
      level.set(output, own);
    } else {
      nodes.push({ ...node, inputs });
      for (const output of node.outputs) level.set(output, top);
    }
  }
  return { ...graph, nodes, initializers };
}

/** Whether an operand is added to the others: a bias, or a constant that joins. */
const isAdded = (node: Node, i: number): boolean => joins.has(node.op) || biasInput(findOperator(node)) === i;

/** BatchNorm in inference form, of magnitudes: slope = |γ| / √(|variance| + ε), shift = |β| − |mean| · slope. */
function lineOf(
  node: Node,
  initializers: ReadonlyMap<string, Tensor>,
): Record<'slope' | 'shift', Float32Array> {
  const [gamma, beta, mean, variance] = node.inputs
    .slice(1, 5)
    .map((name) => floats(initializers.get(name)!).map(Math.abs));
  const epsilon = attr.float(node, 'epsilon', 1e-5);
  const slope = gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon));
  return { slope, shift: beta.map((b, c) => b - mean[c] * slope[c]) };
}
