/**
 * Every setting of a run by name. The recipe's schema, the command line's flags and their help are made from these tables; those of
 * methods stand beside the methods.
 */
import {
  aboveZero,
  also,
  atLeastZero,
  choice,
  flag,
  fraction,
  names,
  number,
  numbers,
  type Settings,
  text,
  upToOne,
  whole,
} from '../base/index.js';
import {
  axisSettings,
  groupSettings,
  limitSettings,
  maskFileSettings,
  normSettings,
  searchSettings,
  structuredMethods,
} from '../channels/index.js';
import { NAMED, resizeModes } from '../data/index.js';
import { engines } from '../engine/index.js';
import { learntMethods, methods as masking, unstructuredSettings } from '../sparsity/index.js';
import { learnSetting } from './learn.js';
import { depthSettings, repairSettings, stageSettings, targetSettings } from './structured/settings.js';

export { flagOf, type Setting, type Settings, type Values } from '../base/index.js';
export { groupSettings } from '../channels/index.js';

/** Which data, and how images are brought to the network. */
export const dataSettings = {
  data: also(
    text(
      'data set: digits, cifar10[:DIR], cifar100[:DIR], mnist[:DIR] or fashion-mnist[:DIR]; images:DIR with a folder per class, with pictures without labels, or with pictures and class maps for --learn dense; npz:FILE with an array for each input and the labels y, which a model that learns from a teacher does not need; random for 1024 random samples to learn from a teacher on; none to prune one-shot, without data',
      'DATA',
      ['digits', ...Object.keys(NAMED), 'images:', 'npz:', 'none'],
    ),
    '--dataset',
  ),
  normalize: text(
    'imagenet, or mean and standard deviation per colour channel, such as 0.485,0.456,0.406/0.229,0.224,0.225',
    'MEAN/STD',
  ),
  size: also(
    whole(
      'height and width to resize images to (default: those of the model; otherwise the images’ own size, or 224 for image folders)',
      1,
      'PIXELS',
    ),
    '--image-size',
    '--img-size',
    '--imgsz',
  ),
  resize: choice(
    'how to resize images of another size (default: as the model says, otherwise crop)',
    resizeModes,
  ),
  colors: choice(
    'order of the colour channels that the model expects (default: as the model says, otherwise rgb)',
    ['rgb', 'bgr'],
  ),
  learn: learnSetting,
  ignoreIndex: whole('class of the positions to ignore, for --learn dense (default: 255)', 0),
  skipBroken: flag('skip pictures that cannot be decoded (default: stop and list them)'),
} satisfies Settings;

/** Where they are when a run is resumed. */
export const movedDataSetting = {
  ...dataSettings.data,
  about: 'the data set of the run, if it has moved, such as images:/mnt/photos',
};

/** Of a model from a file: what it leaves open. */
export const fileSettings = {
  inputShape: text(
    'shape of an input whose size the model leaves open: C,H,W, or NAME=N,C,H,W for each input that it leaves open, separated by spaces',
    'SHAPE',
  ),
  fix: text(
    'inputs that are always the same: NAME=VALUE, or NAME=N,C,H,W for a shape, separated by spaces; what only others lead to goes',
    'INPUTS',
  ),
} satisfies Settings;

/** Of a model from a file or of the zoo. */
export const modelSettings = {
  width: number('width multiplier of a zoo network: a factor on its numbers of channels', ...aboveZero),
  shortcut: choice('kind of shortcut in the zoo’s residual networks for CIFAR', ['A', 'B']),
  stem: choice('first layers of the zoo’s resnet18, resnet50 and mobilenetv2', ['cifar', 'imagenet']),
  classes: also(whole('number of classes of a zoo network (default: those of the data)', 1), '--num-classes'),
  ...fileSettings,
} satisfies Settings;

/** How it is trained. */
export const trainingSettings = {
  epochs: whole('passes over the training samples (default: 10)', 1),
  batch: also(
    whole('samples per training step (default: 128, or fewer if there are few samples)', 1),
    '--batch-size',
  ),
  lr: also(
    number(
      'peak learning rate (default: 0.01 for a trained model, otherwise 0.1 to train and 0.05 to prune; with adam and adamw a hundredth of that)',
      ...aboveZero,
    ),
    '--learning-rate',
  ),
  schedule: choice('learning-rate schedule (default: cosine)', ['cosine', 'step', 'multi-step', 'constant']),
  every: number(
    'epochs between drops of the learning rate, for --schedule step',
    (x) => x > 0,
    'be a number above 0',
    'EPOCHS',
  ),
  milestones: numbers('epochs at which the learning rate drops, for --schedule multi-step', 'EPOCHS'),
  gamma: number('factor on the learning rate at each drop (default: 0.1)', ...aboveZero),
  warmup: number(
    'epochs of linear warm-up (default: 0; a tenth of the run, at most 1, for a trained model)',
    (x) => x >= 0,
    'be a number of at least 0',
    'EPOCHS',
  ),
  optimizer: choice('optimiser (default: sgd)', ['sgd', 'adam', 'adamw']),
  momentum: number(
    'momentum of sgd (default: 0.9)',
    (x) => x >= 0 && x < 1,
    'be a number of at least 0 and below 1',
  ),
  nesterov: flag('use Nesterov momentum with sgd'),
  weightDecay: also(
    number('weight decay of every parameter (default: 5e-4; 0 with adam, 0.01 with adamw)', ...atLeastZero),
    '--wd',
  ),
  labelSmoothing: number(
    'label smoothing of the loss (default: 0)',
    (x) => x >= 0 && x < 1,
    'be a number of at least 0 and below 1',
  ),
  classWeights: choice(
    'weights of the classes in the loss; balanced gives every class the same total weight (default: none)',
    ['none', 'balanced'],
  ),
  augment: flag(
    'augment the training images with the random crops and flips that are usual for the data set (default: on where that suits images and model)',
  ),
  validation: fraction('fraction of the training samples held out for validation (default: none)'),
  trainSamples: whole('number of training samples to use, evenly spread (default: all)', 1),
  teacher: text(
    'model to distil from: an .onnx file, self for the model as it was before the run, or none (default: self where a trained model is pruned)',
    'self|none|FILE',
    ['self', 'none'],
  ),
  match: names(
    'inner values to learn from the teacher as well as the outputs, by their names in the graph; pruning must not change their shapes. * matches any text, as in /encoder/*; none learns the outputs alone (default: auto, which takes all of them if the outputs hardly differ from sample to sample)',
    'NAMES',
  ),
  temperature: number('temperature of distillation (default: 4)', ...aboveZero),
  teacherWeight: number('weight of the teacher’s answers relative to the labels (default: 0.5)', ...upToOne),
} satisfies Settings;

/** The teacher of a model that is evaluated. */
export const comparedTeacher = {
  ...trainingSettings.teacher,
  about:
    'model to compare the outputs with, where samples have no labels: an .onnx file, or self for the model itself',
};

/** How many samples are evaluated together. */
export const evaluationBatch = also(whole('samples per batch (default: 256)', 1), '--batch-size');

/** Methods of channels can prune without training. */
export const pruningEpochs = whole(
  'passes over the training samples, in all stages together (default: 10)',
  0,
);

/** What goes, and how: the settings of every method that removes single weights. */
export const pruningSettings = {
  method: text('pruning method, such as gmp or l1-filters; espalier methods lists them all', 'NAME', [
    ...[...masking, ...learntMethods, ...structuredMethods].map(({ name }) => name),
  ]),
  ...unstructuredSettings,
} satisfies Settings;

/** What removes whole channels; a method of channels has these, and {@link sharedSettings}, and no others of pruning. */
export const channelSettings = {
  ...targetSettings,
  ...depthSettings,
  importance: axisSettings.importance,
  allocate: axisSettings.allocate,
  ...searchSettings,
  rule: axisSettings.rule,
  vote: axisSettings.vote,
  ...maskFileSettings,
  sparse: axisSettings.sparse,
  sparseStrength: axisSettings.sparseStrength,
  sparseEpochs: stageSettings.sparseEpochs,
  marked: axisSettings.marked,
  markedStrength: axisSettings.markedStrength,
  markedShifts: axisSettings.markedShifts,
  markedEpochs: stageSettings.markedEpochs,
  ...limitSettings,
  ...groupSettings,
  recalibrate: normSettings.recalibrate,
  ...repairSettings,
  unfold: normSettings.unfold,
} satisfies Settings;

/** Settings that say what channels are to come to. */
export const channelTargets = [
  'macs',
  'params',
  'bytes',
  'latency',
  'channels',
] as const satisfies (keyof typeof targetSettings)[];

/** Settings that say how far to prune. */
export const targetNames = [...channelTargets, 'sparsity'] as const;
export type TargetName = (typeof targetNames)[number];

/** How far a run prunes where that is not said by a target. */
export const lossSettings = {
  maxLoss: number(
    'how much worse the metric may get: bisection finds the strongest pruning within that. For accuracies and errors it is absolute (0.01 is one point), for other metrics relative. A target that is given too is the strongest that is tried (default: 0.1 of the MACs, or a sparsity of 0.99)',
    (x) => x > 0 && x < 1,
    'be a fraction above 0 and below 1, such as 1%',
    'FRACTION',
  ),
} satisfies Settings;

/** What a run measures at its end. */
export const outcomeSettings = {
  measureLatency: flag('measure the latency in onnxruntime before and after, where it is installed'),
} satisfies Settings;

const { importance, keepAtLeast, maxSparsity } = channelSettings;

/** How a model's groups are thinned one by one. */
export const sensitivitySettings = {
  ...{ importance, ...groupSettings, keepAtLeast, maxSparsity },
  densities: numbers('densities to try for each group (default: 0.9, 0.8, …, 0.1)', 'FRACTIONS'),
  samples: whole('number of training samples to measure accuracy on (default: 2048; 0: the test samples)', 0),
} satisfies Settings;

/** Settings of pruning that methods of weights and of channels understand alike. */
export const sharedSettings = [
  'calibrate',
  'reconstruct',
  'method',
  'rounds',
  'threshold',
  'fineTune',
  'fineTuneRate',
] as const;

/** What slim is told instead of a method and its settings. */
export const slimSettings = {
  target: text(
    'target, such as 50%, "40M MACs", 2MB, 5ms or "90% sparsity" (default: 50% of the MACs; 80% without data)',
    'TARGET',
  ),
  time: text('time limit for the whole command, such as 90s, 10m or 1h (default: 10m)', 'TIME'),
} satisfies Settings;

/** Instead of so many epochs, slim takes a time. */
export const slimEpochs = whole('passes over the training samples (default: as many as --time allows)', 0);

/** Which tokens of a language model stay. */
export const vocabularySettings = {
  tokens: text('file with the ids of the tokens to keep: one per line, or a JSON list', 'FILE'),
  embedding: text(
    'name of the embedding table (default: the largest table that the input ids index)',
    'NAME',
  ),
} satisfies Settings;

/** How latency is measured. */
export const benchSettings = {
  batch: also(whole('samples per run (default: 1)', 1), '--batch-size'),
  runs: whole('timed runs of each model on each runtime (default: 50)', 1),
  runtimes: names(
    'which of onnxruntime-node, onnxruntime-web, espalier/runtime and espalier to compare (default: those that are installed)',
    'NAMES',
  ),
} satisfies Settings;

/** What is profiled, and how often. */
export const profileSettings = {
  train: flag('profile a training step instead of inference'),
  batch: also(
    whole('samples per run (default: 128 for training, else 1, in espalier/runtime)', 1),
    '--batch-size',
  ),
  runs: whole('timed runs (default: 20)', 1),
  sparsity: fraction('first set this fraction of every prunable weight to zero, smallest values first'),
} satisfies Settings;

/** Which program is explained, and what of it is shown. */
export const explainSettings = {
  train: flag('explain a training step instead of inference'),
  batch: also(
    whole('samples per run (default: 128 for training, else 1, in espalier/runtime)', 1),
    '--batch-size',
  ),
  layer: text('show only what belongs to this node of the model, with the words of its steps', 'NAME'),
  step: whole('show only this step of the program, counted from 0, with its words', 0),
} satisfies Settings;

/** Where a data set comes from, and what a run would do with it. */
export const importSettings = {
  from: text('folder or archive that you have downloaded', 'DIR'),
  normalize: dataSettings.normalize,
  size: dataSettings.size,
  resize: dataSettings.resize,
  colors: dataSettings.colors,
  skipBroken: dataSettings.skipBroken,
} satisfies Settings;

/** What masks are compared for. */
export const maskSettings = {
  model: text('model that the masks belong to (default: the model that the first run started from)', 'MODEL'),
} satisfies Settings;

/** Where and how it is computed. */
export const machineSettings = {
  seed: whole('seed of everything random (default: 0)', 0),
  threads: also(whole('number of threads (default: all cores)', 1), '--num-threads'),
  engine: choice('engine that computes (default: native where it is available, otherwise wasm)', engines),
} satisfies Settings;

/** How a study is carried out. */
export const studySettings = {
  jobs: whole('number of runs at a time, each in its own process (default: 1)', 1),
  threads: whole('threads per run (default: the cores divided among the jobs)', 1),
  engine: machineSettings.engine,
  model: text('use this model instead of the one that the study names', 'MODEL'),
  queue: text(
    'let other machines carry out the runs: workers, which fetch them from redis://HOST or postgres://HOST/DATABASE, or slurm, as one array job',
    'URL',
    ['redis://', 'postgres://', 'slurm'],
  ),
  storage: text(
    'keep checkpoints and results in an S3-compatible store, for machines that share no folder; keys and endpoint come from the AWS_… variables',
    's3://BUCKET/PREFIX',
    ['s3://'],
  ),
  cost: flag(
    'estimate the cost of the runs from training steps measured on this machine, without starting any',
  ),
  table: flag('print the results so far without starting any runs'),
} satisfies Settings;

/** In which form results are told. */
export const tableSettings = {
  csv: flag('print CSV'),
  latex: flag('print a LaTeX table, which needs the package booktabs'),
  parquet: flag('write a Parquet file; needs DuckDB (npm install @duckdb/node-api)'),
  runs: flag('print one row per run instead of one per setting'),
  sql: text(
    'answer an SQL query over the tables runs, recipes, epochs and masks of all runs below DIR; needs DuckDB',
    'QUERY',
  ),
} satisfies Settings;

/** How a worker carries out the runs of studies. */
export const workerSettings = {
  jobs: studySettings.jobs,
  threads: studySettings.threads,
  engine: studySettings.engine,
  task: whole('carry out one run of a list, counted from 0, and exit; for array jobs of Slurm', 0),
  dir: text(
    'folder that contains the folders of studies, if its path here differs from that on the machine where the study was started',
    'DIR',
  ),
} satisfies Settings;

export const watchSettings = {
  port: number(
    'port to listen on (default: a free one)',
    (x) => Number.isInteger(x) && x > 0 && x < 65_536,
    'be a port from 1 to 65535',
    'PORT',
  ),
  host: text(
    'address to listen on; other machines then need the token that is printed (default: 127.0.0.1)',
    'ADDRESS',
  ),
  save: text('save the page with all its data as one file that opens without a server, and exit', 'FILE'),
} satisfies Settings;
