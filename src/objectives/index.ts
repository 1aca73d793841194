/**
 * The objectives room: what training minimises, as core graphs, and the metrics by which networks are compared.
 */

// What an objective is, and those of users.

export {
  checkDefinition,
  defineObjective,
  type LossBuilder,
  type LossParts,
  type ObjectiveDefinition,
  ownObjective,
  type SampleAnswer,
} from './own.js';
export type * from './types.js';

// Built-in objectives.

export { type KeepOptions, keepAnswers, sizeOfAnswers } from './answers.js';
export { type ClassificationOptions, classification } from './classification.js';
export { dense, IGNORED } from './dense.js';
export {
  type DistillationOptions,
  distillation,
  tellHeads,
} from './distillation.js';
export type { OutputScale, Scales } from './distillation-judge.js';
export { atEnds, onRunningStatistics } from './ends.js';
export { type Head, headsOf } from './heads.js';
export { inGraph } from './in-graph.js';
export { innerValues, valueSizes, valuesToMatch } from './inner.js';
export { averagePrecision, multiLabel } from './multi-label.js';
export { type RegressionLoss, regression, regressionLosses } from './regression.js';
export { isSteady, measureScales, type ScaleOptions } from './scales.js';
export { type OutputObjective, severalOutputs } from './several.js';

// Metrics, and which of two figures is better.

export { ACCURACY, figuresIn, headlineOf, isBetter, meritOf, metricIn } from './compare.js';

// A classifier's answers, and the graph to train.

export { graphToTrain } from './form.js';
export { type Scale, scaleOf, trainingGraph } from './logits.js';
