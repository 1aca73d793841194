/**
 * What must hold of a core node before anything computes with it: operands that fit, and options that stay inside them. Tables,
 * views and kernels are made of these numbers without a further look. Operators' files refuse what a model gets wrong in words
 * of its own; what gets past them ends here.
 */
import { sizeOf } from '../onnx/index.js';
import { isCount } from './core/check.js';
import { coreOperator } from './core/index.js';
import type { CoreNode, Type } from './core.js';
import { mostElements } from './shapes.js';

/** A value has more elements than can be counted. */
export class TooLarge extends Error {
  constructor(readonly shape: readonly number[]) {
    super(`[${shape}] has more than ${mostElements} elements`);
  }
}

/** @throws Error where they do not. */
export function verify(
  { op, options }: Pick<CoreNode, 'op' | 'options'>,
  inputs: readonly Type[],
  outputs: readonly Pick<Type, 'shape'>[],
): void {
  const must = (holds: boolean, what: string): void => {
    if (holds) return;
    const shapes = inputs.map(({ shape }) => `[${shape}]`).join(', ');
    throw new Error(`${op} of ${shapes}: ${what}`);
  };
  for (const { shape } of outputs) {
    if (!shape.every(isCount)) must(false, `[${shape}] is no shape`);
    if (sizeOf(shape) > mostElements) throw new TooLarge(shape);
  }
  coreOperator(op).verify(
    must,
    options,
    inputs.map(({ shape }) => shape),
    outputs.map(({ shape }) => shape),
  );
}
