/**
 * Writes a network down as a graph of standard ONNX operators (opset 17), layer by layer.
 *
 * A {@link Signal} carries its shape, so a layer says only what it adds: `x = b.conv(x, { out: 64, kernel: 3, name })`.
 * Layers with parameters are named like PyTorch modules, and their initialisers like PyTorch's state dictionary
 * (`layer1.0.conv1.weight`, `bn1.running_mean`); every other node is named after its input (`bn1.relu`).
 */
import { fail } from '../base/index.js';
import {
  type Attribute,
  float,
  floatTensor,
  type Graph,
  int,
  intList,
  intTensor,
  newSource,
  sizeOf,
} from '../onnx/index.js';
import { he, type Initialization, type Initialize, initialized, ones, zeros } from './initialize.js';

/** A value in the making; `shape` is without the batch: [C, H, W], or [F] once flattened. */
export interface Signal {
  name: string;
  shape: number[];
}

export interface BuilderOptions {
  /** The graph's name, used in messages too. */
  name: string;
  /** Seed of the first weights. */
  seed: number;
  /** First values of weights and biases; {@link he} if left out. BatchNormalization begins as the identity. */
  initialization?: Initialization;
}

/** [top, left, bottom, right], or one number for all. */
export type Padding = number | [number, number, number, number];

export interface WindowOptions {
  kernel: number | [number, number];
  /** Default: 1 for a convolution, the kernel for pooling. */
  stride?: number | [number, number];
  pad?: Padding;
  name?: string;
}

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

export type Builder = ReturnType<typeof builder>;

/** A slice's end that means "to the end", whatever the length. */
export const toTheEnd = 2 ** 31 - 1;

/** The largest tensor a protobuf file can hold, in float32 values. */
const largestTensor = 2 ** 29 - 1024;

const pair = (value: number | [number, number]): [number, number] =>
  typeof value === 'number' ? [value, value] : value;

/** Opens a graph. Throws a UserError where an image becomes too small for a layer, or a parameter too large for a file. */
export function builder(options: BuilderOptions) {
  const sheet = newSheet(options);
  return { ...ends(sheet), ...weighted(sheet), ...activations(sheet), ...pools(sheet), ...shapes(sheet) };
}

type Sheet = ReturnType<typeof newSheet>;

/** A graph to be written on, and what all layers are written with. */
function newSheet({ name: network, seed, initialization = he }: BuilderOptions) {
  const graph: Graph = {
    name: network,
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: new Map(),
    declared: new Map(),
    source: newSource(17),
  };
  const taken = new Set<string>();

  function unique(wanted: string): string {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}.${i}`;
    taken.add(name);
    return name;
  }

  function parameter(name: string, shape: number[], initialize: Initialize): string {
    if (sizeOf(shape) > largestTensor)
      fail(
        `The network ${network} would need ${shape.join(' × ')} values in ${name}, more than an ONNX file can hold; make it narrower or its images smaller.`,
      );
    graph.initializers.set(name, initialized(name, shape, seed, initialize));
    return name;
  }

  function integers(name: string, values: number[]): string {
    graph.initializers.set(name, intTensor([values.length], values));
    return name;
  }

  function scalar(name: string, value: number): string {
    graph.initializers.set(name, floatTensor([], [value]));
    return name;
  }

  /** Adds a node with one output that bears the node's name. */
  function node(
    op: string,
    name: string,
    inputs: string[],
    shape: number[],
    attributes: Record<string, Attribute> = {},
  ): Signal {
    graph.nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
    return { name, shape };
  }

  /** Output image and attributes of a sliding window. */
  function slide(x: Signal, layer: string, { kernel, stride = 1, pad = 0 }: WindowOptions, dilation = 1) {
    const kernelShape = pair(kernel);
    const strides = pair(stride);
    const pads = typeof pad === 'number' ? [pad, pad, pad, pad] : pad;
    const image = [0, 1].map(
      (i) =>
        Math.floor(
          (x.shape[1 + i] + pads[i] + pads[2 + i] - dilation * (kernelShape[i] - 1) - 1) / strides[i],
        ) + 1,
    );
    if (Math.min(...image) < 1)
      fail(
        `The images (${graph.inputs[0].shape?.slice(1).join('×')}) are too small for the network ${network}: at ${layer} only ${x.shape.slice(1).join('×')} is left of them; use larger images or a network with fewer strides.`,
      );
    return {
      image,
      attributes: {
        kernel_shape: intList(kernelShape),
        strides: intList(strides),
        pads: intList(pads),
      } as Record<string, Attribute>,
    };
  }

  return { graph, initialization, unique, parameter, integers, scalar, node, slide };
}

/** Where a graph begins and ends. */
const ends = ({ graph, unique }: Sheet) => ({
  /** A float32 graph input [N, …shape], the batch N symbolic. */
  input(name: string, shape: readonly number[]): Signal {
    graph.inputs.push({ name: unique(name), dtype: 'float32', shape: ['N', ...shape] });
    return { name, shape: [...shape] };
  },

  /** Closes the graph; the key is the name under which a signal leaves. */
  finish(outputs: Record<string, Signal>): Graph {
    for (const [name, signal] of Object.entries(outputs)) {
      for (const { inputs, outputs } of graph.nodes)
        for (const names of [inputs, outputs])
          names.forEach((value, i) => {
            if (value === signal.name) names[i] = name;
          });
      graph.outputs.push({ name, dtype: 'float32', shape: ['N', ...signal.shape] });
    }
    return graph;
  },
});

/** Layers with parameters. */
const weighted = ({ initialization, unique, parameter, node, slide }: Sheet) => ({
  /** Convolution [C, H, W] → [out, H′, W′]; no bias unless asked for. */
  conv(x: Signal, options: ConvOptions): Signal {
    const { out, groups = 1, dilation = 1, bias = false } = options;
    const name = unique(options.name);
    const { image, attributes } = slide(x, name, options, dilation);
    const shape = [out, x.shape[0] / groups, ...pair(options.kernel)];
    const inputs = [x.name, parameter(`${name}.weight`, shape, initialization.conv)];
    if (bias) inputs.push(parameter(`${name}.bias`, [out], initialization.bias(shape)));
    return node('Conv', name, inputs, [out, ...image], {
      ...attributes,
      dilations: intList([dilation, dilation]),
      group: int(groups),
    });
  },

  /** In inference form: y = weight · (x − running_mean) / √(running_var + 1e-5) + bias, per channel. */
  batchNorm(x: Signal, layer: string): Signal {
    const name = unique(layer);
    const per = (kind: string, initialize: Initialize) =>
      parameter(`${name}.${kind}`, [x.shape[0]], initialize);
    const inputs = [
      per('weight', ones),
      per('bias', zeros),
      per('running_mean', zeros),
      per('running_var', ones),
    ];
    const attributes = { epsilon: float(1e-5), momentum: float(0.9) };
    return node('BatchNormalization', name, [x.name, ...inputs], x.shape, attributes);
  },

  /** [F] → [out]: Gemm with the weight as [out, F], like PyTorch's Linear. */
  linear(x: Signal, options: { out: number; bias?: boolean; name: string }): Signal {
    const { out, bias = true } = options;
    const name = unique(options.name);
    const shape = [out, x.shape[0]];
    const inputs = [x.name, parameter(`${name}.weight`, shape, initialization.linear)];
    if (bias) inputs.push(parameter(`${name}.bias`, [out], initialization.bias(shape)));
    return node('Gemm', name, inputs, [out], { transB: int(1) });
  },
});

/** What keeps the image: activations, sums, concatenation. */
function activations({ unique, scalar, node }: Sheet) {
  /** An operator that keeps the shape and has one input. */
  const elementwise = (op: string) => (x: Signal) =>
    node(op, unique(`${x.name}.${op.toLowerCase()}`), [x.name], x.shape);
  return {
    relu: elementwise('Relu'),
    sigmoid: elementwise('Sigmoid'),
    hardSwish: elementwise('HardSwish'),

    relu6(x: Signal): Signal {
      const bounds = [scalar('relu6.min', 0), scalar('relu6.max', 6)];
      return node('Clip', unique(`${x.name}.relu6`), [x.name, ...bounds], x.shape);
    },

    add(a: Signal, b: Signal): Signal {
      return node('Add', unique(`${a.name}.add`), [a.name, b.name], a.shape);
    },

    /** Along the channels. */
    concat(signals: Signal[]): Signal {
      const channels = signals.reduce((sum, { shape }) => sum + shape[0], 0);
      const names = signals.map(({ name }) => name);
      const shape = [channels, ...signals[0].shape.slice(1)];
      return node('Concat', unique(`${names[0]}.concat`), names, shape, { axis: int(1) });
    },
  };
}

function pools({ unique, node, slide }: Sheet) {
  const pool = (op: 'MaxPool' | 'AveragePool') => (x: Signal, options: WindowOptions) => {
    const name = unique(options.name ?? `${x.name}.pool`);
    const { image, attributes } = slide(x, name, { stride: options.kernel, ...options });
    return node(op, name, [x.name], [x.shape[0], ...image], attributes);
  };
  return {
    maxPool: pool('MaxPool'),
    averagePool: pool('AveragePool'),

    /** [C, H, W] → [C, 1, 1]. */
    globalAveragePool(x: Signal): Signal {
      return node('GlobalAveragePool', unique(`${x.name}.mean`), [x.name], [x.shape[0], 1, 1]);
    },
  };
}

/** What only moves numbers. */
const shapes = ({ unique, integers, node }: Sheet) => ({
  flatten(x: Signal): Signal {
    return node('Flatten', unique(`${x.name}.flat`), [x.name], [sizeOf(x.shape)], { axis: int(1) });
  },

  /** Zeros around [C, H, W]: how many before and after along each of the three axes. */
  pad(x: Signal, options: { before: number[]; after: number[]; name?: string }): Signal {
    const { before, after } = options;
    const name = unique(options.name ?? `${x.name}.pad`);
    const pads = integers(`${name}.pads`, [0, ...before, 0, ...after]);
    return node(
      'Pad',
      name,
      [x.name, pads],
      x.shape.map((length, i) => length + before[i] + after[i]),
    );
  },

  /** x[starts:ends:steps] along `axes`, with positive steps. */
  slice(x: Signal, options: SliceOptions): Signal {
    const { axes, starts, ends, steps = axes.map(() => 1) } = options;
    const name = unique(options.name ?? `${x.name}.slice`);
    const bounds = Object.entries({ starts, ends, axes, steps });
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      const end = Math.min(ends[i], shape[axis - 1]);
      shape[axis - 1] = Math.ceil((end - starts[i]) / steps[i]);
    });
    const inputs = bounds.map(([kind, values]) => integers(`${name}.${kind}`, values));
    return node('Slice', name, [x.name, ...inputs], shape);
  },
});
