/**
 * What a node reads as a constant must be what it was, sliced: where shape arithmetic gives something else in the smaller
 * graph (1/√d of an attention, the number of heads in a shape), the input is replaced by what is wanted.
 *
 * Numbers that are the same at every size that is looked at are written down; those that follow a size stay computed as the
 * graph computes them. So of a Concat only the parts that say channels change, a size that is a multiple of channels is scaled, and
 * what is made at a size (zeros for every token) is made again. Where nothing of this leads there, the surgery holds at one
 * size only.
 */
import { describe, findOperator, type Resized } from '../../graph/index.js';
import {
  attr,
  emptyData,
  int,
  intTensor,
  isFloat,
  isInteger,
  type Node,
  sizeOf,
  type Tensor,
} from '../../onnx/index.js';
import { equal, sliced } from '../find/taken.js';
import type { Step } from '../find/walk.js';
import { HoldsAtOneSize, type Plan, shapeIn, unique } from './plan.js';

/** Contents at each of the sizes that are looked at. */
type Contents = readonly Tensor[];

/** An input of a node, and what it is to hold. */
interface Wish {
  node: Node;
  input: number;
  /** The value that is read there now; '' where none. */
  name: string;
  wanted: Contents;
  /** Nothing else reads the value, nor what it is computed from on the way here. */
  own: boolean;
}

/** Writes nodes that make a value, and gives its name. */
type Make = (extra: Node[]) => string;

/** The value that a step is to read as its input i, made by `extra` nodes where it is not there; undefined for data that is computed. */
export function supplied(
  steps: readonly Step[],
  i: number,
  resized: readonly Resized[],
  plan: Plan,
  extra: Node[],
): string | undefined {
  const wanted = wantedBy(steps, i, resized, plan);
  if (!wanted) return undefined;
  const [{ node }] = steps;
  const name = node.inputs[i] ?? '';
  const wish: Wish = { node, input: i, name, wanted, own: plan.uses.get(name) === 1 };
  const make = granted(wish, plan) ?? openReshape(wish, plan) ?? computed(wish, plan);
  if (make) return make(extra);
  throw new HoldsAtOneSize(`${describe(node)} cannot say its input ${i} at every size`);
}

/** What a node must find as its constant input i; undefined for data that is computed. */
function wantedBy(
  steps: readonly Step[],
  i: number,
  resized: readonly Resized[],
  { views }: Plan,
): Contents | undefined {
  const contents = views.map(({ walk, kept }, v): Tensor | undefined => {
    const { inputs, operator, site } = steps[v];
    const core = inputs[i];
    const before = core ? walk.tape.type(core).constant : undefined;
    const set = resized[v].settings?.[i];
    if (set) return filled(before?.dtype ?? 'int64', set.shape, set.values);
    if (!before) return undefined;
    return operator?.settings?.includes(i) && site ? before : sliced(before, kept(core!));
  });
  if (contents.some((tensor) => (tensor === undefined) !== !contents[0]))
    throw new HoldsAtOneSize(`${describe(steps[0].node)} computes its input ${i} at some sizes only`);
  return contents[0] ? (contents as Tensor[]) : undefined;
}

function filled(
  dtype: Tensor['dtype'],
  shape: readonly number[],
  values: readonly (number | bigint)[],
): Tensor {
  const data = emptyData(dtype, values.length);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  values.forEach((value, i) => {
    (data as (number | bigint)[] & typeof data)[i] = big ? BigInt(value) : Number(value);
  });
  return { dtype, shape: [...shape], data };
}

const numbersOf = ({ data }: Tensor): number[] => Array.from(data as ArrayLike<number | bigint>, Number);

/** What a value holds in the smaller graph, at each size; undefined where it is not known at all of them. */
function foundIn(name: string, { views, initializers }: Plan): Contents | undefined {
  const found = views.map(({ constants }) => constants.get(name) ?? initializers.get(name));
  return found.every((tensor) => tensor !== undefined) ? found : undefined;
}

/** How a value with the wanted contents comes about: as it is, as a constant, or by the nodes that made it. */
function granted(wish: Wish, plan: Plan): Make | undefined {
  const { name, wanted } = wish;
  const found = foundIn(name, plan);
  if (found && wanted.every((tensor, v) => equal(found[v], tensor))) return () => name;
  const known = plan.made.get(keyOf(wish));
  if (known !== undefined) return () => known;
  if (wanted.every((tensor) => equal(tensor, wanted[0]))) return remembered(wish, written(wish, plan), plan);
  const index = plan.makers.get(name);
  if (index === undefined) return undefined;
  const make =
    joined(wish, index, plan) ?? passed(wish, index, plan) ?? remade(wish, index, plan) ?? chosen(wish, plan);
  return make && remembered(wish, make, plan);
}

/** Values of more numbers are not compared with others to be shared. */
const LARGEST_SHARED = 64;

const keyOf = ({ name, wanted }: Wish): string =>
  wanted.some(({ data }) => data.length > LARGEST_SHARED)
    ? ''
    : [name, ...wanted.map((one) => `${one.dtype}[${one.shape}]${numbersOf(one)}`)].join('\n');

/** Nodes that want the same in place of the same value share it. */
function remembered(wish: Wish, make: Make, plan: Plan): Make {
  return (extra) => {
    const name = make(extra);
    const key = keyOf(wish);
    if (key !== '' && wish.name !== '' && name !== wish.name) plan.made.set(key, name);
    return name;
  };
}

/** A constant as an initialiser: in the place of the one that was read, if nothing else reads that. */
const written =
  ({ node, input, name, wanted: [tensor], own }: Wish, plan: Plan): Make =>
  () => {
    const inPlace = own && plan.graph.initializers.has(name);
    const label = inPlace ? name : unique(name === '' ? `${node.name}.${input}` : name, plan);
    plan.initializers.set(label, tensor);
    return label;
  };

/** A list of sizes that a Concat joins: every part by itself. */
function joined({ wanted, own }: Wish, index: number, plan: Plan): Make | undefined {
  const { node } = plan.views[0].walk.steps[index];
  if (node.op !== 'Concat' || node.domain !== '' || wanted.some(({ shape }) => shape.length !== 1))
    return undefined;
  const parts = node.inputs.map((name) => foundIn(name, plan));
  const lengths = parts.map((part) => part?.[0].data.length ?? Number.NaN);
  const even = parts.every((part, i) => part?.every(({ data }) => data.length === lengths[i]));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (!even || wanted.some(({ data }) => data.length !== total)) return undefined;
  let from = 0;
  const makes = node.inputs.map((name, input) => {
    const [start, length] = [from, lengths[input]];
    from += length;
    const part = wanted.map(({ dtype, data }): Tensor => {
      const values = Array.from(data as ArrayLike<number | bigint>).slice(start, start + length);
      return filled(dtype, [length], values);
    });
    const wish: Wish = { node, input, name, wanted: part, own: own && plan.uses.get(name) === 1 };
    return granted(wish, plan) ?? computed(wish, plan);
  });
  return copied(node, makes, plan);
}

/** What only gives numbers another shape or type: the numbers before that. */
function passed({ wanted, own }: Wish, index: number, plan: Plan): Make | undefined {
  const { node } = plan.views[0].walk.steps[index];
  if (!findOperator(node)?.carries) return undefined;
  const [name] = node.inputs;
  const before = foundIn(name, plan);
  if (!before || before.some(({ dtype }) => !isInteger(dtype) && !isFloat(dtype))) return undefined;
  if (before.some(({ shape }, v) => sizeOf(shape) !== wanted[v].data.length)) return undefined;
  const inner = wanted.map((tensor, v) => filled(before[v].dtype, before[v].shape, numbersOf(tensor)));
  const wish: Wish = { node, input: 0, name, wanted: inner, own: own && plan.uses.get(name) === 1 };
  const make = granted(wish, plan) ?? computed(wish, plan);
  return copied(node, [make, ...node.inputs.slice(1).map((other) => () => other)], plan);
}

/** What is made at a size, such as zeros for every token: made again, smaller. */
function remade({ wanted, own }: Wish, index: number, plan: Plan): Make | undefined {
  const steps = plan.views.map(({ walk }) => walk.steps[index]);
  const [{ node, operator }] = steps;
  if (!operator?.resize || !steps.every(({ site }) => site)) return undefined;
  const resized = steps.map(({ site, inputs }, v) => {
    const { kept } = plan.views[v];
    const y = wanted[v].shape.map((length) => Array.from({ length }, (_, i) => i));
    return operator.resize!(
      site!,
      inputs.map((core) => (core ? kept(core) : undefined)),
      [y],
    );
  });
  if (resized.some(({ attributes, picks = [] }) => attributes || picks.length > 0)) return undefined;
  // What says no size itself makes what it made.
  if (resized.every(({ settings = {} }) => Object.keys(settings).length === 0)) return undefined;
  const makes = node.inputs.map((name, input): Make | undefined => {
    const part = resized.map(({ settings }, v) => {
      const set = settings?.[input];
      return set && filled(foundIn(name, plan)?.[v].dtype ?? 'int64', set.shape, set.values);
    });
    if (part.some((tensor) => tensor === undefined)) return () => name;
    const wish = { node, input, name, wanted: part as Tensor[], own: own && plan.uses.get(name) === 1 };
    return granted(wish, plan) ?? computed(wish, plan);
  });
  return copied(node, makes, plan);
}

/** What is larger than it is to be along axes whose positions are all alike: so many of them. */
function chosen({ name, wanted }: Wish, plan: Plan): Make | undefined {
  const found = foundIn(name, plan);
  if (!found || found.some(({ shape }, v) => shape.length !== wanted[v].shape.length)) return undefined;
  const sizes = wanted[0].shape.map((size, axis) => (size < found[0].shape[axis] ? size : undefined));
  const fits = wanted.every((tensor, v) => {
    const kept = found[v].shape.map((size, axis) => firstOf(sizes[axis] ?? size));
    return equal(sliced(found[v], kept), tensor);
  });
  if (!fits) return undefined;
  return (extra) => {
    let value = name;
    for (const [axis, size] of sizes.entries()) {
      if (size === undefined) continue;
      const output = unique(`${name}.kept`, plan);
      const list = unique(`${output}.indices`, plan);
      plan.initializers.set(list, intTensor([size], firstOf(size)));
      const inputs = [value, list];
      extra.push({
        name: output,
        op: 'Gather',
        domain: '',
        inputs,
        outputs: [output],
        attributes: { axis: int(axis) },
      });
      value = output;
    }
    return value;
  };
}

const firstOf = (size: number): number[] => Array.from({ length: size }, (_, i) => i);

/** A node that makes a value, reading other inputs; the node itself where they are what it reads. */
function copied(node: Node, makes: readonly (Make | undefined)[], plan: Plan): Make | undefined {
  if (!makes.every((make) => make !== undefined)) return undefined;
  return (extra) => {
    const inputs = makes.map((make) => make(extra));
    if (inputs.every((name, i) => name === node.inputs[i])) return node.outputs[0];
    const output = unique(`${node.outputs[0]}.kept`, plan);
    extra.push({ ...node, name: output, inputs, outputs: [output] });
    return output;
  };
}

/** A shape that copies the dimensions which follow a size from what is reshaped, or leaves the one open that does. */
function openReshape(wish: Wish, plan: Plan): Make | undefined {
  const { node, wanted, input } = wish;
  if (node.op !== 'Reshape' || input !== 1) return undefined;
  const values = wanted.map(numbersOf);
  const shapes = plan.views.map((view) => shapeIn(view, node.inputs[0]));
  if (values.some(({ length }) => length !== values[0].length)) return undefined;
  const copies = attr.int(node, 'allowzero', 0) === 0;
  const entries = values[0].map((value, k) => {
    if (values.every((list) => list[k] === value)) return value;
    return copies && values.every((list, v) => list[k] === shapes[v]?.[k]) ? 0 : undefined;
  });
  const open = entries.flatMap((entry, k) => (entry === undefined ? [k] : []));
  if (open.length > 1 || (open.length === 1 && entries.includes(-1))) return undefined;
  const list = entries.map((entry) => entry ?? -1);
  return written({ ...wish, wanted: [filled(wanted[0].dtype, wanted[0].shape, list)] }, plan);
}

/** The value as it is computed now, with numbers that are always the same put in, and sizes scaled to the channels that stay. */
function computed({ node, input, name, wanted }: Wish, plan: Plan): Make | undefined {
  const found = foundIn(name, plan);
  const opset = plan.graph.source.opsets[''] ?? 1;
  if (!found || opset < 9 || found.some(({ shape }, v) => shape.join() !== wanted[v].shape.join()))
    return undefined;
  const [asked, have] = [wanted.map(numbersOf), found.map(numbersOf)];
  if (asked.some(({ length }) => length !== asked[0].length)) return undefined;
  const entries = asked[0].map((_, k) =>
    entryOf(
      asked.map((list) => list[k]),
      have.map((list) => list[k]),
    ),
  );
  if (!entries.every((entry) => entry !== undefined)) return undefined;
  const [{ dtype, shape }] = wanted;
  if (entries.some(({ times, over }) => times !== over) && !isInteger(dtype)) return undefined;
  const constant = (values: readonly number[], as = dtype): string => {
    const label = unique(`${node.name}.${input}`, plan);
    plan.initializers.set(label, filled(as, shape, values));
    return label;
  };
  return (extra) => {
    const apply = (op: string, inputs: string[]): string => {
      const output = unique(`${node.name}.${input}.kept`, plan);
      extra.push({ name: output, op, domain: '', inputs, outputs: [output], attributes: {} });
      return output;
    };
    let value = name;
    const [times, over] = [entries.map((entry) => entry.times), entries.map((entry) => entry.over)];
    if (times.some((n) => n !== 1)) value = apply('Mul', [value, constant(times)]);
    if (over.some((n) => n !== 1)) value = apply('Div', [value, constant(over)]);
    const fixed = entries.map((entry) => Number(entry.fixed === undefined));
    if (!fixed.includes(0)) return value;
    const values = entries.map((entry) => entry.fixed ?? 0);
    return apply('Where', [constant(fixed, 'bool'), value, constant(values)]);
  };
}

/** A number that is always the same, or the one that is there now times a fraction; undefined where it is neither. */
function entryOf(asked: readonly number[], have: readonly number[]) {
  if (asked.every((value) => value === asked[0])) {
    const right = have.every((value) => value === asked[0]);
    return { fixed: right ? undefined : asked[0], times: 1, over: 1 };
  }
  const [a, b] = [asked[0], have[0]];
  const divisor = gcd(Math.abs(a), Math.abs(b));
  if (asked.every((value, v) => value === have[v])) return { fixed: undefined, times: 1, over: 1 };
  if (b === 0 || a === 0 || !Number.isInteger(divisor)) return undefined;
  const exact = asked.every((value, v) => value * b === have[v] * a);
  return exact ? { fixed: undefined, times: a / divisor, over: b / divisor } : undefined;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
