/** Needs that constants meet. */
import { attr } from '../../../onnx/index.js';
import { equal } from '../../find/taken.js';
import { type Plan, shapeIn, unique } from '../plan.js';
import { contentsOf, filled, type Need, numbersOf, type Supply, type Way } from './need.js';

/** The value that is read now, where it holds what is wanted. */
export const asItIs: Way = ({ name, wanted }, plan) => {
  const found = contentsOf(name, plan);
  return found && wanted.every((tensor, view) => equal(found[view], tensor)) ? () => name : undefined;
};

/** An initialiser, where the same is wanted in every view. */
export const asConstant: Way = (need, plan) =>
  need.wanted.every((tensor) => equal(tensor, need.wanted[0])) ? initializer(need, plan) : undefined;

/** An initialiser: in the place of the one that was read, if nothing else reads that. */
const initializer =
  ({ node, input, name, wanted: [tensor], sole }: Need, plan: Plan): Supply =>
  () => {
    const inPlace = sole && plan.graph.initializers.has(name);
    const label = inPlace ? name : unique(name === '' ? `${node.name}.${input}` : name, plan);
    plan.initializers.set(label, tensor);
    return label;
  };

/**
 * A constant shape for a Reshape though its sizes differ from view to view: a dimension that follows a size is copied from what is
 * reshaped (0), or is the one that is left open (-1).
 */
export const asOpenShape: Way = (need, plan) => {
  const { node, wanted, input } = need;
  if (node.op !== 'Reshape' || input !== 1) return undefined;
  const dims = openDims(need, plan);
  const open = dims?.filter((dim) => dim === undefined);
  if (!dims || !open || open.length > 1 || (open.length === 1 && dims.includes(-1))) return undefined;
  const list = dims.map((dim) => dim ?? -1);
  return initializer({ ...need, wanted: [filled(wanted[0].dtype, wanted[0].shape, list)] }, plan);
};

/** The dimensions of a Reshape: numbers that are the same in every view, 0 for what is copied, undefined for what is neither. */
function openDims({ node, wanted }: Need, { views }: Plan): (number | undefined)[] | undefined {
  const lists = wanted.map(numbersOf);
  const shapes = views.map((view) => shapeIn(view, node.inputs[0]));
  if (lists.some(({ length }) => length !== lists[0].length)) return undefined;
  const copies = attr.int(node, 'allowzero', 0) === 0;
  return lists[0].map((dim, axis) => {
    if (lists.every((list) => list[axis] === dim)) return dim;
    return copies && lists.every((list, view) => list[axis] === shapes[view]?.[axis]) ? 0 : undefined;
  });
}
