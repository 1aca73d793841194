/** The public surface of the `channels` room: structured pruning. */
export { type AllocationOptions, sensitivityOrder } from './allocation.js';
export { type Arm, type Dropped, dropArms, findArms, withoutArm } from './arms.js';
export type { Criterion } from './criteria.js';
export { deadUnits } from './dead.js';
export { type Counts, type Estimate, estimateOf, pricesOf } from './estimate.js';
export { emptied, floorsHold, floorsOf } from './floors.js';
export { foldBatchNorm } from './fold.js';
export type { Goal } from './goal.js';
export { findChannels, groupSettings } from './groups.js';
export { refuseRigid, wholeCost } from './hindrance.js';
export {
  type Importance,
  type ImportanceName,
  type ImportanceOptions,
  type ImportanceSetting,
  importanceOf,
  importances,
  type Judgement,
  judge,
  type Normalization,
  type Reduction,
  removedFirst,
} from './importance.js';
export { keptIn } from './kept.js';
export { maskChannels } from './mask.js';
export {
  type Comparison,
  compareSelections,
  type Masks,
  maskFileSettings,
  readMasks,
  selectionFrom,
  writeMasks,
} from './mask-file.js';
export {
  axisSettings,
  type MethodSettings,
  type OwnImportance,
  type OwnSettings,
  type Shares,
  type StructuredMethod,
  structuredMethod,
  usual,
} from './method-types.js';
export { type StructuredName, structuredMethods } from './methods/index.js';
export {
  countsAfter,
  type Limits,
  limitSettings,
  type OrderOptions,
  onnxruntimeRounding,
  removalOrder,
  type Scope,
  type Step,
  selectionAfter,
} from './order.js';
export type { Part } from './parts.js';
export { type ChooseOptions, type Chosen, checkGoal, chooseUnits, countsOf } from './pipeline.js';
export { type EliminationOptions, measureElimination } from './pipeline-elimination.js';
export { composed, followed } from './pipeline-rounds.js';
export { measureSaliency, type SaliencyOptions } from './pipeline-saliency.js';
export {
  hasScales,
  leftToLength,
  markedHooks,
  needsScales,
  type SettledSettings,
  scalesAbove,
  settledFor,
  sparseHooks,
} from './pipeline-stages.js';
export { type Pull, pulls } from './regularize.js';
export { addSaliency } from './saliency.js';
export { type Candidate, type Found, type SearchOptions, searchNetworks, searchSettings } from './search.js';
export { selectAbove, selectCounts, selectDensities, selectDensity, selectMarked } from './select.js';
export {
  type Sensitivity,
  type SensitivityOptions,
  type SensitivityRow,
  sensitivityOf,
} from './sensitivity.js';
export { shrink, shrinker } from './shrink.js';
export { isShort, markedStrengthFor, type Pulling, reachOf, sparseStrengthFor } from './strength.js';
export {
  costs,
  quantity,
  type Reached,
  reachTarget,
  type Target,
  type TargetOptions,
} from './target.js';
export { type EnergyOptions, keepEnergy } from './threshold.js';
export { untied } from './ties.js';
export * from './types.js';
export { measureStatistics, normSettings, unfoldBatchNorm } from './unfold.js';
export { findVocabulary, keepTokens, type Vocabulary } from './vocabulary.js';
export { selectByVote, vote } from './vote.js';
export { retiedAs, withMembers, withWeights } from './weights.js';
