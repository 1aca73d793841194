/** Objectives: the public surface of this room. */

export { type KeepOptions, keepAnswers, sizeOfAnswers } from './answers.js';
export { type ClassificationOptions, classification } from './classification.js';
export { ACCURACY, figuresIn, headlineOf, isBetter, meritOf, metricIn } from './compare.js';
export { dense, IGNORED } from './dense.js';
export {
  type DistillationOptions,
  distillation,
  tellHeads,
} from './distillation.js';
export type { OutputScale, Scales } from './distillation-judge.js';
export { graphToTrain } from './form.js';
export { type Head, headsOf } from './heads.js';
export { inGraph } from './in-graph.js';
export { innerValues, valueSizes, valuesToMatch } from './inner.js';
export { type Scale, scaleOf, trainingGraph } from './logits.js';
export { multiLabel } from './multi-label.js';
export {
  checkDefinition,
  defineObjective,
  type LossBuilder,
  type LossParts,
  type ObjectiveDefinition,
  ownObjective,
  type SampleAnswer,
} from './own.js';
export { type RegressionLoss, regression, regressionLosses } from './regression.js';
export { measureScales, type ScaleOptions } from './scales.js';
export { type OutputObjective, severalOutputs } from './several.js';
export type * from './types.js';
