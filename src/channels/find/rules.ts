/**
 * How positions of a core operator's operands and results correspond.
 *
 * A result's axis takes over the atoms of the operand's axis it comes from; where two axes meet, they are tied; where
 * positions count in a way that removal would change (they are averaged, slid over, looked up), they are frozen with a clause
 * that says so. What regroups axes is left to a block.
 */
import type { CoreNode, CoreOptions, Window } from '../../graph/index.js';
import type { Role } from '../types.js';
import type { Atoms, Label } from './atoms.js';
import { runs } from './blocks.js';

/** What a rule works with. */
export interface Context {
  atoms: Atoms;
  /** The node being expanded, in words. */
  where: string;
  /** It does nothing with sums that depends on how many numbers there were. */
  plainSums: boolean;
  labels(core: string): readonly Label[];
  set(core: string, labels: readonly Label[]): void;
  shape(core: string): readonly number[];
  /** Notes what a weight's axis is for; values that depend on the input have no role. */
  role(core: string, axis: number, role: Role): void;
  /** An axis whose positions stay. */
  stuck(size: number, reason: string): Label;
  /** Leaves axes that regroup others to be decided. */
  regroup(from: readonly Label[], to: readonly Label[]): void;
  /** Follows the body of a loop. */
  inside(nodes: readonly CoreNode[]): void;
  /** Leading axes of a product of two values of data: heads. */
  leading(label: Label): void;
}

export const reasonFor = {
  slid: (where: string) => `its positions are neighbours that ${where} slides over`,
  reduced: (where: string) => `its positions are summed, averaged or compared by ${where}`,
  mixed: (where: string) => `its positions are mixed by ${where}`,
  fixed: (where: string) => `their number is fixed by ${where}`,
  passed: (where: string) => `its positions are moments that ${where} goes over`,
  looked: (where: string) => `its positions are looked up by ${where}`,
};

type Rule = (node: CoreNode, c: Context) => void;

/** A window of one that moves by one: every place is by itself. */
const pointwise = (w: Window, axis: number): boolean =>
  w.kernel[axis] === 1 && w.strides[axis] === 1 && w.padsBefore[axis] === 0 && w.padsAfter[axis] === 0;

/** Labels of the places that a window gives; slid-over axes are frozen. */
function places(c: Context, axes: readonly Label[], w: Window, sizes: readonly number[]): Label[] {
  return axes.map((label, i) => {
    if (pointwise(w, i) && label.length === sizes[i]) return label;
    c.atoms.freeze(label, reasonFor.slid(c.where));
    return c.stuck(sizes[i], reasonFor.slid(c.where));
  });
}

const conv: Rule = ({ inputs: [x, w, bias], outputs: [y], options }, c) => {
  const { window, groups } = options as CoreOptions['conv'];
  const [batch, channels, ...image] = c.labels(x);
  const [out, within, ...kernel] = c.labels(w);
  for (const label of kernel) c.atoms.freeze(label, reasonFor.slid(c.where));
  c.role(w, 0, 'out');
  c.role(w, 1, 'in');
  if (bias) {
    c.role(bias, 0, 'along');
    c.atoms.tie(out, c.labels(bias)[0]);
  }
  if (groups === 1) c.atoms.tie(channels, within);
  else grouped(c, groups, [channels, within], [out, c.atoms.fresh(out.length / groups)]);
  c.set(y, [batch, out, ...places(c, image, window, c.shape(y).slice(2))]);
};

/** The transpose of a convolution: x has what the weight's axis 0 has, the result its axis 1, for every group. */
const convInput: Rule = ({ inputs: [x, w], outputs: [y], options }, c) => {
  const { window, groups } = options as CoreOptions['convInput'];
  const [batch, channels, ...image] = c.labels(x);
  const [all, within, ...kernel] = c.labels(w);
  for (const label of kernel) c.atoms.freeze(label, reasonFor.slid(c.where));
  c.role(w, 0, 'in');
  c.role(w, 1, 'out');
  c.atoms.tie(channels, all);
  const out = groups === 1 ? within : c.atoms.fresh(within.length * groups);
  if (groups > 1) grouped(c, groups, [all, c.atoms.fresh(all.length / groups)], [out, within]);
  c.set(y, [batch, out, ...places(c, image, window, c.shape(y).slice(2))]);
};

/** Two axes of channels, each with the axis within a group that it regroups to. */
function grouped(c: Context, groups: number, a: [Label, Label], b: [Label, Label]): void {
  const group = c.atoms.fresh(groups);
  for (const [whole, within] of [a, b]) {
    if (within.length === 1) c.atoms.tie(whole, group);
    else c.regroup([whole], [group, within]);
  }
}

const elementwise: Rule = ({ inputs, outputs: [y] }, c) => {
  const shape = c.shape(y);
  const axes = shape.map((size, axis): Label => {
    const met = inputs.flatMap((name) => {
      const label = c.labels(name)[axis - shape.length + c.shape(name).length];
      return label?.length === size ? [label] : [];
    });
    for (const label of met.slice(1)) c.atoms.tie(met[0], label);
    return met[0];
  });
  c.set(y, axes);
};

/** A sum is the same without what adds 0 to it, which is seen to when all levels are known. */
const reduce: Rule = ({ inputs: [x], outputs: [y], options }, c) => {
  const { axes, how } = options as CoreOptions['reduce'];
  const reason = reasonFor.reduced(c.where);
  const labels = c.labels(x).map((label, axis) => {
    if (!axes.includes(axis)) return label;
    if (how !== 'sum' || !c.plainSums) c.atoms.freeze(label, reason);
    return c.stuck(1, reason);
  });
  c.set(y, labels);
};

const reshape: Rule = ({ inputs: [x], outputs: [y] }, c) => {
  const [from, shape] = [c.labels(x), c.shape(y)];
  const to = shape.map((size) => c.atoms.fresh(size));
  if (shape.includes(0)) return c.set(y, to);
  for (const [ins, outs] of runs(c.shape(x), shape)) {
    if (ins.length === 1 && outs.length === 1) to[outs[0]] = from[ins[0]];
    else if (ins.length + outs.length > 0) {
      c.regroup(
        ins.map((i) => from[i]),
        outs.map((j) => to[j]),
      );
    }
  }
  c.set(y, to);
};

const expand: Rule = ({ inputs: [x], outputs: [y] }, c) => {
  const labels = c.labels(x);
  c.set(
    y,
    c.shape(y).map((size, axis) => (labels[axis].length === size ? labels[axis] : c.atoms.fresh(size))),
  );
};

const slice: Rule = ({ inputs: [x], outputs: [y], options }, c) => {
  const { starts, steps, sizes } = options as CoreOptions['slice'];
  const labels = c.labels(x).map((label, axis) => {
    const whole = sizes[axis] === label.length && starts[axis] === 0;
    return whole && (steps[axis] === 1 || label.length === 1)
      ? label
      : Int32Array.from({ length: sizes[axis] }, (_, i) => label[starts[axis] + i * steps[axis]]);
  });
  c.set(y, labels);
};

const pad: Rule = ({ inputs: [x], outputs: [y], options }, c) => {
  const { before, after } = options as CoreOptions['pad'];
  const labels = c.labels(x).map((label, axis) => {
    if (before[axis] + after[axis] === 0) return label;
    return Int32Array.from([...c.atoms.fresh(before[axis]), ...label, ...c.atoms.fresh(after[axis])]);
  });
  c.set(y, labels);
};

function joined(parts: readonly Label[]): Label {
  const whole = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const concat: Rule = ({ inputs, outputs: [y], options }, c) => {
  const { axis } = options as CoreOptions['concat'];
  const parts = inputs.map(c.labels);
  const labels = parts[0].map((label, i) => {
    if (i === axis) return joined(parts.map((part) => part[axis]));
    for (const part of parts.slice(1)) c.atoms.tie(label, part[i]);
    return label;
  });
  c.set(y, labels);
};

const matmul: Rule = ({ inputs: [a, b], outputs: [y] }, c) => {
  const [left, right] = [c.labels(a), c.labels(b)];
  const n = left.length;
  for (let axis = 0; axis < n - 2; axis++) {
    c.atoms.tie(left[axis], right[axis]);
    c.leading(left[axis]);
  }
  c.atoms.tie(left[n - 1], right[n - 2]);
  c.role(a, n - 2, 'out');
  c.role(a, n - 1, 'in');
  c.role(b, n - 2, 'in');
  c.role(b, n - 1, 'out');
  c.set(y, [...left.slice(0, n - 1), right[n - 1]]);
};

const maxPool: Rule = ({ inputs: [x], outputs, options }, c) => {
  const { window } = options as CoreOptions['maxPool'];
  const [batch, channels, ...image] = c.labels(x);
  const labels = [batch, channels, ...places(c, image, window, c.shape(outputs[0]).slice(2))];
  for (const name of outputs) c.set(name, labels);
};

/** Rows of one element and weight 1 choose; all others mix. */
const positions: Rule = ({ inputs: [x], outputs: [y], options }, c) => {
  const { start, from, weight } = options as CoreOptions['positions'];
  const [rows, label, inside] = c.labels(x);
  const chooses =
    from.length === start.length - 1 && start.every((at, q) => at === q) && weight.every((v) => v === 1);
  if (!chooses) c.atoms.freeze(label, reasonFor.mixed(c.where));
  const chosen = chooses
    ? Int32Array.from(from, (i) => label[i])
    : c.stuck(c.shape(y)[1], reasonFor.mixed(c.where));
  c.set(y, [rows, chosen, inside]);
};

const gather: Rule = ({ inputs: [table, indices], outputs: [y] }, c) => {
  const [rows, columns] = c.labels(table);
  c.atoms.freeze(rows, reasonFor.looked(c.where));
  c.role(table, 0, 'in');
  c.role(table, 1, 'out');
  c.set(y, [c.labels(indices)[0], columns]);
};

/** What is carried from moment to moment is on the same positions before and behind each. */
const scan: Rule = ({ inputs, outputs, options }, c) => {
  const { states, items, whole, gives, nodes, length } = options as CoreOptions['scan'];
  const reason = reasonFor.passed(c.where);
  states.forEach(({ name }, k) => {
    c.set(name, c.labels(inputs[k]));
  });
  items.forEach((name, k) => {
    const [moments, ...rest] = c.labels(inputs[states.length + k]);
    c.atoms.freeze(moments, reason);
    c.set(name, rest);
  });
  whole.forEach((name, k) => {
    c.set(name, c.labels(inputs[states.length + items.length + k]));
  });
  c.inside(nodes);
  for (const { name, next } of states)
    c.labels(next).forEach((label, axis) => {
      c.atoms.tie(c.labels(name)[axis], label);
    });
  states.forEach(({ name }, k) => {
    c.set(outputs[k], [c.stuck(length + 1, reason), ...c.labels(name)]);
  });
  gives.forEach((name, k) => {
    c.set(outputs[states.length + k], [c.stuck(length, reason), ...c.labels(name)]);
  });
};

/** Operators of training, which no walk meets. */
const never: Rule = ({ op }) => {
  throw new Error(`${op} does not stand in a graph for inference`);
};

export const rules: Record<CoreNode['op'], Rule> = {
  elementwise,
  reduce,
  reshape,
  expand,
  slice,
  pad,
  concat,
  conv,
  convInput,
  matmul,
  maxPool,
  positions,
  gather,
  transpose({ inputs: [x], outputs: [y], options }, c) {
    const labels = c.labels(x);
    c.set(
      y,
      (options as CoreOptions['transpose']).order.map((axis) => labels[axis]),
    );
  },
  scan,
  uniform: never,
  convWeight: never,
  maxPoolInput: never,
  normalize: never,
  normalizeInput: never,
  scatterSum: never,
  crossEntropy: never,
};
