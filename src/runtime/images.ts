/** Images put together from others, or cut from values of other shapes: they come to lie in planes at once. */
import { lowerCopy, lowerFill, type Place, reshaped, sliced } from '../engine/lowering/index.js';
import type { CoreNode } from '../graph/index.js';
import { type Context, hold } from './context.js';
import { channelStride, type Plane } from './planes.js';

/** An image of what no strides can say of another value: the shuffle of channels, pixels made of channels. */
export function lowerReshape(c: Context, node: CoreNode<'reshape'>): boolean {
  const { shape } = node.options;
  const x = c.v.place(node.inputs[0]);
  if (x.buffer.laned || reshaped(x, shape)) return false;
  const [, channels, height, width] = shape;
  const plane = c.planes.of(height, width);
  const y = hold(c, channels, plane);
  const parts = reshaped(y, x.shape);
  if (!parts) return false;
  copyImages(c, [{ from: x, to: parts }], y, plane);
  c.v.put(node.outputs[0], y);
  return true;
}

export function lowerConcat(c: Context, node: CoreNode<'concat'>): boolean {
  const { axis } = node.options;
  const { shape } = c.v.type(node.outputs[0]);
  const inputs = node.inputs.map(c.v.place);
  if (axis === 0 || inputs.some((p) => p.buffer.laned)) return false;
  const plane = c.planes.of(shape[2], shape[3]);
  const y = hold(c, shape[1], plane);
  let at = 0;
  const pairs = inputs.map((from) => {
    const starts = shape.map((_, i) => (i === axis ? at : 0));
    at += from.shape[axis];
    const to = sliced(
      y,
      starts,
      starts.map(() => 1),
      from.shape,
    );
    return { from, to };
  });
  copyImages(c, pairs, y, plane);
  c.v.put(node.outputs[0], y);
  return true;
}

/** Copies into all of `y`: planes with their borders where they lie alike, else pixels, with zeros around. */
function copyImages(c: Context, pairs: { from: Place; to: Place }[], y: Place, plane: Plane): void {
  const whole = pairs.every(({ from, to }) => liesAlike(c, from, to, plane));
  const end = whole ? plane.margin : y.buffer.size;
  if (plane.margin > 0 || (plane.gaps && !whole))
    lowerFill(c.l, { ...y, offset: 0, shape: [end], strides: [1] }, 0);
  const run = (p: Place): Place => ({
    ...p,
    shape: [...p.shape.slice(0, -2), channelStride(plane)],
    strides: [...p.strides.slice(0, -2), 1],
  });
  for (const { from, to } of pairs) lowerCopy(c.l, whole ? run(from) : from, whole ? run(to) : to);
}

/** Whether the last two axes are whole planes of the same kind in both. */
function liesAlike(c: Context, from: Place, to: Place, plane: Plane): boolean {
  const held = c.held.get(from.buffer);
  const [height, width] = from.shape.slice(-2);
  const [row, column] = from.strides.slice(-2);
  return (
    held !== undefined &&
    height === plane.height &&
    width === plane.width &&
    held.height === height &&
    held.width === width &&
    row === held.pitch &&
    column === 1 &&
    `${to.shape.slice(-2)}` === `${[height, width]}` &&
    held.pitch === plane.pitch &&
    channelStride(held) === channelStride(plane)
  );
}
