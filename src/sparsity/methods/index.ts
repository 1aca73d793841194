/** The unstructured methods by name. A new one is a file beside this and a line here. */
import { fail } from '../../base/errors.js';
import type { Method } from '../types.js';
import { fggp } from './fggp.js';
import { gmp } from './gmp.js';

export const methods: readonly Method[] = [fggp, gmp];

/** The method of that name. Throws a UserError that lists those there are. */
export const findMethod = (name: string): Method =>
  methods.find((method) => method.name === name) ??
  fail(`There is no pruning method ${name}; there are ${methods.map((method) => method.name).join(', ')}.`);
