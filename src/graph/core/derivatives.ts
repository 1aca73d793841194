/** The derivatives of the core operators, by name; a list of its own, so that what only infers need not carry them. */
import type { CoreName } from '../core.js';
import { concatDerivatives } from './concat.js';
import { convDerivatives } from './conv.js';
import { convInputDerivatives } from './conv-input.js';
import { convWeightDerivatives } from './conv-weight.js';
import { crossEntropyDerivatives } from './cross-entropy.js';
import { elementwiseDerivatives } from './elementwise.js';
import { expandDerivatives } from './expand.js';
import { gatherDerivatives } from './gather.js';
import { matmulDerivatives } from './matmul.js';
import { maxPoolDerivatives } from './max-pool.js';
import { maxPoolInputDerivatives } from './max-pool-input.js';
import { normalizeDerivatives } from './normalize.js';
import { normalizeInputDerivatives } from './normalize-input.js';
import type { Derivatives } from './operator.js';
import { padDerivatives } from './pad.js';
import { positionsDerivatives } from './positions.js';
import { reduceDerivatives } from './reduce.js';
import { reshapeDerivatives } from './reshape.js';
import { scanDerivatives } from './scan-gradient.js';
import { scatterSumDerivatives } from './scatter-sum.js';
import { sliceDerivatives } from './slice.js';
import { transposeDerivatives } from './transpose.js';
import { uniformDerivatives } from './uniform.js';

const derivatives = {
  elementwise: elementwiseDerivatives,
  reduce: reduceDerivatives,
  reshape: reshapeDerivatives,
  transpose: transposeDerivatives,
  slice: sliceDerivatives,
  pad: padDerivatives,
  concat: concatDerivatives,
  expand: expandDerivatives,
  conv: convDerivatives,
  convInput: convInputDerivatives,
  convWeight: convWeightDerivatives,
  matmul: matmulDerivatives,
  maxPool: maxPoolDerivatives,
  maxPoolInput: maxPoolInputDerivatives,
  positions: positionsDerivatives,
  normalize: normalizeDerivatives,
  normalizeInput: normalizeInputDerivatives,
  gather: gatherDerivatives,
  scatterSum: scatterSumDerivatives,
  uniform: uniformDerivatives,
  scan: scanDerivatives,
  crossEntropy: crossEntropyDerivatives,
} satisfies { [Name in CoreName]: Derivatives<Name> };

export const derivativesOf = (op: CoreName): Derivatives<CoreName> =>
  derivatives[op] as Derivatives<CoreName>;
