/** Arithmetic on shapes: broadcasting, and what the core operators make of them. */
import type { CoreNode, CoreOptions, Type, Window } from './core.js';

type Shape = readonly number[];

/** NumPy's broadcast of two shapes; undefined where they do not fit. */
export function broadcast(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** Elements of one value, at most: what a program's words can count. */
export const mostElements = 2 ** 31 - 1;

/** Spatial size of a convolution's or pool's output; `ceil` rounds up, but no window starts in the padding behind. */
export function windowOutput(spatial: Shape, w: Window, ceil = false): number[] {
  return spatial.map((size, i) => {
    const reach = w.dilations[i] * (w.kernel[i] - 1) + 1;
    const span = size + w.padsBefore[i] + w.padsAfter[i] - reach;
    if (!ceil) return Math.floor(span / w.strides[i]) + 1;
    const count = Math.ceil(span / w.strides[i]) + 1;
    return (count - 1) * w.strides[i] >= size + w.padsBefore[i] ? count - 1 : count;
  });
}

const one = (shape: Shape, laned: boolean): Pick<Type, 'shape' | 'laned'>[] => [{ shape, laned }];

/** Shapes and lanes of a core operator's outputs. @throws Error when the operands do not fit (a defect of the expansion). */
export function coreTypes(
  node: Pick<CoreNode, 'op' | 'options'>,
  inputs: readonly Type[],
): Pick<Type, 'shape' | 'laned'>[] {
  const [x, w] = inputs;
  const laned = inputs.some((i) => i.laned);
  const options = <Name extends keyof CoreOptions>() => node.options as CoreOptions[Name];
  switch (node.op) {
    case 'elementwise': {
      let shape: Shape = [];
      for (const i of inputs) {
        const joined = broadcast(shape, i.shape);
        if (!joined) throw new Error(`Cannot broadcast [${shape}] with [${i.shape}]`);
        shape = joined;
      }
      return one(shape, laned);
    }
    case 'reduce': {
      const { axes, across } = options<'reduce'>();
      return one(
        x.shape.map((d, i) => (axes.includes(i) ? 1 : d)),
        laned && !across,
      );
    }
    case 'reshape':
    case 'expand':
      return one(options<'reshape'>().shape, laned);
    case 'transpose':
      return one(
        options<'transpose'>().order.map((i) => x.shape[i]),
        laned,
      );
    case 'slice':
      return one(options<'slice'>().sizes, laned);
    case 'pad': {
      const { before, after } = options<'pad'>();
      return one(
        x.shape.map((d, i) => d + before[i] + after[i]),
        laned,
      );
    }
    case 'concat': {
      const { axis } = options<'concat'>();
      const total = inputs.reduce((sum, i) => sum + i.shape[axis], 0);
      return one(
        x.shape.map((d, i) => (i === axis ? total : d)),
        laned,
      );
    }
    case 'conv':
      return one(
        [x.shape[0], w.shape[0], ...windowOutput(x.shape.slice(2), options<'conv'>().window)],
        laned,
      );
    case 'convInput': {
      const { groups, spatial } = options<'convInput'>();
      return one([x.shape[0], w.shape[1] * groups, ...spatial], laned);
    }
    case 'convWeight': {
      const { groups, window } = options<'convWeight'>();
      return one([w.shape[1], x.shape[1] / groups, ...window.kernel], false);
    }
    case 'matmul':
      return one([...x.shape.slice(0, -1), w.shape[w.shape.length - 1]], laned);
    case 'maxPool': {
      const { window, ceil } = options<'maxPool'>();
      const shape = [...x.shape.slice(0, 2), ...windowOutput(x.shape.slice(2), window, ceil)];
      return [
        { shape, laned },
        { shape, laned },
      ];
    }
    case 'maxPoolInput':
      return one([...x.shape.slice(0, 2), ...options<'maxPoolInput'>().spatial], laned);
    case 'positions':
      return one([x.shape[0], options<'positions'>().start.length - 1, x.shape[2]], laned);
    case 'normalize': {
      const vector = { shape: [x.shape[1]], laned: false };
      return [vector, vector, vector, vector];
    }
    case 'normalizeInput':
      return [
        { shape: x.shape, laned: false },
        { shape: x.shape, laned: false },
      ];
    case 'gather':
      return one([w.shape[0], x.shape[1]], laned);
    case 'scatterSum':
      return one([options<'scatterSum'>().rows, x.shape[1]], false);
    case 'uniform': {
      const { shape, laned: varies } = options<'uniform'>();
      return one(shape, varies);
    }
    case 'crossEntropy':
      return [
        { shape: [1], laned: false },
        { shape: [1], laned: false },
        { shape: x.shape, laned: true },
      ];
    default:
      return node.op satisfies never;
  }
}
