/**
 * Every setting of a run by name: what it may be, how a flag's text becomes it, and a line for the help. The recipe's
 * schema and the command line's flags are both made from this.
 */
import { z } from 'zod';
import {
  allocations,
  type ImportanceName,
  importances,
  markedStages,
  rules,
  sparseStages,
  structuredMethods,
} from '../channels/index.js';
import { methods } from '../sparsity/index.js';
import { learntMethods } from '../sparsity/learnt/index.js';

export interface Setting<T = unknown> {
  schema: z.ZodType<T>;
  /** What a flag's text means; what cannot be read is passed on for the schema to refuse. Absent: a switch without text. */
  parse?: (text: string) => unknown;
  /** Stands for the text in the help: 'N', 'DATA', 'a|b'. */
  argument?: string;
  about: string;
}

const numeric = (text: string): unknown =>
  text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
const listed = (text: string): string[] => text.split(',').map((item) => item.trim());

const number = (
  about: string,
  ok: (x: number) => boolean,
  must: string,
  argument = 'X',
): Setting<number> => ({
  schema: z.number({ error: must }).refine(ok, { error: must }),
  parse: numeric,
  argument,
  about,
});

const whole = (about: string, least: number, argument = 'N'): Setting<number> =>
  number(
    about,
    (x) => Number.isSafeInteger(x) && x >= least,
    `must be a whole number of at least ${least}`,
    argument,
  );

const fraction = (about: string): Setting<number> =>
  number(about, (x) => x > 0 && x < 1, 'must be a number above 0 and below 1, such as 0.9', 'FRACTION');

const aboveZero = [(x: number) => x > 0, 'must be a number above 0'] as const;

const belowOne = [
  (x: number) => x >= 0 && x < 1,
  'must be a number of at least 0 and below 1',
  'FRACTION',
] as const;

const text = (about: string, argument: string): Setting<string> => ({
  schema: z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' }),
  parse: (given) => given,
  argument,
  about,
});

const choice = <const Name extends string>(about: string, names: readonly Name[]): Setting<Name> => ({
  schema: z.enum(names, { error: `must be one of ${names.join(', ')}` }),
  parse: (given) => given,
  argument: names.join('|'),
  about,
});

const flag = (about: string): Setting<boolean> => ({
  schema: z.boolean({ error: 'must be true or false' }),
  about,
});

const numbers = (about: string, argument: string): Setting<number[]> => ({
  schema: z.array(z.number({ error: 'must be a list of numbers' }), { error: 'must be a list of numbers' }),
  parse: (given) => listed(given).map(numeric),
  argument,
  about,
});

const names = (about: string, argument: string): Setting<string[]> => ({
  schema: z.array(z.string({ error: 'must be a list of names' }), { error: 'must be a list of names' }),
  parse: (given) => listed(given).filter((name) => name !== ''),
  argument,
  about,
});

const UNITS = { '': 1, k: 1e3, M: 1e6, G: 1e9 } as const;

/** '2 MB', '40M' or '5ms' in bytes, MACs, parameters or milliseconds; undefined where the text says nothing such. */
export function amountOf(given: string | number, unit: string): number | undefined {
  if (typeof given === 'number') return given;
  const [, digits, prefix = ''] =
    new RegExp(`^\\s*([\\d.]+(?:e\\d+)?)\\s*([kMG]?)(?:${unit})?\\s*$`).exec(given) ?? [];
  const value = Number(digits) * UNITS[prefix as keyof typeof UNITS];
  return digits !== undefined && value > 0 ? value : undefined;
}

/** A fraction of what the model has (a number up to 1), or so much of it. */
const amount = (about: string, unit: string, example: string): Setting<string | number> => {
  const must = `must be a fraction of the model’s, such as 0.5, or an amount such as ${example}`;
  return {
    schema: z
      .union([z.number(), z.string()], { error: must })
      .refine((x) => Number(amountOf(x, unit)) > 0, { error: must }),
    parse: numeric,
    argument: `FRACTION|${example}`,
    about,
  };
};

// biome-ignore lint/suspicious/noExplicitAny: a table of settings of any types
export type Settings = Readonly<Record<string, Setting<any>>>;

/** The values that such settings take, none of them given for sure. */
export type Values<S extends Settings> = { [Name in keyof S]?: S[Name] extends Setting<infer T> ? T : never };

/** Which data, and how images are brought to the network. */
export const dataSettings = {
  data: text(
    'digits, cifar10[:DIR], cifar100[:DIR], mnist[:DIR], fashion-mnist[:DIR], images:DIR, or npz:FILE with an array for each input of the model and the labels y; to prune at once without any, none',
    'DATA',
  ),
  normalize: text(
    'of images: mean and deviation per channel, as in 0.485,0.456,0.406/0.229,0.224,0.225',
    'MEAN/STD',
  ),
  size: whole(
    'height and width the images are brought to; default the model’s or their own, of folders 224',
    1,
    'PIXELS',
  ),
} satisfies Settings;

/** What a model leaves open. */
export const modelSettings = {
  width: number('zoo: multiplies the channels of every layer', (x) => x > 0, 'must be a number above 0'),
  shortcut: choice('zoo: shortcuts of the residual networks for CIFAR', ['A', 'B']),
  stem: choice('zoo: how images enter resnet18, resnet50 and mobilenetv2', ['cifar', 'imagenet']),
  classes: whole('zoo: number of classes, where it is not the data’s', 1),
  inputShape: text('where the model leaves it open: C,H,W, or NAME=N,C,H,W for each input', 'SHAPE'),
} satisfies Settings;

/** How it is trained. */
export const trainingSettings = {
  epochs: whole('passes over the training samples; default 10', 1),
  batch: whole('samples in a step; default 128', 1),
  lr: number(
    'learning rate, the highest; default 0.1, to prune 0.05; with adam and adamw a hundredth of that',
    (x) => x > 0,
    'must be a number above 0',
  ),
  schedule: choice('of the learning rate; default cosine', ['cosine', 'step', 'multi-step', 'constant']),
  every: number('step: epochs from one step to the next', (x) => x > 0, 'must be a number above 0', 'EPOCHS'),
  milestones: numbers('multi-step: epochs at which the rate falls', 'EPOCHS'),
  gamma: number(
    'step, multi-step: what the rate is multiplied by; default 0.1',
    (x) => x > 0,
    'must be a number above 0',
  ),
  warmup: number(
    'epochs of linear warm-up; default 0',
    (x) => x >= 0,
    'must be a number of at least 0',
    'EPOCHS',
  ),
  optimizer: choice('how weights are updated; default sgd', ['sgd', 'adam', 'adamw']),
  momentum: number(
    'of sgd; default 0.9',
    (x) => x >= 0 && x < 1,
    'must be a number of at least 0 and below 1',
  ),
  nesterov: flag('sgd looks ahead'),
  weightDecay: number(
    'on every parameter; default 5e-4, with adam 0, with adamw 0.01',
    (x) => x >= 0,
    'must be a number of at least 0',
  ),
  labelSmoothing: number(
    'of the loss; default 0',
    (x) => x >= 0 && x < 1,
    'must be a number of at least 0 and below 1',
  ),
  augment: flag('crops and mirrors the training images, as is customary for the data; default true'),
  validation: fraction('part of the training samples set aside to watch the run with; default none'),
  teacher: text(
    'a model to learn from as well as from the labels: self, as it was before the run, or a file',
    'self|FILE',
  ),
  temperature: number('softens what the teacher says; default 4', ...aboveZero),
  teacherWeight: number(
    'of what it says against the labels; default 0.5',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
} satisfies Settings;

/** Methods of channels can prune without training. */
export const pruningEpochs = whole('passes over the training samples, of all stages together; default 10', 0);

const listOf = (named: readonly { name: string }[]): string => named.map(({ name }) => name).join(', ');

/** What goes; the rules are the method's own and are checked by it. */
export const pruningSettings = {
  method: text(
    `removes single weights: ${listOf([...methods, ...learntMethods])}; or channels: ${listOf(structuredMethods)}`,
    'NAME',
  ),
  sparsity: fraction('part of the prunable weights to remove'),
  score: text(
    'what decides: magnitude, gradient, magnitude-times-gradient, weight-times-gradient, random',
    'SCORE',
  ),
  objective: choice('whose gradient decides before training', ['loss', 'synaptic-flow', 'gradient-norm']),
  perClass: whole('samples of every class that it looks at; 0: the first batch', 0),
  rounds: whole('prunes in so many rounds; of single weights before training, and 0 is during it', 0),
  first: text('what first narrows the candidates down, as score', 'SCORE'),
  selectRatio: number(
    'part of the remaining weights that are candidates',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  selectAnneal: flag('lets that part fall to a hundredth of itself'),
  averageWeight: number('moving average of the weights', ...belowOne),
  averageGradient: number('moving average of the gradients', ...belowOne),
  scope: choice('ranks all layers together or each by itself', ['global', 'layer']),
  allocation: choice('of the kept weights among layers, by scope layer', ['uniform', 'erk']),
  pruningSchedule: choice('how sparsity rises', ['cubic', 'exponential', 'one-shot', 'constant']),
  endRatio: number(
    'part of the run after which masks stay',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  interval: whole('steps between updates of the masks; 0: as many as give the number of updates', 0),
  updates: whole('updates of the masks, about, where no interval is given', 1),
  growth: choice('what brings pruned weights back', ['gradient', 'random']),
  growthRatio: number(
    'part of the weights that is exchanged at an update',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  growthDecay: choice('whether that part falls', ['constant', 'cosine']),
  growthFloor: number('what it falls to', ...belowOne),
  growthEnd: number(
    'part of the run after which no weights are exchanged',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  skipSteps: flag('leaves the optimiser step out at updates'),
  rewind: number('part of a training whose weights the next ones take up', ...belowOne),
  startDensity: number(
    'begins with random masks of this density',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  startAllocation: choice('of that density among layers', ['uniform', 'erk']),
  spareFirst: flag('leaves the first convolution as it is'),
  spareLast: flag('leaves the output layer as it is'),
  spare: names('weights to leave as they are; * stands for any text, as in layer1.*', 'NAMES'),
  countBiases: flag('counts biases, which are never pruned, in the sparsity'),
  keepZeros: flag('takes weights that are zero before the start for pruned'),
  allowEmpty: flag('lets a layer lose all its weights'),
  start: choice('learnt masks: trains the weights too, or leaves random ones as they are', [
    'dense',
    'frozen',
  ]),
  frozenWeights: choice('those random weights', ['signed-constant', 'kaiming-normal', 'as-is']),
  scaleFan: flag('scales them for the inputs that are kept'),
  samples: whole('probmask: passes with fresh masks in a step', 1),
  clip: number('probmask: most that the norm of all gradients may be', ...aboveZero),
  scoreRate: number('probmask: highest learning rate of the probabilities', ...aboveZero),
  probability: number('probmask: of every weight to begin with', ...aboveZero),
  anneal: flag('probmask: hardens the masks as it goes'),
  projection: choice('probmask: onto the budget', ['exact', 'halving']),
  finalMask: choice('probmask: the highest probabilities, or drawn by them', ['top', 'draw']),
  draws: whole('probmask: masks to choose from where they are drawn', 1),
  chooseOn: choice('probmask: samples that choose among them', ['validation', 'train']),
  fineTune: whole('epochs at the end with the mask fixed; probmask and methods of channels', 0, 'EPOCHS'),
  fineTuneRate: number('learning rate there', ...aboveZero),
  threshold: number(
    'str: s to begin with, of thresholds σ(s); channels: what their importance must be above',
    () => true,
    'must be a number',
  ),
} satisfies Settings;

const importanceNames = Object.keys(importances) as ImportanceName[];

/** What removes whole channels; a method of channels has these, and {@link sharedSettings}, and no others of pruning. */
export const channelSettings = {
  macs: amount('target: multiply-accumulates for one sample', 'MACs', '40M'),
  params: amount('target: parameters', '', '300k'),
  bytes: amount('target: size of the file', 'B', '2MB'),
  latency: amount('target: time of one sample in onnxruntime on this machine', 'ms', '5ms'),
  channels: number(
    'target: part of all channels',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  importance: {
    ...choice(`what a channel is worth: ${importanceNames.join(', ')}`, importanceNames),
    argument: 'NAME',
  },
  allocate: choice('shares out what goes among the groups', allocations),
  candidates: whole('of a search: networks to measure; default 100', 1),
  rule: choice('what goes without a target', rules),
  vote: flag('layers that share channels vote on what the rule says of each'),
  mask: text('takes the mask of this file', 'FILE'),
  sparse: choice('pulls at all channels in a first training', sparseStages),
  sparseStrength: number('how strongly', ...aboveZero),
  sparseEpochs: whole('of that first training', 0, 'EPOCHS'),
  marked: choice('pulls at the channels that will go in a second training of the given model', markedStages),
  markedStrength: number('how strongly; default 5e-4, or what takes a scale of 1 to 0', ...aboveZero),
  markedShifts: flag('pulls at their shifts too'),
  markedEpochs: whole('of that second training', 0, 'EPOCHS'),
  roundTo: whole(
    'layers keep multiples of so many channels, less than that only where a target needs it; default 16, which suits onnxruntime',
    1,
  ),
  keepAtLeast: whole('channels that every layer keeps at least; default 1', 1),
  maxRatio: number(
    'part of a group that may go at most',
    (x) => x > 0 && x <= 1,
    'must be a number above 0 and at most 1',
    'FRACTION',
  ),
  ignore: names('weights whose outputs stay', 'NAMES'),
  freeze: names('weights that stay as they are, inputs too', 'NAMES'),
  heads: flag('attention loses whole heads'),
  recalibrate: flag('measures BatchNorm’s statistics anew when channels are gone; default true'),
  unfold: flag('puts BatchNorm back that was folded away; default where the method needs its scales'),
} satisfies Settings;

const { ignore, freeze, heads, importance, keepAtLeast, maxRatio } = channelSettings;

/** Which channels there are. */
export const groupSettings = { ignore, freeze, heads } satisfies Settings;

/** How a model's groups are thinned one by one. */
export const sensitivitySettings = {
  ...{ importance, ...groupSettings, keepAtLeast, maxRatio },
  densities: numbers('parts of a group that are kept; default 0.9, 0.8, …, 0.1', 'FRACTIONS'),
  samples: whole('training samples that accuracy is measured on; default 2048, 0 for the test samples', 0),
} satisfies Settings;

/** Settings of pruning that methods of weights and of channels understand alike. */
export const sharedSettings = ['method', 'rounds', 'threshold', 'fineTune', 'fineTuneRate'] as const;

/** How latency is measured. */
export const benchSettings = {
  batch: whole('samples in a run; default 1', 1),
  runs: whole('timed runs of each model on each runtime; default 50', 1),
  runtimes: names(
    'some of onnxruntime-node, onnxruntime-web, espalier/runtime, espalier; default those that are there',
    'NAMES',
  ),
} satisfies Settings;

/** What is profiled, and how often. */
export const profileSettings = {
  train: flag('the train step instead of inference'),
  batch: whole('samples in a run; default 128 in training, else 1, which espalier/runtime computes', 1),
  runs: whole('timed runs; default 20', 1),
  sparsity: fraction('first sets this part of every prunable weight, the smallest, to zero'),
} satisfies Settings;

/** Where a data set comes from. */
export const importSettings = {
  from: text('the folder or archive that was downloaded', 'DIR'),
} satisfies Settings;

/** What masks are compared for. */
export const maskSettings = {
  model: text('what the masks were made for; default what the first of the runs started with', 'MODEL'),
} satisfies Settings;

/** How a study is carried out. */
export const studySettings = {
  jobs: whole('runs at a time, each in a process of its own; default 1', 1),
  threads: whole('of each run; default the cores shared out among the jobs', 1),
  model: text('takes this model instead of the one that the study names', 'MODEL'),
  table: flag('runs nothing: says what is there'),
} satisfies Settings;

/** Where and how it is computed. */
export const machineSettings = {
  seed: whole('of everything random; default 0', 0),
  threads: whole('of the engine; default all cores', 1),
} satisfies Settings;

/** `labelSmoothing` → `--label-smoothing`. */
export const flagOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
