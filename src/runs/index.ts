/**
 * The runs room: recipes, run folders, and what is done with a model. A command of the command line is a function here.
 */

// Settings and recipes.

export { type PruneSettings, pruneRecipe, type TrainSettings, trainRecipe } from './options.js';
export {
  checkSettings,
  type Given,
  type Recipe,
  readRecipe,
  resolveRecipe,
  settingsFor,
  settingsOf,
} from './recipe.js';
export { rescaleRecipe } from './rescale.js';
export {
  benchSettings,
  channelSettings,
  dataSettings,
  explainSettings,
  fileSettings,
  flagOf,
  groupSettings,
  lossSettings,
  modelSettings,
  profileSettings,
  pruningSettings,
  type Settings,
  sensitivitySettings,
  slimSettings,
  trainingSettings,
  vocabularySettings,
} from './settings.js';
export { suitRecipe, suitRun } from './suit/suit.js';

// Methods and tasks by name.

export { describeMethod, listMethods, type MethodDetails, type MethodEntry } from './methods.js';
export { addMethod, defineMethod, type MethodDefinition, openMethod } from './registry.js';
export { isUsable, keepsAccuracy, keepsAnswer } from './usable.js';

// Runs and their folders.

export type { RunResult } from './carry-out.js';
export { type Exported, exportModel } from './export.js';
export { type RunFolder, refuseOccupied, runFolder } from './folder.js';
export { type ComparedMasks, compareMasks } from './masks.js';
export { byReason, type Measure, measure } from './measure.js';
export { resumeRun, type StartOptions, startRun } from './run.js';
export {
  type Change,
  type ChannelSummary,
  type ClassSummary,
  type LossSearch,
  type MetricsLine,
  type Summary,
  stagesOf,
} from './summary.js';
export { type ModelTask, openModel, openTask, type Task } from './task.js';
export { asCsv } from './track/csv.js';
export { type KeptVocabulary, keepVocabulary, type VocabularyOptions } from './vocabulary.js';
export type { RunOptions } from './work.js';

// Studies, and pruning without a recipe.

export { type SlimResult, slim } from './slim/slim.js';
export {
  type CellFigures,
  carryOut,
  carryOutHalving,
  carryOutStored,
  claimStudy,
  type Difference,
  type ExecutionOptions,
  estimateCost,
  type FailedLine,
  failureOf,
  findRun,
  gathering,
  isServer,
  isTaken,
  type LastWord,
  type MeasuredWhen,
  mixedData,
  nameOfCell,
  type Order,
  openQueue,
  openRuns,
  openStore,
  type ProcessMessage,
  query,
  type Row,
  type RunLine,
  readResult,
  readStudy,
  readStudyLines,
  readTask,
  refuseHalving,
  runRows,
  type Statistics,
  type Study,
  type StudyCost,
  type StudyEvent,
  type StudyResult,
  type StudyRun,
  type StudyTask,
  settingRows,
  shownAddress,
  stoppedIn,
  storedPlace,
  studyRuns,
  submitRuns,
  summarizeStudy,
  work,
  workOnTask,
  writeArrayJob,
  writeParquet,
} from './study/index.js';

// What is told about models and data.

export { type Bench, type BenchOptions, bench } from './bench.js';
export { evaluateModel } from './evaluate.js';
export { type ExplainOptions, type Explanation, explainModel } from './explain.js';
export { type Inspection, inspectModel } from './inspect.js';
export { type NetronAttachment, netronAttachment } from './netron.js';
export { onnxruntime } from './onnxruntime.js';
export { type PackedModel, type PackModelOptions, packModel, packNotes } from './pack.js';
export type { Pictures } from './pictures.js';
export { type Profile, type ProfileOptions, type ProfileRow, profileModel } from './profile.js';
export { type Review, type ReviewOptions, reviewData } from './review.js';
export { type MeasuredSensitivity, measureSensitivity } from './sensitivity.js';
