/**
 * Most operators are defined by their expansion alone: the shapes of an operator's outputs are those of its expansion,
 * and its value on constants is what the expansion computes. Both follow from writing it on an empty tape.
 */
import { fail, UserError } from '../../base/index.js';
import { type DType, sizeOf, type Tensor } from '../../onnx/index.js';
import type { Type } from '../core.js';
import { affords } from '../fold.js';
import { describe, type Operator, type Site } from '../operator.js';
import { runCore } from '../reference/run.js';
import { toTensor, toValue } from '../reference/value.js';
import { type Tape, tape } from '../tape.js';
import { TooLarge } from '../verify.js';
import { tooLarge } from './check.js';

export type Expand = NonNullable<Operator['expand']>;

export interface Definition extends Omit<Operator, 'infer' | 'evaluate' | 'expand'> {
  expand: Expand;
  /** Element types of the outputs; default: that of the first input. */
  dtypes?(site: Site): DType[];
}

/** An operator whose shapes and values on constants are those of its expansion. */
export function define({ dtypes, expand, ...facts }: Definition): Operator {
  const types = (site: Site): Omit<Type, 'laned'>[] => {
    const { outputs, scratch } = rehearse(site, expand);
    const given = dtypes?.(site);
    return outputs.map((name, i) => {
      const { shape, constant } = scratch.type(name);
      return { dtype: given?.[i] ?? site.inputs[0]?.dtype ?? 'float32', shape, constant };
    });
  };
  return {
    ...facts,
    expand,
    infer: types,
    evaluate(site, left) {
      const { outputs, scratch } = rehearse(site, expand);
      if (!affords(left, scratch.nodes, scratch.type)) return undefined;
      const wanted = types(site);
      const values = runCore(
        scratch.nodes,
        new Map(
          [...scratch.types].flatMap(([name, { constant }]) => (constant ? [[name, toValue(constant)]] : [])),
        ),
      );
      return outputs.map((name, i): Tensor => {
        const given = scratch.type(name).constant;
        return given?.dtype === wanted[i].dtype ? given : toTensor(values.get(name)!, wanted[i].dtype);
      });
    },
  };
}

/** @throws UserError for the shape of a constant that cannot be, or has more than `most` elements. */
export function checkConstant(site: Site, shape: readonly number[], most: number): void {
  if (shape.every((dim) => Number.isInteger(dim) && dim >= 0) && sizeOf(shape) <= most) return;
  fail(`${describe(site.node)} makes a constant of shape [${shape}]; the model is damaged.`);
}

function rehearse(site: Site, expand: Expand): { outputs: string[]; scratch: Tape } {
  const scratch = tape();
  const names = site.inputs.map((type, i) => (type ? scratch.declare(`input#${i}`, type) : ''));
  try {
    return { outputs: expand(site, names, scratch), scratch };
  } catch (error) {
    if (error instanceof TooLarge) tooLarge(site, error.shape);
    if (error instanceof UserError || error instanceof TypeError || !(error instanceof Error)) throw error;
    const shapes = site.inputs.map((type) => (type ? `[${type.shape}]` : 'none')).join(', ');
    return fail(
      `${describe(site.node)} cannot take inputs of shapes ${shapes} (${error.message}); the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
}
