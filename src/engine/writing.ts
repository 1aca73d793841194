/** What programs of the engine and of espalier/runtime are written with: tables, places of values, and the words in memory. */
import type { Tape } from '../graph/index.js';
import { floats } from '../onnx/index.js';
import { LINE } from './driver.js';
import { assemble } from './lowering/assemble.js';
import { type Buffer, type Place, wholePlace } from './lowering/place.js';
import type { Plan } from './lowering/plan.js';
import type { LoweredValues, Lowering, Step } from './lowering/steps.js';
import type { Machine } from './machine.js';
import type { Arena } from './memory.js';

/** Where values are while a program is written: constants get a table when they are first asked for. */
export function placesOf(
  { type }: Pick<Tape, 'type'>,
  table: Lowering['table'],
  given: ReadonlyMap<string, Place>,
): Pick<LoweredValues, 'type' | 'place' | 'put'> & { places: ReadonlyMap<string, Place> } {
  const places = new Map(given);
  return {
    places,
    type,
    put: (name, place) => places.set(name, place),
    place(name) {
      const found = places.get(name);
      if (found) return found;
      const { constant } = type(name);
      if (!constant) throw new Error(`The value '${name}' has no place yet`);
      const made = wholePlace(table(floats(constant)), constant.shape);
      places.set(name, made);
      return made;
    },
  };
}

/** A program in a machine's memory. */
export interface Written {
  /** The line where it begins. */
  program: number;
  /** Its words, live. */
  words: Int32Array;
  /** Where in them each step begins. */
  at: readonly number[];
  /** The line of a buffer. */
  address(buffer: Buffer): number;
}

/** Takes memory for a program's values and its words, and writes the words. */
export function written(machine: Machine, memory: Arena, steps: readonly Step[], plan: Plan): Written {
  const base = memory.take((Math.max(1, plan.lines) * LINE) / 4).fixed;
  const { words, at } = assemble(machine, steps, plan, base);
  const program = memory.take(words.length).fixed;
  const live = machine.ints(program, words.length);
  live.set(words);
  machine.push(program, words.length);
  const address = (buffer: Buffer) => buffer.fixed ?? base + (plan.offsets.get(buffer) ?? 0);
  return { program, words: live, at, address };
}

/** Tables in memory, each content once. */
export function tables(machine: Machine, { take }: Arena): Lowering['table'] {
  const known = new Map<string, { bits: Int32Array; buffer: Buffer }[]>();
  return (data) => {
    const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
    const key = summary(bits);
    const alike = known.get(key) ?? [];
    const same = alike.find((k) => areSame(k.bits, bits));
    if (same) return same.buffer;
    const buffer = take(Math.max(1, bits.length));
    machine.ints(buffer.fixed, bits.length).set(bits);
    machine.push(buffer.fixed, bits.length);
    known.set(key, [...alike, { bits, buffer }]);
    return buffer;
  };
}

/** The length and a number made of a few hundred elements: tables that differ mostly differ in it. */
function summary(bits: Int32Array): string {
  const step = Math.max(1, Math.floor(bits.length / 256));
  let hash = 0;
  for (let i = 0; i < bits.length; i += step) hash = Math.imul(hash ^ bits[i], 0x9e3779b1);
  return `${bits.length}:${hash}`;
}

function areSame(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
