/** Giving samples to a program. */
import { fail } from '../base/index.js';
import type { Program } from './compile.js';
import type { Inputs } from './types.js';

/** Values by the names of a model's inputs, of which a single one needs none. */
export const byName = (inputs: Inputs, names: readonly string[]): Readonly<Record<string, Float32Array>> =>
  inputs instanceof Float32Array ? { [names[0]]: inputs } : inputs;

/** @throws UserError when the values are missing, are too many, or do not fill the samples. */
export function writeInput(
  program: Program,
  name: string,
  data: Float32Array | undefined,
  count: number,
  size: number,
  batch: number,
) {
  if (!data) fail(`The input '${name}' is missing; give its values.`);
  if (count > batch)
    fail(`${count} samples were given to a program for at most ${batch}; give fewer at a time.`);
  if (data.length !== size * count) {
    fail(
      `The input '${name}' has ${data.length} numbers, but ${count} samples of ${size} need ${size * count}.`,
    );
  }
  program.write(name, data, count);
}
