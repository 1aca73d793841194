/**
 * Recipes: what a run does, as plain data. A recipe comes from a file, from flags, or from both (flags win), is checked,
 * completed with defaults, and kept in the run folder, where it can be taken up again as it is.
 */

import { readFile } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checked, fail, meant, own, reason, shown, UserError } from '../base/index.js';
import { decidesSparsity } from '../sparsity/index.js';
import {
  type OptimizerSettings,
  resolveOptimizer,
  resolveSchedule,
  type ScheduleSettings,
} from '../train/index.js';
import { isPath, takenFrom, WITHOUT_DATA, withPaths } from './paths.js';
import { prunesFirst, repairDefaults } from './prunes-first.js';
import { learntMethod, maskingMethod, ownSettings, structuredMethod, unknownMethod } from './registry.js';
import {
  benchSettings,
  channelSettings,
  comparedTeacher,
  dataSettings,
  evaluationBatch,
  explainSettings,
  fileSettings,
  flagOf,
  groupSettings,
  importSettings,
  lossSettings,
  machineSettings,
  maskSettings,
  modelSettings,
  movedDataSetting,
  outcomeSettings,
  profileSettings,
  pruningEpochs,
  pruningSettings,
  type Settings,
  sensitivitySettings,
  slimEpochs,
  slimSettings,
  studySettings,
  tableSettings,
  targetNames,
  trainingSettings,
  type Values,
  vocabularySettings,
  watchSettings,
  workerSettings,
} from './settings.js';
import { refuseForeign, structuredDefaults } from './structured/defaults.js';
import { trackingSettings } from './track/settings.js';

export { isPath, WITHOUT_DATA } from './paths.js';

const { seed, threads, engine } = machineSettings;
const runSettings = {
  ...{ ...dataSettings, ...modelSettings, ...trainingSettings },
  ...{ ...machineSettings, ...trackingSettings },
};

const pruneSettings = {
  ...{ ...runSettings, epochs: pruningEpochs, ...pruningSettings },
  ...{ ...channelSettings, ...outcomeSettings },
};

/** Of files alone: what a network of the zoo can be told besides means nothing. */
const { width, shortcut, stem, classes, ...pruneFileSettings } = pruneSettings;

/** The settings that each command understands. */
export const settingsOf = {
  train: runSettings,
  prune: { ...pruneSettings, ...lossSettings },
  slim: { ...slimSettings, ...pruneFileSettings, epochs: slimEpochs },
  eval: {
    ...{ ...dataSettings, ...modelSettings, batch: evaluationBatch },
    ...{ teacher: comparedTeacher, ...machineSettings },
  },
  inspect: { ...modelSettings, ...groupSettings, seed },
  masks: { ...maskSettings, ...modelSettings, ...groupSettings, seed },
  sensitivity: { ...dataSettings, ...modelSettings, ...sensitivitySettings, ...machineSettings },
  bench: { ...benchSettings, ...modelSettings, ...machineSettings },
  profile: { ...profileSettings, ...modelSettings, ...machineSettings },
  explain: { ...explainSettings, ...modelSettings, ...machineSettings },
  pack: { ...modelSettings, seed },
  vocabulary: { ...vocabularySettings, ...fileSettings, ...machineSettings },
  data: importSettings,
  resume: { data: movedDataSetting, threads, engine, ...trackingSettings },
  methods: {},
  completion: {},
  study: { ...studySettings, ...trackingSettings },
  table: tableSettings,
  worker: workerSettings,
  watch: watchSettings,
} satisfies Record<string, Settings>;

/** The same, with those of users' methods that have been loaded. */
export const settingsFor = (command: keyof typeof settingsOf): Settings =>
  command === 'prune' ? { ...settingsOf.prune, ...beyond(settingsOf.prune) } : settingsOf[command];

/** Settings of users' methods that others do not have. */
const beyond = (settings: Settings): Settings =>
  Object.fromEntries(Object.entries(ownSettings()).filter(([name]) => !(name in settings)));

export type RunCommand = 'train' | 'prune';

export type Given<Command extends keyof typeof settingsOf> = Values<(typeof settingsOf)[Command]> & {
  /** Path of a model, or the name of a network of the zoo. */
  model?: string;
  /** Version of espalier that completed the recipe. */
  version?: string;
  /** Why settings have the values that they have, where a rule chose them; by name. */
  because?: Record<string, string>;
};

type Complete<T, Names extends keyof T> = T & Required<Pick<T, Names>>;
type Needed = 'model' | 'data' | 'epochs' | 'batch' | 'lr' | 'schedule' | 'optimizer' | 'augment' | 'seed';

export type TrainRecipe = Complete<Given<'train'>, Needed> & {
  /** The command that the recipe is for. */
  command: 'train';
  /** Version of espalier that completed the recipe. */
  version: string;
};
export type PruneRecipe = Complete<Given<'prune'>, Needed | 'method'> & {
  /** The command that the recipe is for. */
  command: 'prune';
  /** Version of espalier that completed the recipe. */
  version: string;
};

const structured = (method: string | undefined): boolean => structuredMethod(method) !== undefined;

/** Whether a recipe prunes. */
export const isPrune = (recipe: Recipe): recipe is PruneRecipe => recipe.command === 'prune';

/** Whether a recipe removes whole channels. */
export const isStructured = (recipe: Recipe): recipe is PruneRecipe =>
  isPrune(recipe) && structuredMethod(recipe.method) !== undefined;

/** Everything that makes a run what it is. */
export type Recipe = TrainRecipe | PruneRecipe;

export const defaults = {
  epochs: 10,
  batch: 128,
  schedule: 'cosine',
  optimizer: 'sgd',
  labelSmoothing: 0,
  augment: true,
  seed: 0,
} as const;

/** The highest learning rates that suit a network from scratch, and one whose weights are already good. */
const learningRates = {
  train: { sgd: 0.1, adam: 0.001, adamw: 0.001 },
  prune: { sgd: 0.05, adam: 0.0005, adamw: 0.0005 },
};

/**
 * Checks what was given and completes it; paths become absolute, so that the run does not depend on where it is resumed.
 * @throws UserError on a setting that is unknown, missing or makes no sense.
 */
export function resolveRecipe(command: RunCommand, given: object, version: string): Recipe {
  const named = checkSettings(command, given) as Given<'prune'>;
  if (named.method) named.method = methodNamed(named.method);
  const checked = named.maxLoss === undefined ? named : withFarthestTarget(named);
  const { model, data } = checked;
  if (!model) return fail(`The model to ${command} is missing: name an .onnx file or a network of the zoo.`);
  if (!data) return fail(`The data are missing: give --data, such as --data digits${orNone[command]}.`);
  if (data === WITHOUT_DATA) refuseTraining(command, checked);
  const optimizer = checked.optimizer ?? defaults.optimizer;
  const usual = { ...defaults, lr: learningRates[command][optimizer] };
  const recipe = {
    version,
    command,
    ...usual,
    ...(command === 'prune' ? methodDefaults(checked, usual) : {}),
    ...checked,
    ...(data === WITHOUT_DATA ? withoutData(checked) : {}),
    model,
    data,
    ...teacherDefaults(checked),
  };
  const complete = withPaths({ ...recipe, ...trainerDefaults(recipe) }, (path) => resolve(path));
  return inOrder(command, complete) as Recipe;
}

/** Where a search for a target ends unless told otherwise. */
const FARTHEST = { macs: 0.1, sparsity: 0.99 } as const;

/** What is given, with the farthest target that a search for one may try. @throws UserError where there is nothing to look for. */
function withFarthestTarget(given: Given<'prune'>): Given<'prune'> {
  const { mask, pattern, method, data, model } = given;
  if (data === WITHOUT_DATA)
    fail(
      '--max-loss measures the loss on samples: give --data, which needs no labels, or leave --max-loss out.',
    );
  if (model && !isPath(model))
    fail(
      `--max-loss needs a trained model, but networks of the zoo have random weights: train it first, with espalier train ${model}.`,
    );
  if (mask !== undefined) fail('--mask already says what is removed: leave out --mask or --max-loss.');
  if (decidesSparsity(pattern))
    fail(`The pattern ${pattern} says how many weights stay: leave --max-loss out.`);
  const own = targetNames.find((name) => given[name] !== undefined);
  if (own === undefined && method === undefined) return given;
  const of = own ?? (structured(method) ? 'macs' : 'sparsity');
  const value = own ? given[own] : FARTHEST[of as keyof typeof FARTHEST];
  if (!(typeof value === 'number' && value <= 1))
    fail(
      `With --max-loss, ${flagOf(of)} is the strongest target that is tried: give it as a fraction, such as 0.3, or leave it out.`,
    );
  return { ...given, [of]: value };
}

/** What a method is called here. */
export const methodNamed = (name: string): string => own(otherNames, name) ?? name;

/** Names by which methods are known elsewhere. */
const otherNames: Readonly<Record<string, string>> = {
  l1: 'l1-filters',
  'l1-norm': 'l1-filters',
  slimming: 'network-slimming',
  imp: 'iterative-magnitude',
  lth: 'lottery',
  'lottery-ticket': 'lottery',
  'global-magnitude': 'magnitude',
};

const orNone = { train: '', prune: ', or --data none to prune at once, without training or measuring' };

/** What no data leave of the defaults: nothing is measured, and solved for only where random inputs are asked for. */
const withoutData = ({ calibrate, reconstruct, ...given }: Given<'prune'>): object => ({
  ...{ epochs: 0, recalibrate: undefined, calibrate },
  reconstruct:
    calibrate === undefined || !(structured(given.method) || prunesFirst(given))
      ? undefined
      : (reconstruct ?? true),
});

/** @throws UserError on what takes data, in a run that has none. */
function refuseTraining(command: RunCommand, given: Given<'prune'>): void {
  if (command === 'train') fail('There is nothing to train on: give --data, such as --data digits.');
  const trainings = [
    'epochs',
    'sparseEpochs',
    'markedEpochs',
    'fineTune',
    'teacher',
    'dropArms',
    'recalibrate',
    'unfold',
  ] as const;
  const asked = trainings.find((name) => given[name]);
  if (asked) fail(`${flagOf(asked)} needs data: leave it out, or give --data.`);
  if (given.reconstruct && given.calibrate === undefined)
    fail('--reconstruct needs samples: give --data, or --calibrate 512 to use random inputs.');
}

/** The same settings in the order of their tables, so that equal recipes are equal files. */
function inOrder(command: RunCommand, recipe: Readonly<Record<string, unknown>>): object {
  const names = ['version', 'command', 'model', ...Object.keys(settingsFor(command)), 'because'];
  return defined(Object.fromEntries(names.map((name) => [name, recipe[name]])));
}

/** What there is to know of a teacher. */
function teacherDefaults({ teacher, temperature, teacherWeight }: Given<'train'>): object {
  if (teacher !== undefined && teacher !== NO_TEACHER)
    return {
      teacher,
      temperature: temperature ?? 4,
      teacherWeight: teacherWeight ?? 0.5,
    };
  if (temperature !== undefined || teacherWeight !== undefined)
    fail('--temperature and --teacher-weight apply to a teacher: give --teacher, such as --teacher self.');
  return { teacher };
}

/** What --teacher says where there shall be none. */
export const NO_TEACHER = 'none';

/** What a method does unless told otherwise, under the names of the settings. */
export function methodDefaults(given: Given<'prune'>, usual: { lr: number; epochs: number }): object {
  const { method: name, sparsity, epochs, data } = given;
  if (!name) return fail('The method is missing: give --method, such as --method fggp.');
  const structured = structuredMethod(name);
  if (structured) {
    const settings = data === WITHOUT_DATA ? { ...given, epochs: 0 } : given;
    return structuredDefaults(structured, settings, given.lr ?? usual.lr, usual.epochs);
  }
  const method = maskingMethod(name) ?? learntMethod(name);
  if (!method) return unknownMethod(name);
  refuseForeign(method, given, false);
  const oneShot = 'calibrated' in method || (given.rounds ?? method.defaults.rounds);
  if (epochs === 0 && data !== WITHOUT_DATA && !oneShot)
    return fail(
      `${method.name} prunes during training: give --epochs 1 or more, or use a one-shot method, such as magnitude.`,
    );
  refuseUnknown(method.name, method.settings, given);
  const decided = 'pattern' in method.settings && decidesSparsity(given.pattern);
  if (sparsity !== undefined && decided)
    fail(`The pattern ${given.pattern} says how many weights stay: leave --sparsity out.`);
  if (sparsity === undefined && !decided && !('targetOptional' in method))
    return fail('The target is missing: give --sparsity, such as --sparsity 0.95.');
  return { ...method.defaults, ...repairDefaults(given, decided) };
}

/** @throws UserError on a setting of pruning that a method does not have. */
function refuseUnknown(method: string, settings: Settings, given: Given<'prune'>): void {
  const known = Object.keys(settings);
  const unknown = Object.keys({ ...pruningSettings, ...ownSettings() }).find(
    (name) => name !== 'method' && !known.includes(name) && given[name as keyof typeof given] !== undefined,
  );
  if (unknown)
    fail(`${method} has no setting ${unknown}${meant(unknown, known)}; it has ${known.join(', ')}.`);
}

type TrainerSettings = Pick<
  Given<'train'>,
  'momentum' | 'nesterov' | 'weightDecay' | 'warmup' | 'every' | 'milestones' | 'gamma'
> &
  Record<'optimizer' | 'schedule', string> &
  Record<'lr' | 'epochs', number>;

/** Optimiser and schedule as the trainer is told them. */
export function trainerSettings(settings: TrainerSettings): {
  optimizer: OptimizerSettings;
  schedule: ScheduleSettings;
} {
  const { optimizer: kind, momentum, nesterov, weightDecay } = settings;
  const { schedule, lr: learningRate, warmup, every, milestones, gamma: factor } = settings;
  return {
    optimizer: defined({ kind, momentum, nesterov, weightDecay }) as OptimizerSettings,
    schedule: defined({
      kind: schedule,
      learningRate,
      warmup,
      every,
      milestones,
      factor,
    }) as ScheduleSettings,
  };
}

/** What optimiser and schedule do unless told otherwise. @throws UserError on a setting they do not have. */
function trainerDefaults(settings: TrainerSettings): object {
  const trainer = trainerSettings(settings);
  try {
    const optimizer = Object.entries(resolveOptimizer(trainer.optimizer));
    const { warmup, factor } = resolveSchedule(trainer.schedule, Math.max(1, settings.epochs));
    const own = optimizer.filter(([name]) => name in trainingSettings);
    return defined({ ...Object.fromEntries(own), warmup, gamma: factor });
  } catch (error) {
    if (error instanceof UserError) return fail(error.message);
    throw error;
  }
}

const defined = <T extends object>(settings: T): T =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as T;

const isTexts = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((text) => typeof text === 'string');

/**
 * The settings of a command, each of them sound by itself.
 * @throws UserError that names the first one that is not.
 */
export function checkSettings(command: keyof typeof settingsOf, given: object): object {
  const { model, command: own, version, because, ...settings } = given as Record<string, unknown>;
  for (const [name, value] of Object.entries({ model, version }))
    if (value !== undefined && typeof value !== 'string')
      fail(`The setting ${name} must be a text, but it is ${shown(value)}.`);
  if (own !== undefined && own !== command)
    fail(`The recipe is for another command than ${command}: its command is ${shown(own)}.`);
  if (because !== undefined && !isTexts(because))
    fail(`The setting because must map names of settings to reasons, but it is ${shown(because)}.`);
  const sound = checked(command, settingsFor(command), settings);
  return Object.fromEntries(
    Object.entries({ ...sound, model, command: own, version, because }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

/**
 * Reads a recipe, or `what` else is kept like one: YAML or JSON, or the default export of a module.
 * @throws UserError when it cannot be read or holds no settings.
 */
export async function readRecipe(path: string, what = 'recipe'): Promise<object> {
  const content = /\.[cm]?[jt]s$/.test(path) ? await importRecipe(path, what) : await parseRecipe(path, what);
  if (content === null || typeof content !== 'object' || Array.isArray(content))
    fail(`The ${what} ${path} contains no settings; write them as name: value, one per line.`);
  // The recipe of a run, whose paths are relative to its folder.
  return 'version' in content ? takenFrom(dirname(path), content) : content;
}

async function parseRecipe(path: string, what: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error) =>
    fail(`Cannot read the ${what} ${path}: ${reason(error)}; check the path.`),
  );
  const { parse } = await import('yaml');
  try {
    return parse(text);
  } catch (error) {
    const [line] = (error as Error).message.split('\n');
    return fail(`The ${what} ${path} is not valid YAML: ${line.replace(/:$/, '')}.`);
  }
}

async function importRecipe(path: string, what: string): Promise<unknown> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_FILE_EXTENSION')
      return fail(
        `Node ${process.versions.node} cannot load the ${extname(path)} ${what} ${path}; use Node 22.18 or later, or write it as .mjs or YAML.`,
      );
    return fail(`The ${what} ${path} cannot be loaded: ${(error as Error).message.split('\n')[0]}.`);
  }
}
