/**
 * Inputs that always have the same value, such as a sampling rate, or the same shape: what follows from it is decided, and what only others lead
 * to goes.
 */
import { fail } from '../base/index.js';
import { emptyData, type Graph, type Tensor, type Value } from '../onnx/index.js';

/**
 * The model for the values or shapes that `text` gives to inputs, as 'NAME=VALUE' or 'NAME=N,C,H,W' with spaces between. What has a value is an input
 * of the file still, which is not looked at; the first axis of a shape stays open where it is.
 * @throws UserError for anything else, or a value for an input that is not a single number.
 */
export function withFixed(graph: Graph, text: string | undefined): Graph {
  if (text === undefined || graph.source.front) return graph;
  const values = new Map<string, Tensor>();
  const shapes = new Map<string, Value>();
  for (const part of text.trim().split(/\s+/)) {
    const { name, numbers } = partOf(part);
    const input = graph.inputs.find((each) => each.name === name);
    if (!input && graph.initializers.has(name)) continue;
    if (!input) refuseUnknown(graph, name);
    else if (numbers.length > 1) shapes.set(name, shaped(input, numbers));
    else values.set(name, tensorOf(input, numbers[0]));
  }
  const all = graph.inputs.map((input) => shapes.get(input.name) ?? input);
  const inputs = all.filter(({ name }) => !values.has(name));
  if (inputs.length === 0)
    fail('--fix gives every input of the model a value, so nothing is left to compute; leave one out.');
  if (values.size === 0) return { ...graph, inputs };
  const front = { inputs: all, outputs: graph.outputs, nodes: [], initializers: new Map() };
  return {
    ...graph,
    inputs,
    initializers: new Map([...graph.initializers, ...values]),
    source: { ...graph.source, front },
  };
}

function partOf(part: string): { name: string; numbers: number[] } {
  const equals = part.lastIndexOf('=');
  const [name, given] = [part.slice(0, equals), part.slice(equals + 1)];
  const numbers = given.split(',').map((number) => (number === '' ? Number.NaN : Number(number)));
  if (equals < 1 || !numbers.every(Number.isFinite))
    fail(
      `Cannot read ${JSON.stringify(part)}; write --fix NAME=VALUE or NAME=N,C,H,W, such as --fix 'sr=16000 input=1,512'.`,
    );
  return { name, numbers };
}

function refuseUnknown({ inputs }: Graph, name: string): never {
  const names = inputs.map((each) => each.name).join(', ');
  fail(`The model has no input ${JSON.stringify(name)} to fix; it has ${names}.`);
}

/** The input with its shape. */
function shaped(input: Value, dims: readonly number[]): Value {
  const { name, shape } = input;
  const fits = (dim: number, axis: number) => typeof shape?.[axis] !== 'number' || shape[axis] === dim;
  const counts = dims.every((dim) => Number.isSafeInteger(dim) && dim > 0);
  if (!counts || (shape && (shape.length !== dims.length || !dims.every(fits))))
    fail(
      `The input ${name} is declared as [${shape?.map((dim) => dim ?? '?').join(', ')}], which [${dims.join(', ')}] does not fit; correct --fix.`,
    );
  return { ...input, shape: dims.map((dim, axis) => (axis === 0 ? (shape?.[0] ?? undefined) : dim)) };
}

function tensorOf({ name, dtype, shape = [] }: Value, value: number): Tensor {
  if (dtype === 'string' || shape.length > 1 || (typeof shape[0] === 'number' && shape[0] > 1))
    fail(
      `The input ${name} is ${dtype} [${shape.map((dim) => dim ?? '?').join(', ')}]; --fix is for inputs of a single number.`,
    );
  const data = emptyData(dtype, 1) as unknown as (number | bigint)[];
  const big = dtype === 'int64' || dtype === 'uint64';
  if (big && !Number.isInteger(value)) fail(`The input ${name} takes whole numbers, and ${value} is none.`);
  data[0] = big ? BigInt(value) : value;
  return { dtype, shape: shape.map(() => 1), data: data as unknown as Tensor['data'] };
}
