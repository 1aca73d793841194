/** Directions in which parameters move: arrays beside them, and how the gradients change along them. */
import { type Tape, tangentsOf } from '../graph/index.js';
import { type Place, wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import type { Parameter } from './types.js';

export interface Directions {
  /** Views by the name of the parameter, zero at first. */
  views: ReadonlyMap<string, Float32Array>;
  push(name: string): void;
  /** Where the values on the tape lie. */
  places: ReadonlyMap<string, Place>;
  /** Emits the change of each gradient; one that stays as it is is left out. */
  changes(gradients: ReadonlyMap<string, string>, sample: string): Map<string, string>;
  close(): void;
}

export function openDirections(machine: Machine, tape: Tape, parameters: readonly Parameter[]): Directions {
  const held = parameters.map(({ name, shape, weight: { length } }) => {
    const line = machine.allocate(Math.max(1, length) * 4);
    const value = tape.declare(`direction#${name}`, { dtype: 'float32', shape, laned: false });
    const place = wholePlace({ laned: false, size: length, fixed: line }, shape);
    return { name, value, line, place, view: machine.floats(line, length).fill(0) };
  });
  return {
    views: new Map(held.map(({ name, view }) => [name, view])),
    push(name) {
      const { line, view } = held.find((one) => one.name === name)!;
      machine.push(line, view.length);
    },
    places: new Map(held.map(({ value, place }) => [value, place])),
    changes(gradients, sample) {
      const along = new Map(held.map(({ name, value }) => [name, value]));
      const tangents = tangentsOf(tape, along, [...gradients.values()], sample);
      return new Map(
        [...gradients].flatMap(([name, gradient]) => {
          const tangent = tangents.get(gradient);
          return tangent === undefined ? [] : [[name, tangent]];
        }),
      );
    },
    close() {
      for (const { line } of held) machine.free(line);
    },
  };
}
