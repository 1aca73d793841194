/**
 * Everything a run must find again to go on as if nothing had happened: where it is, what it has measured, and every
 * number in the machine's memory that training changes. Random numbers need nothing: they are functions of the seed and
 * of where the run is.
 */
import { fail } from '../base/index.js';
import { type DataDigest, difference } from '../data/index.js';
import type { Network, Training } from '../engine/index.js';
import type { Figures } from '../objectives/index.js';
import type { Checkpoint } from './checkpoint.js';
import type { Hook, MaskReport } from './hooks.js';
import { weightsOf } from './weights.js';

/** Measured over an epoch. Losses are means over the samples, of classifiers in nats; accuracies fractions. */
export interface EpochMetrics {
  /** Counted from 1. */
  epoch: number;
  /** On the batches as they were trained on: augmented, with label smoothing, before each update. */
  loss: number;
  /** Fraction classified correctly on the same batches; only of classifiers. */
  accuracy?: number;
  /** Figures on the validation split, where there is one. */
  validation?: Figures;
  /** Of the last epoch also class by class. */
  test?: Figures;
  /** Of the epoch's last step. */
  learningRate: number;
  /** As of the last mask report; absent where nothing is pruned. */
  sparsity?: number;
  /** Training and evaluation, interruptions left out. */
  seconds: number;
}

/** The epoch at the final sparsity that did best on the validation split. */
export interface Best extends Figures {
  /** The epoch, counted from 1. */
  epoch: number;
}

/** The part of a checkpoint that is not arrays. */
export interface RunState {
  /** What makes the run what it is; a resumed run must have the same. */
  settings: Record<string, unknown>;
  /** What tells its data from others; absent of runs that have no checkpoint, or one of an earlier version. */
  data?: DataDigest;
  /** Epochs completed. */
  epoch: number;
  /** Steps completed in the current epoch. */
  step: number;
  /** Sums over the images of the current epoch so far. */
  sums: Sums;
  epochs: EpochMetrics[];
  masks: MaskReport[];
  /** What each hook saved. */
  hooks: unknown[];
  best?: Best;
}

export interface Sums {
  loss: number;
  /** Samples that are right, where the loss counts them. */
  correct?: number;
  count: number;
  seconds: number;
}

export const noSums = (): Sums => ({ loss: 0, count: 0, seconds: 0 });

/** The arrays of a run. Views where possible: to be written before the next step. */
export function captureArrays(
  network: Network,
  training: Training,
  best: ReadonlyMap<string, Float32Array> | undefined,
  hooks: readonly Hook[],
): Map<string, Float32Array> {
  const arrays = new Map<string, Float32Array>();
  for (const [name, values] of liveArrays(network, training)) arrays.set(name, values);
  for (const [name, { mask }] of training.slots) if (mask.includes(0)) arrays.set(`mask/${name}`, mask);
  for (const [name, values] of best ?? []) arrays.set(`best/${name}`, values);
  for (const [h, hook] of hooks.entries())
    for (const [name, values] of hook.arrays?.() ?? []) arrays.set(`hook${h}/${name}`, values);
  return arrays;
}

/** The arrays that hook number `h` saved, by its own names. */
export function hookArrays({ arrays }: Checkpoint<RunState>, h: number): Map<string, Float32Array> {
  const prefix = `hook${h}/`;
  const own = [...arrays].filter(([name]) => name.startsWith(prefix));
  return new Map(own.map(([name, values]) => [name.slice(prefix.length), values]));
}

/**
 * Puts a checkpoint's arrays back where they were and returns the best weights, if there are any.
 * @throws UserError when they do not fit the network.
 */
export function restoreArrays(
  network: Network,
  training: Training,
  { arrays }: Checkpoint<RunState>,
): Map<string, Float32Array> | undefined {
  for (const [name, values] of liveArrays(network, training)) {
    const saved = arrays.get(name);
    if (!saved || saved.length !== values.length) misfit(name);
    values.set(saved);
  }
  for (const [name, { mask }] of training.slots) {
    const saved = arrays.get(`mask/${name}`);
    if (saved && saved.length !== mask.length) misfit(name);
    if (saved) mask.set(saved);
    else mask.fill(1);
  }
  const best = [...weightsOf(network).keys()].flatMap((name) => {
    const values = arrays.get(`best/${name}`);
    return values ? [[name, values] as const] : [];
  });
  return best.length > 0 ? new Map(best) : undefined;
}

function* liveArrays(network: Network, training: Training): Generator<[string, Float32Array]> {
  for (const [name, { weight }] of network.parameters) yield [`weight/${name}`, weight];
  for (const [name, values] of network.state) yield [`running/${name}`, values];
  for (const [name, { state }] of training.slots)
    for (const [k, values] of state.entries()) yield [`optimizer${k}/${name}`, values];
}

function misfit(name: string): never {
  fail(`The checkpoint does not fit the model at ${name}; resume with the model that the run started with.`);
}

/** @throws UserError that names the first setting in which two runs differ. */
export function checkSettings(path: string, saved: RunState['settings'], now: RunState['settings']): void {
  for (const name of Object.keys(now)) {
    const [before, after] = [saved[name], now[name]].map((value) => JSON.stringify(value));
    if (before !== after)
      fail(
        `The checkpoint ${path} is of a run with ${name} ${before}, not ${after}; resume with the same settings, or start a new run.`,
      );
  }
}

/** @throws UserError that says in what the data of two runs differ. */
export function checkData(path: string, saved: RunState['data'], now: RunState['data']): void {
  const different = saved && now && difference(saved, now);
  if (different)
    fail(
      `The checkpoint ${path} is of a run on other data: ${different}; put back the data that it was started with, or start a new run.`,
    );
}
