/**
 * The channels room: structured pruning. Its folders are the steps of a run, and each imports from those before it only:
 * find, cut, judge, choose, pull.
 */

// What can be removed, which of it is kept, and methods as settings.

export {
  axisSettings,
  importanceIn,
  type MethodSettings,
  type OwnImportance,
  type OwnSettings,
  type Shares,
  type StructuredMethod,
  structuredMethod,
  usual,
} from './method.js';
export { type StructuredName, structuredMethods } from './methods/index.js';
export * from './types.js';

// Find: which positions of which axes go together, as groups of units.

export { emptied, floorsHold, floorsOf } from './find/floors.js';
export { findChannels, groupSettings } from './find/groups.js';
export { untied } from './find/ties.js';
export { retiedAs, weightsAsInitializers, withMembers } from './find/weights.js';

// Cut: the network without the units, or with the units silenced; BatchNormalization put back into it.

export { type Arm, type Dropped, dropArms, findArms, withoutArm } from './cut/arms.js';
export { keptIn } from './cut/kept.js';
export { maskChannels } from './cut/mask.js';
export { shrink, shrinker } from './cut/shrink.js';
export { measureStatistics, normSettings, unfoldBatchNorm } from './cut/unfold.js';
export { findVocabulary, keepTokens, type Vocabulary } from './cut/vocabulary.js';

// Judge: how much every unit matters.

export type { Criterion } from './judge/criteria.js';
export { deadUnits } from './judge/dead.js';
export { type EliminationOptions, measureElimination } from './judge/elimination.js';
export {
  type Importance,
  type ImportanceName,
  type ImportanceOptions,
  type ImportanceSetting,
  importanceOf,
  importances,
  type Judgement,
  judge,
  type Reduction,
  removedFirst,
  type ScoreNormalization,
} from './judge/importance.js';
export type { Part } from './judge/parts.js';
export { addSaliency } from './judge/saliency.js';
export { measureSaliency, type SaliencyOptions } from './judge/saliency-pass.js';

// Choose: which units go, at a density, for a target, in rounds; and choices as files.

export { type AllocationOptions, sensitivityOrder } from './choose/allocation.js';
export { type ChooseOptions, type Chosen, checkGoal, chooseUnits, countsOf } from './choose/choose.js';
export { type Counts, type Estimate, estimateOf, pricesOf } from './choose/estimate.js';
export type { Goal } from './choose/goal.js';
export { refuseRigid, wholeCost } from './choose/hindrance.js';
export {
  type Comparison,
  compareSelections,
  type Masks,
  maskFileSettings,
  readMasks,
  selectionFrom,
  writeMasks,
} from './choose/mask-file.js';
export {
  countsAfter,
  type Limits,
  limitSettings,
  type OrderOptions,
  onnxruntimeRounding,
  type RemovalStep,
  removalOrder,
  type Scope,
  selectionAfter,
} from './choose/order.js';
export { composed, followed } from './choose/rounds.js';
export {
  type Candidate,
  type Found,
  type SearchOptions,
  searchNetworks,
  searchSettings,
} from './choose/search.js';
export { selectAbove, selectCounts, selectDensities, selectDensity, selectMarked } from './choose/select.js';
export {
  type Sensitivity,
  type SensitivityOptions,
  type SensitivityRow,
  sensitivityOf,
} from './choose/sensitivity.js';
export {
  type CostTarget,
  costs,
  quantity,
  type ReachedTarget,
  reachTarget,
  type TargetOptions,
} from './choose/target.js';
export { type EnergyOptions, keepEnergy } from './choose/threshold.js';
export { selectByVote, vote } from './choose/vote.js';

// Pull: what draws units to zero during training.

export { type Pull, pulls } from './pull/regularize.js';
export {
  hasScales,
  leftToLength,
  markedHooks,
  needsScales,
  type SettledSettings,
  scalesAbove,
  settledFor,
  sparseHooks,
} from './pull/stages.js';
export { isShort, markedStrengthFor, type Pulling, reachOf, sparseStrengthFor } from './pull/strength.js';
