/** Needs that the node meets which makes the value now, once its own inputs hold something else. */
import { findOperator, type Resized } from '../../../graph/index.js';
import { isFloat, isInteger, type Node, sizeOf, type Tensor } from '../../../onnx/index.js';
import { type Plan, unique } from '../plan.js';
import {
  contentsOf,
  filled,
  firstOf,
  type Need,
  needBefore,
  numbersOf,
  type Supply,
  type Way,
} from './need.js';

/** The ways of the node behind a value; `meet` is asked for its inputs. */
export const madeAgain =
  (meet: Way): Way =>
  (need, plan) => {
    const index = plan.makers.get(need.name);
    if (index === undefined) return undefined;
    const again = { need, index, plan, meet };
    return joinedAgain(again) ?? carriedAgain(again) ?? resizedAgain(again);
  };

interface Again {
  need: Need;
  /** Of the node, among the steps of the walk. */
  index: number;
  plan: Plan;
  meet: Way;
}

const nodeOf = ({ index, plan }: Again): Node => plan.views[0].walk.steps[index].node;

/** A list of sizes that a Concat joins: every part by itself. */
function joinedAgain(again: Again): Supply | undefined {
  const { need, plan, meet } = again;
  const { wanted } = need;
  const node = nodeOf(again);
  if (node.op !== 'Concat' || node.domain !== '' || wanted.some(({ shape }) => shape.length !== 1))
    return undefined;
  const lengths = lengthsOfParts(node, plan);
  const total = lengths?.reduce((sum, length) => sum + length, 0);
  if (!lengths || wanted.some(({ data }) => data.length !== total)) return undefined;
  let from = 0;
  const supplies = lengths.map((length, input) => {
    const start = from;
    from += length;
    const part = wanted.map(({ dtype, data }) => {
      const values = Array.from(data as ArrayLike<number | bigint>).slice(start, start + length);
      return filled(dtype, [length], values);
    });
    return meet(needBefore(need, { node, input, wanted: part }, plan), plan);
  });
  return rewired(node, supplies, plan);
}

/** How long the parts of a Concat are; undefined where that differs from view to view. */
function lengthsOfParts(node: Node, plan: Plan): number[] | undefined {
  const parts = node.inputs.map((name) => contentsOf(name, plan));
  const lengths = parts.map((part) => part?.[0].data.length ?? Number.NaN);
  const even = parts.every((part, i) => part?.every(({ data }) => data.length === lengths[i]));
  return even ? lengths : undefined;
}

/** What only gives numbers another shape or type: the numbers before that. */
function carriedAgain(again: Again): Supply | undefined {
  const { need, plan, meet } = again;
  const { wanted } = need;
  const node = nodeOf(again);
  if (!findOperator(node)?.carries) return undefined;
  const before = contentsOf(node.inputs[0], plan);
  if (!before || before.some(({ dtype }) => !isInteger(dtype) && !isFloat(dtype))) return undefined;
  if (before.some(({ shape }, view) => sizeOf(shape) !== wanted[view].data.length)) return undefined;
  const inner = wanted.map((tensor, view) =>
    filled(before[view].dtype, before[view].shape, numbersOf(tensor)),
  );
  const first = meet(needBefore(need, { node, input: 0, wanted: inner }, plan), plan);
  return rewired(node, [first, ...node.inputs.slice(1).map((name) => () => name)], plan);
}

/** What is made at a size, such as zeros for every token: made again, smaller. */
function resizedAgain(again: Again): Supply | undefined {
  const { need, plan, meet } = again;
  const node = nodeOf(again);
  const resized = resizedTo(again);
  if (!resized || resized.some(({ attributes, picks = [] }) => attributes || picks.length > 0))
    return undefined;
  // What says no size itself makes what it made.
  if (resized.every(({ settings = {} }) => Object.keys(settings).length === 0)) return undefined;
  const supplies = node.inputs.map((name, input): Supply | undefined => {
    const wanted = resized.map(({ settings }, view): Tensor | undefined => {
      const set = settings?.[input];
      return set && filled(contentsOf(name, plan)?.[view].dtype ?? 'int64', set.shape, set.values);
    });
    if (!wanted.every((tensor) => tensor !== undefined)) return () => name;
    return meet(needBefore(need, { node, input, wanted }, plan), plan);
  });
  return rewired(node, supplies, plan);
}

/** What a node's operator says of its settings where its result has the wanted sizes, in each view. */
function resizedTo({ need: { wanted }, index, plan: { views } }: Again): Resized[] | undefined {
  const steps = views.map(({ walk }) => walk.steps[index]);
  const [{ operator }] = steps;
  if (!operator?.resize || !steps.every(({ site }) => site)) return undefined;
  return steps.map(({ site, inputs }, view) => {
    const { kept } = views[view];
    const result = wanted[view].shape.map(firstOf);
    return operator.resize!(
      site!,
      inputs.map((core) => (core ? kept(core) : undefined)),
      [result],
      () => undefined,
    );
  });
}

/** A node that makes a value from other inputs; the node itself where they are what it reads. */
function rewired(node: Node, supplies: readonly (Supply | undefined)[], plan: Plan): Supply | undefined {
  if (!supplies.every((supply) => supply !== undefined)) return undefined;
  return (extra) => {
    const inputs = supplies.map((supply) => supply(extra));
    if (inputs.every((name, i) => name === node.inputs[i])) return node.outputs[0];
    const output = unique(`${node.outputs[0]}.kept`, plan);
    extra.push({ ...node, name: output, inputs, outputs: [output] });
    return output;
  };
}
