/** The unstructured methods by name. A new one is a file beside this and a line here. */
import { fail } from '../../base/index.js';
import type { Method } from '../types.js';
import { fggp } from './fggp.js';
import { gmp } from './gmp.js';
import { granet } from './granet.js';
import { grasp } from './grasp.js';
import { iterativeMagnitude } from './iterative-magnitude.js';
import { lottery } from './lottery.js';
import { magnitude } from './magnitude.js';
import { random } from './random.js';
import { rigl } from './rigl.js';
import { set } from './set.js';
import { snip } from './snip.js';
import { sparsegpt } from './sparsegpt.js';
import { synflow } from './synflow.js';
import { wanda } from './wanda.js';

const byName = {
  ...{ fggp, gmp, granet, rigl, set },
  ...{ magnitude, 'iterative-magnitude': iterativeMagnitude, lottery },
  ...{ random, snip, grasp, synflow },
  ...{ wanda, sparsegpt },
};

/** Every method with what it can be told. */
export type MaskingMethods = typeof byName;

/** All built-in methods that remove single weights by a score. */
export const methods: readonly Method[] = Object.values(byName);

/** The method of that name. Throws a UserError that lists those there are. */
export const findMethod = (name: string): Method =>
  methods.find((method) => method.name === name) ??
  fail(`There is no pruning method ${name}; there are ${methods.map((method) => method.name).join(', ')}.`);
