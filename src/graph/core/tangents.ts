/** What tangents are written with. */
import { sizeOf } from '../../onnx/index.js';
import type { Build, CoreName, CoreNode } from '../core.js';
import { call, derivative, type Expression, input, substitute } from '../expression.js';
import { applied } from './derive.js';
import type { Moved } from './operator.js';

export const formula = (t: Build, expression: Expression, names: readonly string[]): string =>
  applied(t, expression, names)!;

export const [a, b, c, d] = [0, 1, 2, 3].map(input);
export const mul = (...of: Expression[]) => of.reduce((x, y) => call('mul', x, y));
export const add = (...of: Expression[]) => of.reduce((x, y) => call('add', x, y));
export const sub = (x: Expression, y: Expression) => call('sub', x, y);

export const ones = (t: Build, name: string): string => formula(t, call('equal', a, a), [name]);
export const zeros = (t: Build, name: string): string => formula(t, sub(call('equal', a, a), 1), [name]);

/** The sum over samples and all axes but those kept, as a vector of these. */
export function total(t: Build, value: string, kept: readonly number[] = [1]): string {
  const { shape, laned } = t.type(value);
  const axes = shape.map((_, i) => i).filter((i) => !kept.includes(i));
  const [sum] = t.emit('reduce', [value], { how: 'sum', axes, across: laned });
  return t.emit('reshape', [sum], { shape: kept.length > 0 ? kept.map((i) => shape[i]) : [1] })[0];
}

/** A vector along axis 1. */
export const alongChannels = (t: Build, vector: string, rank: number): string =>
  t.emit('reshape', [vector], {
    shape: Array.from({ length: rank }, (_, i) => (i === 1 ? -1 : 1)).map((n) =>
      n < 0 ? sizeOf(t.type(vector).shape) : n,
    ),
  })[0];

export const sumOf = (t: Build, parts: readonly (string | undefined)[]): string | undefined =>
  parts.reduce(
    (x, y) => (x === undefined || y === undefined ? (x ?? y) : formula(t, add(a, b), [x, y])),
    undefined,
  );

/** The tangent of a formula by those of its operands; `names` are the operands and the result. */
export function movedFormula(
  t: Build,
  expression: Expression,
  names: readonly string[],
  moved: Moved,
): string | undefined {
  const value = input(names.length - 1);
  const parts = moved.map((tangent, k) => {
    if (tangent === undefined) return undefined;
    const slope = substitute(derivative(expression, k), input, value);
    return applied(t, mul(slope, input(names.length)), [...names, tangent]);
  });
  return sumOf(t, parts);
}

/** Of operators that are linear in their first input and have no other that moves. */
export const linear = <Name extends CoreName>(
  t: Build,
  node: CoreNode<Name>,
  [x]: Moved,
): (string | undefined)[] => [x && t.emit(node.op, [x, ...node.inputs.slice(1)], node.options)[0]];

/** Of operators that are linear in each of their first two inputs. */
export function bilinear<Name extends CoreName>(
  t: Build,
  node: CoreNode<Name>,
  [x, y]: Moved,
): (string | undefined)[] {
  const [first, second] = node.inputs;
  return [
    sumOf(t, [
      x && t.emit(node.op, [x, second], node.options)[0],
      y && t.emit(node.op, [first, y], node.options)[0],
    ]),
  ];
}
