/** Where the gradients of a training step go, and what else is known of them. */
import type { Tape } from '../graph/index.js';
import { type Place, wholePlace } from './lowering/place.js';
import type { Updater } from './update.js';

/**
 * Where each gradient goes: its parameter's slot; and the mask beside it. Two parameters of one sum have one gradient; each
 * gets a value of its own. A gradient that is another value reshaped is computed in place: the kernels know its mask then.
 */
export function destinations(
  tape: Tape,
  gradients: ReadonlyMap<string, string>,
  update: Updater,
): { destined: Map<string, Place>; masks: Map<string, Place> } {
  const destined = new Map<string, Place>();
  const masks = new Map<string, Place>();
  for (const [name, value] of gradients) {
    const slot = update.slots.get(name)!;
    const { shape } = tape.type(value);
    const core = destined.has(value) ? tape.emit('reshape', [value], { shape })[0] : value;
    const { gradient, mask } = slot.blocks;
    destined.set(core, wholePlace(gradient, shape));
    const source = unshaped(tape, core);
    if (destined.has(source) && source !== core) continue;
    const own = tape.type(source).shape;
    destined.set(source, wholePlace(gradient, own));
    masks.set(source, wholePlace(mask, own));
  }
  return { destined, masks };
}

/** By gradient: the value that is 0 where the gradient is of no use. */
export function patternsOf(tape: Tape, gradients: ReadonlyMap<string, string>): Map<string, string> {
  const known = [...tape.patterns].filter(([value]) => gradients.has(value));
  return new Map(known.map(([value, pattern]) => [unshaped(tape, gradients.get(value)!), pattern]));
}

/** What a value is a reshaped view of, where nothing else uses that. */
function unshaped(tape: Tape, value: string): string {
  const maker = tape.nodes.find((node) => node.outputs[0] === value);
  if (maker?.op !== 'reshape') return value;
  const [source] = maker.inputs;
  const users = tape.nodes.filter((node) => node.inputs.includes(source));
  return users.length === 1 && !tape.type(source).laned ? unshaped(tape, source) : value;
}
