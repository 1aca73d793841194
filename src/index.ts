/**
 * The library. Whatever the command line does, a few lines can do too:
 *
 * ```ts
 * import * as espalier from 'espalier';
 *
 * const data = await espalier.openDataset('digits');
 * const machine = await espalier.openMachine();
 * const model = espalier.buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1 });
 * const network = espalier.loadNetwork(model, { machine });
 * await espalier.trainNetwork({
 *   network, data, epochs: 10, batch: 64, seed: 1,
 *   optimizer: { kind: 'sgd' }, schedule: { kind: 'cosine', learningRate: 0.1 },
 *   hooks: [espalier.pruningHook(espalier.fggp, { sparsity: 0.9 })],
 * });
 * await espalier.writeModel('pruned.onnx', network.snapshot());
 * await machine.close();
 * ```
 *
 * @module espalier
 */
export { UserError } from './base/errors.js';
export {
  type Calibration,
  calibrationSamples,
  type Reconstructed,
  type ReconstructOptions,
  reconstruct,
} from './calibration/index.js';
export {
  type Channels,
  compareSelections,
  findChannels,
  foldBatchNorm,
  type Group,
  importanceOf,
  importances,
  judge,
  keptIn,
  maskChannels,
  measureSaliency,
  reachTarget,
  readMasks,
  removalOrder,
  type Selection,
  type StructuredMethod,
  selectAbove,
  selectDensity,
  selectionFrom,
  sensitivityOf,
  shrink,
  structuredMethods,
  writeMasks,
} from './channels/index.js';
export {
  type Augmentation,
  type Batch,
  type BatchOptions,
  batches,
  type Card,
  cardOf,
  type Dataset,
  type Image,
  type ImageShape,
  type Images,
  importDataset,
  memorySplit,
  type Normalization,
  type Numbers,
  numbers,
  type OpenOptions,
  openDataset,
  parseNormalize,
  type SampleArray,
  type Split,
  splitValidation,
  statistics,
  subset,
  withCard,
} from './data/index.js';
export {
  type Inference,
  type InferenceOptions,
  type LoadOptions,
  loadNetwork,
  type Machine,
  type MachineOptions,
  type Network,
  openMachine,
  type Parameter,
  type Training,
  type TrainingOptions,
  type UpdateOptions,
} from './engine/index.js';
export { builder, buildNetwork, type NetworkOptions, zoo } from './nn/index.js';
export {
  distillation,
  type Figures,
  type Metric,
  measureScales,
  type Objective,
} from './objectives/index.js';
export {
  type Attribute,
  type Graph,
  type Node,
  parseModel,
  readModel,
  serializeModel,
  type Tensor,
  type Value,
  writeModel,
} from './onnx/index.js';
export { writeReport, writeStudy } from './report/index.js';
export {
  type Bench,
  type BenchOptions,
  bench,
  type ExplainOptions,
  type Explanation,
  type Exported,
  evaluateModel,
  explainModel,
  exportModel,
  type Inspection,
  inspectModel,
  type Measure,
  type MeasuredSensitivity,
  measure,
  measureSensitivity,
  type NetronAttachment,
  netronAttachment,
  type PackedModel,
  type PackModelOptions,
  type Profile,
  type ProfileOptions,
  packModel,
  profileModel,
  type Recipe,
  type Review,
  type ReviewOptions,
  type RunFolder,
  type RunOptions,
  type RunResult,
  readRecipe,
  readStudy,
  readStudyLines,
  rescaleRecipe,
  resolveRecipe,
  resumeRun,
  reviewData,
  type Study,
  type StudyResult,
  type StudyRun,
  type Summary,
  startRun,
  studyRuns,
  summarizeStudy,
} from './runs/index.js';
export {
  applyMasks,
  type Census,
  census,
  fggp,
  findMethod,
  type GradualOptions,
  gmp,
  gradual,
  type Method,
  methods,
  type Plan,
  type Prunable,
  pruningHook,
  type UpdateReport,
} from './sparsity/index.js';
export {
  bakeMasks,
  edgePopup,
  type LearntContext,
  type LearntMethod,
  type LearntRun,
  learntMethods,
  probmask,
  str,
} from './sparsity/learnt/index.js';
export {
  type Best,
  type CheckpointOptions,
  type EpochMetrics,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type Hook,
  type MaskReport,
  type OptimizerSettings,
  recalibrate,
  type ScheduleSettings,
  type TrainData,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  type TrainStart,
  type TrainState,
  trainingGraph,
  trainNetwork,
  weightsOf,
  withWeights,
} from './train/index.js';
