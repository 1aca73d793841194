/** For tests: one-node models, computed by expansion and by onnxruntime. */
import assert from 'node:assert/strict';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { random, uniform } from '../../base/index.js';
import {
  type Attribute,
  type DType,
  emptyData,
  floats,
  type Graph,
  type Node,
  newSource,
  serializeModel,
  sizeOf,
  type Tensor,
} from '../../onnx/index.js';
import type { Type } from '../core.js';
import { type Expanded, expandModel } from '../expand.js';
import { runCore } from '../reference/run.js';
import { type ReferenceValue, toLaned, toTensor, toValue } from '../reference/value.js';
import { operatorFor } from './index.js';

/** An input: a shape (random floats), or a tensor; given at run time unless `fixed`. */
export interface Given {
  shape: number[];
  dtype?: DType;
  values?: readonly number[];
  /** Random values lie between these; default −2 and 2. */
  between?: [number, number];
  fixed?: boolean;
}

export interface Case {
  op: string;
  /** Default ONNX's own. */
  domain?: string;
  opset: number;
  attributes?: Record<string, Attribute>;
  inputs: (Given | undefined)[];
  outputs?: number;
}

export function given(input: Given, index = 0): Tensor {
  const { shape, dtype = 'float32', values, between = [-2, 2] } = input;
  const data = emptyData(dtype, sizeOf(shape));
  const stream = random(7, index);
  const big = data instanceof BigInt64Array;
  for (let i = 0; i < data.length; i++) {
    const value = values ? values[i] : between[0] + (between[1] - between[0]) * uniform(stream);
    (data as (number | bigint)[] & typeof data)[i] = big ? BigInt(Math.floor(value)) : value;
  }
  return { dtype, shape, data };
}

/** A model of one node, its outputs declared as the operator infers them. */
export function modelOf({ op, domain = '', opset, attributes = {}, inputs, outputs = 1 }: Case): Graph {
  const names = inputs.map((input, i) => (input ? `in${i}` : ''));
  const outs = Array.from({ length: outputs }, (_, i) => `out${i}`);
  const node: Node = { name: 'node', op, domain, inputs: names, outputs: outs, attributes };
  const fixed = inputs.flatMap((input, i) => (input?.fixed ? [[names[i], given(input, i)] as const] : []));
  const types = inputs.map((input, i): Type | undefined => {
    if (!input) return undefined;
    const { dtype, shape } = given(input, i);
    return { dtype, shape, laned: !input.fixed, constant: input.fixed ? given(input, i) : undefined };
  });
  const inferred = operatorFor(node).infer({ node, opset, inputs: types });
  return {
    name: 'one',
    inputs: inputs.flatMap((input, i) =>
      input && !input.fixed ? [{ name: names[i], dtype: input.dtype ?? 'float32', shape: input.shape }] : [],
    ),
    outputs: outs.map((name, i) => ({ name, dtype: inferred[i].dtype })),
    nodes: [node],
    initializers: new Map(fixed),
    declared: new Map(),
    source: { ...newSource(opset), opsets: { '': opset, ...(domain && { [domain]: 1 }) } },
  };
}

/** Everything that an expanded model needs to be run: its constants, its initialisers, and laned inputs. */
export function valuesFor(
  graph: Graph,
  expanded: Expanded,
  inputs: Record<string, Tensor[]>,
): Map<string, ReferenceValue> {
  const values = new Map<string, ReferenceValue>();
  for (const [name, { constant }] of expanded.tape.types) if (constant) values.set(name, toValue(constant));
  for (const [name, tensor] of graph.initializers) {
    const core = expanded.values.get(name);
    if (core !== undefined) values.set(core, toValue(tensor));
  }
  for (const [name, tensors] of Object.entries(inputs)) values.set(name, toLaned(tensors));
  return values;
}

/** Asserts that a model computes what onnxruntime computes, shapes included. */
export async function agrees(
  graph: Graph,
  inputs: Record<string, Tensor>,
  tolerance = 1e-5,
  inputShapes?: Record<string, number[]>,
): Promise<void> {
  const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
  const feeds = Object.entries(inputs).map(([name, { dtype, data, shape }]) => [
    name,
    new OrtTensor(dtype as 'float32', data as Float32Array, shape),
  ]);
  const expected = await session.run(Object.fromEntries(feeds));
  const expanded = expandModel(graph, { inputShapes });
  const laned = Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, [tensor]]));
  const results = runCore(expanded.tape.nodes, valuesFor(graph, expanded, laned));
  for (const { name } of graph.outputs) {
    const actual = toTensor(results.get(expanded.values.get(name)!)!);
    const wanted = expected[name];
    assert.deepEqual(actual.shape, [...wanted.dims], `shape of ${name}`);
    const numbers = floats({
      dtype: wanted.type as DType,
      shape: [...wanted.dims],
      data: wanted.data as Float32Array,
    });
    numbers.forEach((value, i) => {
      const found = (actual.data as Float32Array)[i];
      const near =
        Object.is(found, value) || Math.abs(found - value) <= tolerance * Math.max(1, Math.abs(value));
      assert.ok(near, `${name}[${i}] is ${found}, onnxruntime says ${value}`);
    });
  }
  await session.release();
}

/** The same for a one-node model with random inputs. */
export async function caseAgrees(one: Case, tolerance?: number): Promise<void> {
  const inputs = one.inputs.flatMap((input, i) =>
    input && !input.fixed ? [[`in${i}`, given(input, i)] as const] : [],
  );
  await agrees(modelOf(one), Object.fromEntries(inputs), tolerance);
}
