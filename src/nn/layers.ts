/** The layers that a network is written with, each a node or two on a {@link Sheet}. */
import { float, type Graph, int, intList, sizeOf } from '../onnx/index.js';
import { type Initialize, ones, zeros } from './initialize.js';
import {
  addIntegers,
  addNode,
  addParameter,
  addScalar,
  type NewNode,
  pair,
  type Sheet,
  type Signal,
  slideOver,
  uniqueName,
  type WindowOptions,
} from './sheet.js';

export interface ConvOptions extends WindowOptions {
  /** Output channels. */
  out: number;
  groups?: number;
  dilation?: number;
  bias?: boolean;
  name: string;
}

export interface SliceOptions {
  /** Axes of the batched value: 0 is the batch, 1 the channels. */
  axes: number[];
  starts: number[];
  ends: number[];
  steps?: number[];
  name?: string;
}

/** A slice's end that means "to the end", whatever the length. */
export const toTheEnd = 2 ** 31 - 1;

/** Where a graph begins and ends. */
export const endsOf = (sheet: Sheet) => ({
  /** A float32 graph input [N, …shape], the batch N symbolic. */
  input(name: string, shape: readonly number[]): Signal {
    sheet.graph.inputs.push({ name: uniqueName(sheet, name), dtype: 'float32', shape: ['N', ...shape] });
    return { name, shape: [...shape] };
  },

  /** Closes the graph; the key is the name under which a signal leaves. */
  finish(outputs: Record<string, Signal>): Graph {
    const { graph } = sheet;
    for (const [name, signal] of Object.entries(outputs)) {
      renameValue(graph, signal.name, name);
      graph.outputs.push({ name, dtype: 'float32', shape: ['N', ...signal.shape] });
    }
    return graph;
  },
});

function renameValue({ nodes }: Graph, from: string, to: string): void {
  for (const { inputs, outputs } of nodes)
    for (const names of [inputs, outputs])
      names.forEach((value, i) => {
        if (value === from) names[i] = to;
      });
}

/** Layers with parameters. */
export const weightedLayers = (sheet: Sheet) => ({
  /** Convolution [C, H, W] → [out, H′, W′]; no bias unless asked for. */
  conv(x: Signal, options: ConvOptions): Signal {
    const { out, groups = 1, dilation = 1, bias = false } = options;
    const name = uniqueName(sheet, options.name);
    const window = slideOver(sheet, x, { ...options, name });
    const shape = [out, x.shape[0] / groups, ...pair(options.kernel)];
    return addNode(sheet, {
      op: 'Conv',
      name,
      inputs: [x.name, ...weightAndBias(sheet, name, { shape, first: sheet.initialization.conv, bias })],
      shape: [out, ...window.image],
      attributes: {
        ...window.attributes,
        dilations: intList([dilation, dilation]),
        group: int(groups),
      },
    });
  },

  /** In inference form: y = weight · (x − running_mean) / √(running_var + 1e-5) + bias, per channel. */
  batchNorm(x: Signal, layer: string): Signal {
    const name = uniqueName(sheet, layer);
    const per = (kind: string, initialize: Initialize) =>
      addParameter(sheet, `${name}.${kind}`, { shape: [x.shape[0]], initialize });
    return addNode(sheet, {
      op: 'BatchNormalization',
      name,
      inputs: [
        x.name,
        per('weight', ones),
        per('bias', zeros),
        per('running_mean', zeros),
        per('running_var', ones),
      ],
      shape: x.shape,
      attributes: { epsilon: float(1e-5), momentum: float(0.9) },
    });
  },

  /** [F] → [out]: Gemm with the weight as [out, F], like PyTorch's Linear. */
  linear(x: Signal, options: { out: number; bias?: boolean; name: string }): Signal {
    const { out, bias = true } = options;
    const name = uniqueName(sheet, options.name);
    const shape = [out, x.shape[0]];
    return addNode(sheet, {
      op: 'Gemm',
      name,
      inputs: [x.name, ...weightAndBias(sheet, name, { shape, first: sheet.initialization.linear, bias })],
      shape: [out],
      attributes: { transB: int(1) },
    });
  },
});

/** The parameters of a layer, output axis first in its weight: their names. */
function weightAndBias(
  sheet: Sheet,
  layer: string,
  { shape, first, bias }: { shape: number[]; first: Initialize; bias: boolean },
): string[] {
  const weight = addParameter(sheet, `${layer}.weight`, { shape, initialize: first });
  if (!bias) return [weight];
  const initialize = sheet.initialization.bias(shape);
  return [weight, addParameter(sheet, `${layer}.bias`, { shape: shape.slice(0, 1), initialize })];
}

/** What keeps the image: activations, sums, concatenation. */
export function activationLayers(sheet: Sheet) {
  /** Adds a node that is named after its first input. */
  const after = (inputs: readonly Signal[], what: string, node: Omit<NewNode, 'name' | 'inputs'>): Signal =>
    addNode(sheet, {
      ...node,
      name: uniqueName(sheet, `${inputs[0].name}.${what}`),
      inputs: inputs.map(({ name }) => name),
    });
  /** An operator that keeps the shape and has one input. */
  const elementwise = (op: string) => (x: Signal) => after([x], op.toLowerCase(), { op, shape: x.shape });
  return {
    relu: elementwise('Relu'),
    sigmoid: elementwise('Sigmoid'),
    hardSwish: elementwise('HardSwish'),

    relu6(x: Signal): Signal {
      const bounds = [addScalar(sheet, 'relu6.min', 0), addScalar(sheet, 'relu6.max', 6)];
      const name = uniqueName(sheet, `${x.name}.relu6`);
      return addNode(sheet, { op: 'Clip', name, inputs: [x.name, ...bounds], shape: x.shape });
    },

    add(a: Signal, b: Signal): Signal {
      return after([a, b], 'add', { op: 'Add', shape: a.shape });
    },

    /** Along the channels. */
    concat(signals: Signal[]): Signal {
      const channels = signals.reduce((sum, { shape }) => sum + shape[0], 0);
      const shape = [channels, ...signals[0].shape.slice(1)];
      return after(signals, 'concat', { op: 'Concat', shape, attributes: { axis: int(1) } });
    },
  };
}

/** What makes the image smaller. */
export function poolLayers(sheet: Sheet) {
  const pool = (op: 'MaxPool' | 'AveragePool') => (x: Signal, options: WindowOptions) => {
    const name = uniqueName(sheet, options.name ?? `${x.name}.pool`);
    const { image, attributes } = slideOver(sheet, x, { stride: options.kernel, ...options, name });
    return addNode(sheet, { op, name, inputs: [x.name], shape: [x.shape[0], ...image], attributes });
  };
  return {
    maxPool: pool('MaxPool'),
    averagePool: pool('AveragePool'),

    /** [C, H, W] → [C, 1, 1]. */
    globalAveragePool(x: Signal): Signal {
      const name = uniqueName(sheet, `${x.name}.mean`);
      return addNode(sheet, { op: 'GlobalAveragePool', name, inputs: [x.name], shape: [x.shape[0], 1, 1] });
    },
  };
}

/** What only moves numbers. */
export const shapeLayers = (sheet: Sheet) => ({
  flatten(x: Signal): Signal {
    return addNode(sheet, {
      op: 'Flatten',
      name: uniqueName(sheet, `${x.name}.flat`),
      inputs: [x.name],
      shape: [sizeOf(x.shape)],
      attributes: { axis: int(1) },
    });
  },

  /** Zeros around [C, H, W]: how many before and after along each of the three axes. */
  pad(x: Signal, options: { before: number[]; after: number[]; name?: string }): Signal {
    const { before, after } = options;
    const name = uniqueName(sheet, options.name ?? `${x.name}.pad`);
    const pads = addIntegers(sheet, `${name}.pads`, [0, ...before, 0, ...after]);
    const shape = x.shape.map((length, i) => length + before[i] + after[i]);
    return addNode(sheet, { op: 'Pad', name, inputs: [x.name, pads], shape });
  },

  /** x[starts:ends:steps] along `axes`, with positive steps. */
  slice(x: Signal, options: SliceOptions): Signal {
    const { axes, starts, ends, steps = axes.map(() => 1) } = options;
    const name = uniqueName(sheet, options.name ?? `${x.name}.slice`);
    const bounds = Object.entries({ starts, ends, axes, steps });
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      const end = Math.min(ends[i], shape[axis - 1]);
      shape[axis - 1] = Math.ceil((end - starts[i]) / steps[i]);
    });
    const inputs = bounds.map(([kind, values]) => addIntegers(sheet, `${name}.${kind}`, values));
    return addNode(sheet, { op: 'Slice', name, inputs: [x.name, ...inputs], shape });
  },
});
