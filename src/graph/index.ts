/**
 * The graph room: what every operator of ONNX means. It expands a model into a core graph of about twenty operators,
 * differentiates that, computes it slowly and exactly (the reference), and tells facts about models: types, shapes,
 * MACs, roles of inputs.
 */

// The core graph: its operators as types, the tape on which it is written, and small programs on it.

export type { Build, CoreName, CoreNode, CoreOptions, Told, Type, Window } from './core.js';
export { everyNode, workOf } from './loop.js';
export { needed } from './needed.js';
export { cut, expand, pointwise, reduce, reshape, transpose } from './ops/emit.js';
export { softmax } from './ops/softmax.js';
export { windowOutput } from './shapes.js';
export { type Tape, tape } from './tape.js';

// From a model to its core graph.

export { decideBranches } from './branches.js';
export {
  coreValue,
  type Expanded,
  expandBefore,
  expandModel,
  nameOf,
  rolesOf,
  sampleShape,
} from './expand.js';
export { type Behind, behindFront } from './front.js';
export { countOutside, type Lookup, lookupsFor, refuseOutside } from './lookups.js';
export { modelReach, partFor, type Reach, reachIn } from './reach.js';

// Derivatives.

export { differentiate } from './differentiate.js';
export { tangentsOf } from './tangent.js';

// Formulas of element-wise operators: as data, as text, and between which numbers they lie.

export {
  apply,
  call,
  type Expression,
  evaluateExpression,
  type FunctionName,
  functionNames,
  input,
  isFunctionName,
  lengthOf,
  substitute,
} from './expression.js';
export { formulaText } from './formula.js';
export { anyNumber, constantOf, exactly, type Range, rangeOf } from './ranges.js';

// Operators of ONNX: what is known of each, and the roles of its inputs.

export {
  type Budget,
  DependsOnData,
  describe,
  type Inside,
  type Kept,
  type KeptValue,
  type Operator,
  type Resized,
  type Site,
  Unsupported,
} from './operator.js';
export { findOperator, operatorFor } from './ops/index.js';
export { biasInput, type InputRole, inputAxisOf, inputsThatAre, outputAxisOf } from './roles.js';

// Facts about models.

export { answersOf, makerOf } from './answers.js';
export { type BatchForm, batchOf } from './batch.js';
export { inferTypes } from './facts/infer.js';
export { type OpenDimension, type OtherSizes, otherSizes } from './facts/sizes.js';
export { type Layer, type ModelSummary, type SymbolicShape, summarize } from './facts/summary.js';
export { affords, budget, foldedTypes } from './fold.js';
export { biasesBeside, namer, readersOf, type WeightedLayer, weightedLayers } from './layers.js';
export { originIn } from './origin.js';

// Models rewritten: as they are deployed, and with BatchNormalization folded into the layer before it.

export { foldBatchNorm } from './batch-norm.js';
export { byRunningStatistics, inferenceForm, withoutDropout } from './inference.js';

// Weights that are stored as whole numbers.

export {
  type Along,
  alongOf,
  constantsOf,
  dequantized,
  inRealNumbers,
  nearestStored,
  openQuantized,
  quantizerOf,
  valueAt,
  weightsBehind,
} from './quantized.js';

// The reference: core graphs computed in double precision, one sample at a time.

export { answerInDoubles } from './reference/model.js';
export { runCore } from './reference/run.js';
export { type ReferenceValue, toLaned, toTensor, toValue } from './reference/value.js';
