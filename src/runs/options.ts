/**
 * Runs by a few lines: options that the compiler holds to what a method has. A recipe that was read from a file is plain data, see
 * {@link resolveRecipe}.
 */
import { version } from '../base/index.js';
import type { MethodSettings, StructuredName } from '../channels/index.js';
import type {
  GradualOptions,
  LearntMethod,
  LearntMethods,
  MaskingMethods,
  Method,
} from '../sparsity/index.js';
import { type PruneRecipe, resolveRecipe, type settingsOf, type TrainRecipe } from './recipe.js';
import type { channelSettings, lossSettings, Values } from './settings.js';

/** Which model is run on which data. */
interface Subject {
  /** An .onnx or packed file, or the name of a network of the zoo. */
  model: string;
  /** As after `--data`: `digits`, `cifar10:DIR`, `images:DIR`, `npz:FILE`; `none` prunes without data. */
  data: string;
}

/** Options of a training: model, data, and any settings of `espalier train`. */
export type TrainSettings = Subject & Omit<Values<(typeof settingsOf)['train']>, 'data'>;

/** What a method that removes single weights can be told, with its axes by name. */
type Told<M> =
  M extends Method<infer Options>
    ? { [Name in keyof Options]: Name extends keyof GradualOptions ? GradualOptions[Name] : Options[Name] }
    : M extends LearntMethod<infer Options>
      ? Options
      : never;

/** What a method that removes channels can be told; one of the targets `macs`, `params`, `bytes`, `latency` and `channels` is given. */
type ChannelOptions = Partial<MethodSettings> &
  Omit<Values<typeof channelSettings>, keyof MethodSettings> & {
    /** Epochs of the last training. */
    fineTune?: number;
    /** Its learning rate. */
    fineTuneRate?: number;
  };

type ByName<Methods> = {
  [Name in keyof Methods]: TrainSettings & {
    /** The pruning method. */
    method: Name;
  } & Told<Methods[Name]>;
}[keyof Methods];

/**
 * Options of a pruning run, by its method: a setting that the method does not have is an error at compile time. For a method of one's
 * own give plain data to {@link resolveRecipe}.
 */
export type PruneSettings = Values<typeof lossSettings> &
  (
    | ByName<MaskingMethods>
    | ByName<LearntMethods>
    | (TrainSettings & {
        /** The pruning method. */
        method: StructuredName;
      } & ChannelOptions)
  );

/**
 * The recipe of a training, complete, for {@link startRun}.
 * @throws UserError on a setting that makes no sense.
 */
export const trainRecipe = (settings: TrainSettings): TrainRecipe =>
  resolveRecipe('train', settings, version) as TrainRecipe;

/**
 * The recipe of a pruning run, complete, for {@link startRun}.
 * @throws UserError on settings that make no sense or do not go together.
 */
export const pruneRecipe = (settings: PruneSettings): PruneRecipe =>
  resolveRecipe('prune', settings, version) as PruneRecipe;
