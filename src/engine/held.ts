/** Arrays that stay in a machine's memory, each with the host's view of it: weights, running statistics, directions. */
import { floats, type Graph, sizeOf, type Tensor } from '../onnx/index.js';
import { type Place, wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import { type Block, blockAt, pushBlocks } from './memory.js';

export interface Held {
  block: Block;
  shape: readonly number[];
  /** Row-major; see `pull` and `push` of a machine. */
  view: Float32Array;
}

/** Zeros of this shape. Throws UserError when memory is short. */
export function hold(machine: Machine, shape: readonly number[]): Held {
  const size = Math.max(1, sizeOf(shape));
  const line = machine.allocate(size * 4);
  return { block: blockAt(line, size), shape, view: machine.floats(line, size) };
}

/** The values of initialisers, by their names. */
export function holdTensors(
  machine: Machine,
  { initializers }: Graph,
  names: Iterable<string>,
): Map<string, Held> {
  const held = new Map<string, Held>();
  for (const name of names) held.set(name, holdTensor(machine, initializers.get(name)!));
  return held;
}

function holdTensor(machine: Machine, tensor: Tensor): Held {
  const held = hold(machine, tensor.shape);
  held.view.set(floats(tensor));
  pushBlocks(machine, [held.block]);
  return held;
}

/** The places of held arrays, by the same names. */
export const placesOfHeld = (held: ReadonlyMap<string, Held>): Map<string, Place> =>
  new Map([...held].map(([name, { block, shape }]) => [name, wholePlace(block, shape)]));

/** The blocks of held arrays, by their names. */
export function* blocksOf(held: ReadonlyMap<string, Held>, names: Iterable<string>): Generator<Block> {
  for (const name of names) yield held.get(name)!.block;
}

/** Gives the memory of held arrays back, and forgets them. */
export function release(machine: Machine, held: Map<string, Held>): void {
  for (const { block } of held.values()) machine.free(block.fixed);
  held.clear();
}
