/**
 * What operators demand of their inputs and attributes, as small checks: an operator's `check` is a few of them, made before it
 * is expanded, so that no number of a file reaches a formula, a table or a kernel that does not fit there.
 */
import { fail } from '../../base/index.js';
import { attr, sizeOf } from '../../onnx/index.js';
import { axisOf, describe, type Operator, required, type Site } from '../operator.js';
import { broadcast, mostElements } from '../shapes.js';
import { checkSignature } from './signature.js';

/** An operator that is asked only about nodes that it can be: the contract is checked first, and its answer too. */
export function guarded(operator: Operator): Operator {
  const check = (site: Site): void => {
    checkSignature(site, operator.takes);
    operator.check?.(site);
  };
  const { infer, evaluate } = operator;
  return {
    ...operator,
    infer(site) {
      check(site);
      return answered(site, infer(site));
    },
    evaluate:
      evaluate &&
      ((site, left) => {
        check(site);
        const made = evaluate(site, left);
        return made && answered(site, made);
      }),
  };
}

/** As many outputs as the node has, of shapes that can be. */
function answered<T extends { shape: readonly number[] }>(site: Site, outputs: T[]): T[] {
  if (outputs.length < site.node.outputs.length)
    damaged(site, `has ${site.node.outputs.length} outputs, and gives ${outputs.length}`);
  for (const { shape } of outputs) {
    const size = sizeOf(shape);
    if (!shape.every((dim) => Number.isInteger(dim) && dim >= 0))
      unfit(site, `makes a value of shape [${shape}], which cannot be`);
    if (size > mostElements) tooLarge(site, shape);
  }
  return outputs;
}

/** Refuses a node for what no memory holds. */
export const tooLarge = (site: Site, shape: readonly number[]): never =>
  fail(
    `${describe(site.node)} makes a value of shape [${shape}]: more than ${mostElements} elements are not computed here; use smaller inputs, or check the model.`,
  );

/** Refuses a node for what the file says of it. */
export const damaged = (site: Site, what: string): never =>
  fail(`${describe(site.node)} ${what}; the model is damaged.`);

/** Refuses a node for shapes that do not go together. */
export const unfit = (site: Site, what: string): never =>
  fail(
    `${describe(site.node)} ${what}; the model is damaged, or an input shape was given that it is not made for.`,
  );

export const shapeAt = (site: Site, index: number): readonly number[] => required(site, index).shape;

/** An input has between `least` and `most` dimensions. */
export function ranked(site: Site, index: number, least: number, most = Number.POSITIVE_INFINITY): void {
  const { shape } = required(site, index);
  if (shape.length >= least && shape.length <= most) return;
  const wanted = least === most ? `${least}` : `at least ${least}`;
  unfit(site, `has an input ${index} of shape [${shape}], where ${wanted} dimensions must be`);
}

/** The inputs, where they are there, are vectors of so many elements. */
export function vectors(site: Site, indices: readonly number[], length: number, of: string): void {
  for (const index of indices) {
    const shape = site.inputs[index]?.shape;
    if (shape && (shape.length !== 1 || shape[0] !== length))
      unfit(site, `has an input ${index} of shape [${shape}] for ${length} ${of}`);
  }
}

/** The inputs, where they are there, are single numbers. */
export function singles(site: Site, indices: readonly number[]): void {
  for (const index of indices) {
    const shape = site.inputs[index]?.shape;
    if (shape && (sizeOf(shape) !== 1 || shape.length > 1))
      damaged(site, `has an input ${index} of shape [${shape}], where a single number must be`);
  }
}

/** The inputs, where they are there, are lists. */
export function lists(site: Site, indices: readonly number[]): void {
  for (const index of indices) {
    const shape = site.inputs[index]?.shape;
    if (shape && shape.length !== 1)
      damaged(site, `has an input ${index} of shape [${shape}], where a list must be`);
  }
}

/** An integer attribute that counts something: from 1 to 2^31 − 1. */
export function countOf(site: Site, name: string, fallback?: number): number {
  const value = fallback === undefined ? attr.int(site.node, name) : attr.int(site.node, name, fallback);
  if (!(value >= 1 && value < 2 ** 31)) damaged(site, `has ${name} ${value}, which must be 1 or more`);
  return value;
}

/** A string attribute that is one of a few words. */
export function oneOf(site: Site, name: string, words: readonly string[]): void {
  const value = attr.string(site.node, name, words[0]);
  if (!words.includes(value)) damaged(site, `has ${name} '${value}', which is none of ${words.join(', ')}`);
}

/** Axes counted from the front. @throws UserError for one out of range, or there twice. */
export function axesIn(site: Site, axes: readonly number[], rank: number): number[] {
  const positive = axes.map((axis) => axisOf(site, axis, rank));
  if (new Set(positive).size < positive.length) damaged(site, `names an axis twice: [${axes}]`);
  return positive;
}

/** An input, where it is there, can be repeated to this shape. */
export function repeatable(site: Site, index: number, shape: readonly number[]): void {
  const own = site.inputs[index]?.shape;
  if (own && `${broadcast(own, shape)}` !== `${shape}`)
    unfit(site, `has an input ${index} of shape [${own}], which does not repeat to [${shape}]`);
}
