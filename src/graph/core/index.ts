/** The core operators, by name. */
import type { CoreName, CoreNode, Type } from '../core.js';
import { concat } from './concat.js';
import { conv } from './conv.js';
import { convInput } from './conv-input.js';
import { convWeight } from './conv-weight.js';
import { crossEntropy } from './cross-entropy.js';
import { elementwise } from './elementwise.js';
import { expand } from './expand.js';
import { gather } from './gather.js';
import { matmul } from './matmul.js';
import { maxPool } from './max-pool.js';
import { maxPoolInput } from './max-pool-input.js';
import { normalize } from './normalize.js';
import { normalizeInput } from './normalize-input.js';
import type { CoreOperator, OutputType } from './operator.js';
import { pad } from './pad.js';
import { positions } from './positions.js';
import { reduce } from './reduce.js';
import { reshape } from './reshape.js';
import { scan } from './scan.js';
import { scatterSum } from './scatter-sum.js';
import { slice } from './slice.js';
import { transpose } from './transpose.js';
import { uniform } from './uniform.js';

const operators = {
  elementwise,
  reduce,
  reshape,
  transpose,
  slice,
  pad,
  concat,
  expand,
  conv,
  convInput,
  convWeight,
  matmul,
  maxPool,
  maxPoolInput,
  positions,
  normalize,
  normalizeInput,
  gather,
  scatterSum,
  uniform,
  scan,
  crossEntropy,
} satisfies { [Name in CoreName]: CoreOperator<Name> };

/** All that is known about an operator, its derivatives apart. */
export const coreOperator = (op: CoreName): CoreOperator<CoreName> => operators[op] as CoreOperator<CoreName>;

/** Shapes and lanes of a core operator's outputs. @throws Error when the operands do not fit (a defect of the expansion). */
export const coreTypes = (
  { op, options }: Pick<CoreNode, 'op' | 'options'>,
  inputs: readonly Type[],
): OutputType[] => coreOperator(op).types(options, inputs);
