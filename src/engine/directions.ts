/** Directions in which parameters move: arrays beside them, and how the gradients change along them. */
import { type Tape, tangentsOf } from '../graph/index.js';
import { blocksOf, hold, placesOfHeld, release } from './held.js';
import type { Place } from './lowering/place.js';
import type { Machine } from './machine.js';
import { pushBlocks } from './memory.js';
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
  const held = new Map(parameters.map(({ name, shape }) => [name, hold(machine, shape)]));
  const along = new Map(
    parameters.map(({ name, shape }) => [
      name,
      tape.declare(`direction#${name}`, { dtype: 'float32', shape, laned: false }),
    ]),
  );
  return {
    views: new Map([...held].map(([name, { view }]) => [name, view])),
    push: (name) => pushBlocks(machine, blocksOf(held, [name])),
    places: new Map([...placesOfHeld(held)].map(([name, place]) => [along.get(name)!, place])),
    changes(gradients, sample) {
      const tangents = tangentsOf(tape, along, [...gradients.values()], sample);
      return new Map(
        [...gradients].flatMap(([name, gradient]) => {
          const tangent = tangents.get(gradient);
          return tangent === undefined ? [] : [[name, tangent]];
        }),
      );
    },
    close: () => release(machine, held),
  };
}
