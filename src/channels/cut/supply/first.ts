/** Needs that are met by fewer positions of what is there, where all positions of an axis are alike. */
import { int, intTensor, type Node } from '../../../onnx/index.js';
import { equal, sliced } from '../../find/taken.js';
import { type Plan, unique } from '../plan.js';
import { contentsOf, firstOf, type Need, type Way } from './need.js';

/** The first positions of axes that are longer than they are to be. */
export const firstPositions: Way = (need, plan) => {
  const sizes = smallerSizes(need, plan);
  if (!sizes) return undefined;
  return (extra) => {
    let value = need.name;
    for (const [axis, size] of sizes.entries())
      if (size !== undefined) {
        const node = gather(value, { axis, size, as: `${need.name}.kept` }, plan);
        extra.push(node);
        [value] = node.outputs;
      }
    return value;
  };
};

/** The sizes of axes that get shorter, where what is left of them is what is wanted in every view. */
function smallerSizes({ name, wanted }: Need, plan: Plan): (number | undefined)[] | undefined {
  const found = contentsOf(name, plan);
  if (!found || found.some(({ shape }, view) => shape.length !== wanted[view].shape.length)) return undefined;
  const sizes = wanted[0].shape.map((size, axis) => (size < found[0].shape[axis] ? size : undefined));
  const fits = wanted.every((tensor, view) => {
    const kept = found[view].shape.map((size, axis) => firstOf(sizes[axis] ?? size));
    return equal(sliced(found[view], kept), tensor);
  });
  return fits ? sizes : undefined;
}

/** A node that takes the first positions of an axis. */
function gather(
  value: string,
  { axis, size, as }: { axis: number; size: number; as: string },
  plan: Plan,
): Node {
  const output = unique(as, plan);
  const list = unique(`${output}.indices`, plan);
  plan.initializers.set(list, intTensor([size], firstOf(size)));
  return {
    name: output,
    op: 'Gather',
    domain: '',
    inputs: [value, list],
    outputs: [output],
    attributes: { axis: int(axis) },
  };
}
