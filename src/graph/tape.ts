/** The core graph while it is being written: nodes in order, and what is known of every value. */
import { sizeOf, type Tensor, zeros } from '../onnx/index.js';
import { coreOperator, coreTypes } from './core/index.js';
import type { Build, CoreName, CoreNode, CoreOptions, Type } from './core.js';
import { verify } from './verify.js';

export interface Tape extends Build {
  readonly nodes: CoreNode[];
  readonly types: Map<string, Type>;
  /** By value: where this other one is 0, its gradient is of no use. */
  readonly patterns: Map<string, string>;
  /** Declares a value that comes from outside: an input of the program, or a tensor that it keeps. */
  declare(name: string, type: Type): string;
  training: boolean;
  /** Of which node of the model what is emitted now is a part. */
  layer?: string;
}

/** An empty tape. */
export function tape(training = false): Tape {
  const nodes: CoreNode[] = [];
  const types = new Map<string, Type>();
  let count = 0;
  const type = (name: string): Type => {
    const found = types.get(name);
    if (!found) throw new Error(`No value is called '${name}'`);
    return found;
  };
  const made: Tape = {
    nodes,
    types,
    patterns: new Map(),
    training,
    type,
    declare(name, declared) {
      types.set(name, declared);
      return name;
    },
    given(declared) {
      return made.declare(`given#${count++}`, declared);
    },
    inside(write) {
      const outer = nodes.splice(0);
      try {
        const result = write();
        return { nodes: nodes.splice(0), result };
      } finally {
        nodes.length = 0;
        for (const node of outer) nodes.push(node);
      }
    },
    constant(tensor: Tensor) {
      const name = `constant#${count++}`;
      types.set(name, { dtype: tensor.dtype, shape: tensor.shape, laned: false, constant: tensor });
      return name;
    },
    pattern(value, pattern) {
      made.patterns.set(value, pattern);
    },
    emit<Name extends CoreName>(
      op: Name,
      inputs: readonly string[],
      options: CoreOptions[Name],
      gradient?: CoreNode['gradient'],
    ) {
      const operands = inputs.map(type);
      const results = coreTypes({ op, options }, operands);
      verify({ op, options }, operands, results);
      if (operands.some(isEmpty) || results.every(isEmpty))
        return results.map(({ shape }) => made.constant(nothing(op, options, shape)));
      const outputs = results.map((t) => {
        const name = `${op}#${count++}`;
        types.set(name, { dtype: 'float32', ...t });
        return name;
      });
      nodes.push({ op, inputs, outputs, options, gradient, layer: made.layer });
      return outputs;
    },
  };
  return made;
}

const isEmpty = ({ shape }: Pick<Type, 'shape'>): boolean => sizeOf(shape) === 0;

/** What an operator makes of nothing: no elements, or of none their sum or the number that pads. */
function nothing(op: CoreName, options: CoreOptions[CoreName], shape: readonly number[]): Tensor {
  const result = zeros(shape);
  if (result.data.length === 0) return result;
  const value = coreOperator(op).ofNothing(options);
  if (value === undefined) throw new Error(`${op} of no elements`);
  (result.data as Float32Array).fill(value);
  return result;
}
