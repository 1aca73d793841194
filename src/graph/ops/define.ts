/**
 * Most operators are defined by their expansion alone: the shapes of an operator's outputs are those of its expansion,
 * and its value on constants is what the expansion computes. Both follow from writing it on an empty tape.
 */
import { fail, UserError } from '../../base/errors.js';
import type { DType, Tensor } from '../../onnx/model.js';
import { sizeOf } from '../../onnx/tensor.js';
import type { Type } from '../core.js';
import { describe, type Operator, type Site } from '../operator.js';
import { runCore } from '../reference/run.js';
import { toTensor, toValue } from '../reference/value.js';
import { type Tape, tape } from '../tape.js';

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
    evaluate(site) {
      const { outputs, scratch } = rehearse(site, expand);
      const wanted = types(site);
      for (const { shape } of scratch.types.values()) checkConstant(site, shape);
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

/** Constants of more elements than this are a slip or a trap. */
const mostElements = 2 ** 29;

/** @throws UserError for the shape of a constant that cannot be, or that no memory could hold. */
export function checkConstant(site: Site, shape: readonly number[]): void {
  if (shape.every((dim) => Number.isInteger(dim) && dim >= 0) && sizeOf(shape) <= mostElements) return;
  fail(`${describe(site.node)} makes a constant of shape [${shape}]; the model is damaged.`);
}

function rehearse(site: Site, expand: Expand): { outputs: string[]; scratch: Tape } {
  const scratch = tape();
  const names = site.inputs.map((type, i) => (type ? scratch.declare(`input#${i}`, type) : ''));
  try {
    return { outputs: expand(site, names, scratch), scratch };
  } catch (error) {
    if (error instanceof UserError || error instanceof TypeError || !(error instanceof Error)) throw error;
    const shapes = site.inputs.map((type) => (type ? `[${type.shape}]` : 'none')).join(', ');
    return fail(
      `${describe(site.node)} cannot take inputs of shapes ${shapes} (${error.message}); the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
}
