/** For tests: small graphs in a few lines. */
import { normal, random, uniform } from '../base/index.js';
import { float, floatTensor, type Graph, int, intList, intTensor, newSource, sizeOf } from './index.js';

type Plain = Record<string, number | number[] | string>;

/** Attributes that are real numbers whatever their value. */
const reals = new Set(['epsilon', 'alpha', 'beta', 'value', 'bias']);

function attributesOf(plain: Plain): Graph['nodes'][number]['attributes'] {
  return Object.fromEntries(
    Object.entries(plain).map(([name, value]) => {
      if (typeof value === 'string') return [name, { type: 'string', value }];
      if (typeof value !== 'number') return [name, intList(value)];
      return [name, reals.has(name) ? float(value) : int(value)];
    }),
  );
}

/** A graph node by node; every node is named after its operator and has one output of that name unless told otherwise. */
export function sketch(opset = 17) {
  const graph: Graph = {
    name: 'sketch',
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: new Map(),
    declared: new Map(),
    source: newSource(opset),
  };
  let count = 0;
  const node = (op: string, inputs: string[], plain: Plain, outputs: string[]) =>
    graph.nodes.push({
      name: outputs[0],
      op: op.replace('vendor.', ''),
      domain: op.startsWith('vendor.') ? 'vendor' : '',
      inputs,
      outputs,
      attributes: attributesOf(plain),
    });
  const sketched = {
    /** The batch is open, and what is a symbol. */
    input(name: string, shape: (number | string)[], dtype: 'float32' | 'int64' = 'float32'): string {
      graph.inputs.push({ name, dtype, shape: ['N', ...shape] });
      return name;
    },
    /** Integers that only a run knows. */
    vector(name: string, size: number): string {
      graph.inputs.push({ name, dtype: 'int64', shape: [size] });
      return name;
    },
    /** Random numbers, a fan-in's worth each. */
    weight(name: string, ...shape: number[]): string {
      const size = sizeOf(shape);
      const scale = shape.length > 1 ? 1 / Math.sqrt(size / Math.max(...shape.slice(0, 2))) : 0.5;
      const r = random(1, name);
      const positive = name.endsWith('var');
      const data = Float32Array.from({ length: size }, () => {
        const value = scale * normal(r);
        return positive ? Math.abs(value) + 0.5 : value;
      });
      graph.initializers.set(name, floatTensor(shape, data));
      return name;
    },
    ints(...values: number[]): string {
      const name = `ints${count++}`;
      graph.initializers.set(name, intTensor([values.length], values));
      return name;
    },
    places(shape: number[], ...values: number[]): string {
      const name = `places${count++}`;
      graph.initializers.set(name, intTensor(shape, values));
      return name;
    },
    /** One for each channel, [C, 1, 1]. */
    bools(...values: number[]): string {
      const name = `bools${count++}`;
      const shape = [values.length, 1, 1];
      graph.initializers.set(name, { dtype: 'bool', shape, data: Uint8Array.from(values) });
      return name;
    },
    index(value: number): string {
      const name = `index${count++}`;
      graph.initializers.set(name, intTensor([], [value]));
      return name;
    },
    scalar(value: number): string {
      const name = `scalar${count++}`;
      graph.initializers.set(name, floatTensor([], [value]));
      return name;
    },
    op(op: string, inputs: string[], plain: Plain = {}, name = `${op}${count++}`): string {
      node(op, inputs, plain, [name]);
      return name;
    },
    ops(op: string, inputs: string[], plain: Plain, outputs: number): string[] {
      const names = Array.from({ length: outputs }, () => `${op}${count++}`);
      node(op, inputs, plain, names);
      return names;
    },
    /** int8 weights and a scale for each filter, made real again. */
    quantized(name: string, ...shape: number[]): string {
      const r = random(1, name);
      const data = Int8Array.from({ length: sizeOf(shape) }, () => Math.round(20 * normal(r)));
      graph.initializers.set(name, { dtype: 'int8', shape, data });
      const scale = floatTensor(
        [shape[0]],
        Float32Array.from({ length: shape[0] }, (_, i) => 0.01 * (i + 1)),
      );
      graph.initializers.set(`${name}.scale`, scale);
      const zero = { dtype: 'int8' as const, shape: [shape[0]], data: new Int8Array(shape[0]) };
      graph.initializers.set(`${name}.zero`, zero);
      return sketched.op('DequantizeLinear', [name, `${name}.scale`, `${name}.zero`], { axis: 0 });
    },
    /** uint8 weights around a zero point of their own for each filter, or around one for all, made real again. */
    unsigned(name: string, each: boolean, ...shape: number[]): string {
      const r = random(1, name);
      const size = sizeOf(shape) / shape[0];
      const count = each ? shape[0] : 1;
      const dims = each ? [count] : [];
      const zeros = Uint8Array.from({ length: count }, (_, i) => 108 + 9 * i);
      const data = Uint8Array.from({ length: sizeOf(shape) }, (_, i) => {
        return zeros[Math.floor(i / size) % count] + Math.max(-100, Math.min(60, Math.round(20 * normal(r))));
      });
      graph.initializers.set(name, { dtype: 'uint8', shape, data });
      const scales = Float32Array.from({ length: count }, (_, i) => 0.01 * (i + 1));
      graph.initializers.set(`${name}.scale`, floatTensor(dims, scales));
      graph.initializers.set(`${name}.zero`, { dtype: 'uint8', shape: dims, data: zeros });
      return sketched.op(
        'DequantizeLinear',
        [name, `${name}.scale`, `${name}.zero`],
        each ? { axis: 0 } : {},
      );
    },
    /** 4-bit weights [from, to], with a scale for every `block` of what they are multiplied by. */
    inBlocks(name: string, from: number, to: number, block: number): string {
      const r = random(1, name);
      const draw = (size: number) => Int8Array.from({ length: size }, () => Math.floor(16 * uniform(r)) - 8);
      graph.initializers.set(name, { dtype: 'int4', shape: [from, to], data: draw(from * to) });
      sketched.weight(`${name}.scale`, from / block, to);
      const zero = { dtype: 'int4' as const, shape: [from / block, to], data: draw((from / block) * to) };
      graph.initializers.set(`${name}.zero`, zero);
      const inputs = [name, `${name}.scale`, `${name}.zero`];
      return sketched.op('DequantizeLinear', inputs, { axis: 0, block_size: block });
    },
    /** An int8 vector of one scale, made real again along the default axis, which it does not have. */
    quantizedBias(name: string, size: number): string {
      const data = Int8Array.from({ length: size }, (_, i) => (7 * i) % 50);
      graph.initializers.set(name, { dtype: 'int8', shape: [size], data });
      return sketched.op('DequantizeLinear', [name, sketched.scalar(0.02)]);
    },
    floats(...values: number[]): string {
      const name = `floats${count++}`;
      graph.initializers.set(name, floatTensor([values.length], values));
      return name;
    },
    /** 3 × 3 with padding unless told otherwise; weights `name`, bias `name.b`. */
    conv(
      x: string,
      name: string,
      out: number,
      within: number,
      plain: Plain & { kernel?: number } = {},
    ): string {
      const { kernel = 3, ...rest } = plain;
      const w = sketched.weight(name, out, within, kernel, kernel);
      const bias = sketched.weight(`${name}.b`, out);
      const pad = (kernel - 1) / 2;
      return sketched.op('Conv', [x, w, bias], {
        pads: [pad, pad, pad, pad],
        kernel_shape: [kernel, kernel],
        ...rest,
      });
    },
    batchNorm(x: string, name: string, size: number): string {
      const parts = ['scale', 'bias', 'mean', 'var'].map((part) => sketched.weight(`${name}.${part}`, size));
      return sketched.op('BatchNormalization', [x, ...parts]);
    },
    /** MatMul and Add, the weight as [in, out]. */
    linear(x: string, name: string, from: number, to: number): string {
      const y = sketched.op('MatMul', [x, sketched.weight(name, from, to)]);
      return sketched.op('Add', [y, sketched.weight(`${name}.b`, to)]);
    },
    relu: (x: string): string => sketched.op('Relu', [x]),
    /** A global mean and a classifier `head`. */
    head(x: string, channels: number): string {
      const flat = sketched.op('Flatten', [sketched.op('GlobalAveragePool', [x])]);
      return sketched.op('Gemm', [flat, sketched.weight('head', 3, channels)], { transB: 1 });
    },
    declare(name: string, shape: (number | string)[]): void {
      graph.declared.set(name, { name, dtype: 'float32', shape });
    },
    finish(...outputs: string[]): Graph {
      for (const name of outputs) graph.outputs.push({ name, dtype: 'float32' });
      return graph;
    },
  };
  return sketched;
}

export type Sketch = ReturnType<typeof sketch>;
