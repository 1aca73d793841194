/**
 * Reverse-mode differentiation of a core graph: gradients are more core operators on the same tape.
 */
import type { Build, CoreNode, CoreOptions } from './core.js';
import { call, derivative, type Expression, input, operandsOf, substitute } from './expression.js';
import type { Tape } from './tape.js';

/**
 * Emits ∂L/∂v for every value in `wanted` and returns their names; a value that L does not depend on is left out.
 * @param seeds core values whose gradients are known, e.g. the logits with ∂L/∂logits.
 */
export function differentiate(
  t: Tape,
  seeds: ReadonlyMap<string, string>,
  wanted: readonly string[],
): Map<string, string> {
  const gradients = new Map<string, string>(seeds);
  const needed = dependants(t, wanted);
  for (const node of [...t.nodes].reverse()) {
    const dy = gradients.get(node.outputs[0]);
    if (dy === undefined || !node.inputs.some((name) => needed.has(name))) continue;
    const wants = node.inputs.map((name) => needed.has(name));
    t.layer = node.layer;
    const parts = node.gradient ? node.gradient(t, dy) : gradientOf(t, node, dy, wants);
    node.inputs.forEach((name, i) => {
      if (parts[i] === undefined || !wants[i]) return;
      // What all samples share has the sum of their gradients.
      const part = t.type(name).laned ? parts[i] : sumTo(t, parts[i], name);
      const sum = gradients.get(name);
      gradients.set(
        name,
        sum === undefined ? part : t.emit('elementwise', [sum, part], { expression: plus })[0],
      );
    });
  }
  t.layer = undefined;
  return new Map(wanted.flatMap((name) => (gradients.has(name) ? [[name, gradients.get(name)!]] : [])));
}

const plus = call('add', input(0), input(1));

/** Every value that depends on one of `roots`, these included. */
function dependants(t: Tape, roots: readonly string[]): Set<string> {
  const found = new Set(roots);
  for (const node of t.nodes) {
    if (node.inputs.some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  }
  return found;
}

type Rule<Name extends keyof CoreOptions> = (
  t: Build,
  node: CoreNode<Name>,
  dy: string,
  wants: readonly boolean[],
) => (string | undefined)[];

const gradientOf: Rule<keyof CoreOptions> = (t, node, dy, wants) => {
  const rule = rules[node.op] as Rule<keyof CoreOptions> | undefined;
  if (!rule) throw new Error(`The core operator ${node.op} has no gradient`);
  return rule(t, node, dy, wants);
};

const rules: { [Name in keyof CoreOptions]?: Rule<Name> } = {
  elementwise(t, node, dy, wants) {
    const { expression } = node.options;
    return node.inputs.map((name, k) => {
      if (!wants[k]) return undefined;
      const names = [...node.inputs, node.outputs[0], dy];
      const slope = substitute(derivative(expression, k), input, input(node.inputs.length));
      const part = elementwise(t, call('mul', slope, input(node.inputs.length + 1)), names);
      return part && sumTo(t, part, name);
    });
  },
  reduce(t, node, dy) {
    const [x] = node.inputs;
    if (node.options.how === 'sum') return [spread(t, dy, x)];
    const hit = call('equal', input(0), input(1));
    const ties = t.emit('reduce', [elementwise(t, hit, [x, node.outputs[0]])!], {
      ...node.options,
      how: 'sum',
    })[0];
    return [
      elementwise(t, call('div', call('mul', hit, input(2)), input(3)), [x, node.outputs[0], dy, ties]),
    ];
  },
  reshape: (t, node, dy) => [t.emit('reshape', [dy], { shape: t.type(node.inputs[0]).shape })[0]],
  transpose(t, node, dy) {
    const order: number[] = [];
    for (const [to, from] of node.options.order.entries()) order[from] = to;
    return [t.emit('transpose', [dy], { order })[0]];
  },
  slice(t, node, dy) {
    const { starts, steps, sizes } = node.options;
    return [unslice(t, dy, t.type(node.inputs[0]).shape, starts, steps, sizes)];
  },
  pad(t, node, dy) {
    const { shape } = t.type(node.inputs[0]);
    return [
      t.emit('slice', [dy], { starts: node.options.before, steps: shape.map(() => 1), sizes: shape })[0],
    ];
  },
  concat(t, node, dy, wants) {
    let from = 0;
    return node.inputs.map((name, k) => {
      const { shape } = t.type(name);
      const starts = shape.map((_, i) => (i === node.options.axis ? from : 0));
      from += shape[node.options.axis];
      return wants[k]
        ? t.emit('slice', [dy], { starts, steps: shape.map(() => 1), sizes: shape })[0]
        : undefined;
    });
  },
  expand: (t, node, dy) => [sumTo(t, dy, node.inputs[0])],
  conv(t, node, dy, wants) {
    const [x, w, bias] = node.inputs;
    const { window, groups } = node.options;
    return [
      wants[0]
        ? t.emit('convInput', [dy, w], { window, groups, spatial: t.type(x).shape.slice(2) })[0]
        : undefined,
      wants[1] ? t.emit('convWeight', [x, dy], { window, groups })[0] : undefined,
      wants[2] ? channelSum(t, dy, bias) : undefined,
    ];
  },
  convInput(t, node, dx, wants) {
    const [dy, w] = node.inputs;
    const { window, groups } = node.options;
    const padded = exactWindow(window, t.type(dx).shape.slice(2), t.type(dy).shape.slice(2));
    return [
      wants[0] ? t.emit('conv', [dx, w], { window: padded, groups })[0] : undefined,
      wants[1] ? t.emit('convWeight', [dx, dy], { window: padded, groups })[0] : undefined,
    ];
  },
  matmul(t, node, dy, wants) {
    const [a, b] = node.inputs;
    const rank = t.type(a).shape.length;
    const order = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    const flip = (name: string) => t.emit('transpose', [name], { order })[0];
    return [
      wants[0] ? t.emit('matmul', [dy, flip(b)], {})[0] : undefined,
      wants[1] ? t.emit('matmul', [flip(a), dy], {})[0] : undefined,
    ];
  },
  maxPool(t, node, dy) {
    const spatial = t.type(node.inputs[0]).shape.slice(2);
    return [t.emit('maxPoolInput', [dy, node.outputs[1]], { ...node.options, spatial })[0]];
  },
  positions(t, node, dy) {
    return [t.emit('positions', [dy], transposePositions(node.options, t.type(node.inputs[0]).shape[1]))[0]];
  },
  gather(t, node, dy) {
    const [table, indices] = node.inputs;
    return [t.emit('scatterSum', [dy, indices], { rows: t.type(table).shape[0] })[0], undefined];
  },
};

/** An element-wise node over just the operands its expression reads; undefined when the expression is 0. */
export function elementwise(t: Build, expression: Expression, names: readonly string[]): string | undefined {
  if (expression === 0) return undefined;
  if (typeof expression === 'object' && 'input' in expression) return names[expression.input];
  const used = [...operandsOf(expression)].sort((a, b) => a - b);
  const place = new Map(used.map((k, i) => [k, i]));
  const packed = substitute(expression, (k) => input(place.get(k)!));
  return t.emit(
    'elementwise',
    used.map((k) => names[k]),
    { expression: packed },
  )[0];
}

/** Sums `value` over whatever broadcasting (and lanes) gave it beyond the shape of `target`. */
export function sumTo(t: Build, value: string, target: string): string {
  const from = t.type(value);
  const to = t.type(target);
  const lead = from.shape.length - to.shape.length;
  const axes = from.shape.flatMap((dim, i) =>
    i < lead || (to.shape[i - lead] === 1 && dim !== 1) ? [i] : [],
  );
  const across = from.laned && !to.laned;
  if (axes.length === 0 && !across) return spread(t, value, target);
  const sum = t.emit('reduce', [value], { how: 'sum', axes, across })[0];
  return reshaped(t, sum, to.shape);
}

/** `value` as large as `target`: repeated along axes where it has one element. */
function spread(t: Build, value: string, target: string): string {
  const { shape } = t.type(target);
  return sameShape(t.type(value).shape, shape) ? value : t.emit('expand', [value], { shape })[0];
}

const reshaped = (t: Build, value: string, shape: readonly number[]): string =>
  sameShape(t.type(value).shape, shape) ? value : t.emit('reshape', [value], { shape })[0];

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((d, i) => d === b[i]);

/** Σ over everything but axis 1, shaped like the bias. */
function channelSum(t: Build, dy: string, bias: string): string {
  const axes = t
    .type(dy)
    .shape.map((_, i) => i)
    .filter((i) => i !== 1);
  const sum = t.emit('reduce', [dy], { how: 'sum', axes, across: t.type(dy).laned })[0];
  return reshaped(t, sum, t.type(bias).shape);
}

/** The transpose of a slice: the elements back at their places among zeros. */
function unslice(
  t: Build,
  dy: string,
  shape: readonly number[],
  starts: readonly number[],
  steps: readonly number[],
  sizes: readonly number[],
): string {
  let value = dy;
  let at = starts;
  if (steps.some((s) => s < 0)) {
    const mirrored = {
      starts: sizes.map((n, i) => (steps[i] < 0 ? n - 1 : 0)),
      steps: steps.map(Math.sign),
      sizes,
    };
    value = t.emit('slice', [value], mirrored)[0];
    at = starts.map((s, i) => (steps[i] < 0 ? s + (sizes[i] - 1) * steps[i] : s));
  }
  const gaps = steps.map((s, i) => (sizes[i] > 1 ? Math.abs(s) : 1));
  if (gaps.some((g) => g > 1)) value = spaced(t, value, sizes, gaps);
  const extent = sizes.map((n, i) => (n - 1) * gaps[i] + 1);
  const after = shape.map((d, i) => d - at[i] - extent[i]);
  return at.every((s) => s === 0) && after.every((a) => a === 0)
    ? value
    : t.emit('pad', [value], { before: at, after, value: 0 })[0];
}

/** Puts gaps[i]−1 zeros between neighbours along axis i: [n] → [n, 1] → pad [n, g] → [n·g] → cut the tail. */
function spaced(t: Build, value: string, sizes: readonly number[], gaps: readonly number[]): string {
  const paired = t.emit('reshape', [value], { shape: sizes.flatMap((n) => [n, 1]) })[0];
  const after = gaps.flatMap((g) => [0, g - 1]);
  const padded = t.emit('pad', [paired], { before: after.map(() => 0), after, value: 0 })[0];
  const joined = t.emit('reshape', [padded], { shape: sizes.map((n, i) => n * gaps[i]) })[0];
  return t.emit('slice', [joined], {
    starts: sizes.map(() => 0),
    steps: sizes.map(() => 1),
    sizes: sizes.map((n, i) => (n - 1) * gaps[i] + 1),
  })[0];
}

/** The window with as much padding behind as makes conv's output exactly `out` (transposed convolutions may leave slack). */
function exactWindow(w: CoreOptions['conv']['window'], size: readonly number[], out: readonly number[]) {
  const padsAfter = size.map(
    (n, i) => (out[i] - 1) * w.strides[i] + w.dilations[i] * (w.kernel[i] - 1) + 1 - n - w.padsBefore[i],
  );
  return { ...w, padsAfter };
}

/** The transpose of a sparse matrix in compressed rows. */
export function transposePositions(o: CoreOptions['positions'], columns: number): CoreOptions['positions'] {
  const start = new Int32Array(columns + 1);
  for (const column of o.from) start[column + 1]++;
  for (let i = 0; i < columns; i++) start[i + 1] += start[i];
  const next = start.slice();
  const from = new Int32Array(o.from.length);
  const weight = new Float32Array(o.from.length);
  for (let row = 0; row + 1 < o.start.length; row++) {
    for (let k = o.start[row]; k < o.start[row + 1]; k++) {
      const place = next[o.from[k]]++;
      from[place] = row;
      weight[place] = o.weight[k];
    }
  }
  return { start, from, weight };
}
