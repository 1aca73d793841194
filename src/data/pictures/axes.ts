/** On which axis of a model's input the channels are. */
import { attr, type Graph, type Node, type Value } from '../../onnx/index.js';
import type { Card } from './card.js';

/** How many channels images have: grey, colours, or colours and transparency. */
const CHANNELS: readonly unknown[] = [1, 3, 4];

/** Whether a number of channels stands last in a shape [N, ?, ?, ?], and not second, where an open dimension is none. */
export const looksChannelsLast = (shape: readonly unknown[]): boolean =>
  shape.length === 4 && CHANNELS.includes(shape[3]) && !CHANNELS.includes(shape[1]);

/**
 * Whether a model takes images with their channels last: by what it does to them first, which is to turn them round, as operators of
 * ONNX want channels first; where that does not tell, by its shape.
 */
export function takesChannelsLast({ nodes }: Graph, { name, shape }: Value, { layout }: Card): boolean {
  const readers = nodes.filter(({ inputs }) => inputs.includes(name));
  if (readers.some(({ op, inputs }) => op === 'Conv' && inputs[0] === name)) return false;
  const turned = (node: Node) => node.op === 'Transpose' && `${attr.ints(node, 'perm', [])}` === '0,3,1,2';
  if (readers.length > 0 && readers.every(turned)) return true;
  return layout === undefined ? looksChannelsLast(shape ?? []) : layout === 'NHWC';
}
