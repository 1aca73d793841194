/** A training run at work: opened, fresh or from a checkpoint, and saved. */
import { existsSync } from 'node:fs';
import { fail } from '../base/index.js';
import { type Batch, batchCount, batches, digestOfParts, examples } from '../data/index.js';
import type { Parameter } from '../engine/index.js';
import { classification, type Objective } from '../objectives/index.js';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.js';
import { checkTeacher, fingerprint } from './distil.js';
import { type Evaluator, openEvaluator } from './evaluate.js';
import type { EpochState, MaskReport } from './hooks.js';
import { checkBatches } from './lone.js';
import { type Optimizer, resolveOptimizer } from './optimizer.js';
import { type Plain, resolvePlain, type TrainOptions } from './options.js';
import { kept, pull, push } from './reach.js';
import { learningRateAt, resolveSchedule, type Schedule } from './schedule.js';
import {
  captureArrays,
  checkData,
  checkSettings,
  hookArrays,
  noSums,
  type RunState,
  restoreArrays,
} from './state.js';

export interface Run extends EpochState {
  readonly options: TrainOptions & Plain;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  /** As `optimizer` and `schedule`, for the parameters that are trained apart. */
  readonly apart?: { optimizer: Optimizer; schedule: Schedule };
  readonly evaluator: Evaluator;
  /** Whether no batch may be a single sample. */
  readonly evenLast: boolean;
  readonly state: RunState;
  bestWeights?: Map<string, Float32Array>;
  readonly clock: Clock;
  /** Takes the outcome of the last step in, where that was not waited for. */
  pending?: () => Promise<void>;
}

/** Milliseconds of `performance.now()`. */
interface Clock {
  /** When this process began to train, and how many steps were done by then. */
  start: number;
  done: number;
  /** When the state was last saved. */
  saved: number;
  /** Until when the time is in the epoch's sums. */
  counted: number;
}

/** Checks everything, compiles the network and puts it where the run begins. @throws UserError, with all memory freed. */
export async function openRun(given: TrainOptions): Promise<Run> {
  const settled = settledFor({ ...given, ...resolvePlain(given) });
  const { options, trainers } = settled;
  const { saved, state } = await openState(options, settingsOf(options, trainers));
  const programs = openPrograms(settled);
  try {
    for (const split of splitsOf(options)) if (split) programs.evaluator.check(split);
    const run = runOf(settled, programs, state);
    if (saved) {
      run.bestWeights = restoreArrays(run.network, run.training, saved);
      push(run, kept);
    }
    await startHooks(run, saved);
    run.clock.done = iterationsDone(run);
    return run;
  } catch (error) {
    programs.training.close();
    programs.evaluator.close();
    throw error;
  }
}

type Trainers = Pick<Run, 'optimizer' | 'schedule' | 'apart'>;
type Programs = Pick<Run, 'training' | 'evaluator'>;
type Settled = Pick<Run, 'options' | 'objective' | 'steps' | 'evenLast'> & {
  loss: ReturnType<Objective['loss']>;
  trainers: Trainers;
};

/** What the options come to. @throws UserError where they make no sense, or do not fit data and network. */
function settledFor(options: Run['options']): Settled {
  const { network, data, epochs, batch } = options;
  const optimizer = resolveOptimizer(options.optimizer);
  const schedule = resolveSchedule(options.schedule, epochs);
  const objective = objectiveOf(options);
  const loss = objective.loss(network.graph, 'training');
  const steps = batchCount(data.train, options);
  if (steps === 0)
    fail(`The ${data.train.length} samples do not fill one batch of ${batch}; use a smaller batch.`);
  const evenLast = checkBatches(network, data.train.length, options);
  const apart = resolveApart(options, optimizer);
  return { options, objective, loss, steps, evenLast, trainers: { optimizer, schedule, apart } };
}

/** Compiles the network for training and for evaluation. */
function openPrograms({ options, objective, loss, trainers }: Settled): Programs {
  const { optimizer, apart } = trainers;
  const { network, batch, seed, memory, trained, samples } = options;
  const kindOf = (parameter: Parameter) =>
    options.apart?.holds(parameter) ? apart!.optimizer.kind : optimizer.kind;
  const training = network.training({
    ...{ batch, memory, seed, trained, samples, ...loss },
    optimizer: apart ? kindOf : optimizer.kind,
  });
  try {
    const together = Math.max(16, Math.min(256, training.microBatch));
    return { training, evaluator: openEvaluator(network, options.evaluationBatch || together, objective) };
  } catch (error) {
    training.close();
    throw error;
  }
}

/** The run before its first step. */
function runOf(settled: Settled, programs: Programs, state: RunState): Run {
  const { options, objective, trainers, steps, evenLast } = settled;
  const { network, data, epochs, seed, signal } = options;
  const now = performance.now();
  const run: Run = {
    ...{ options, network, objective, seed, data, state, steps, evenLast, ...programs, ...trainers },
    iterations: epochs * steps,
    learningRate: (iteration) => learningRateOf(run, iteration - 1),
    firstBatch: async () => {
      for await (const item of trainingBatches(run, 0, 0)) return item;
      return fail('There are no samples to train on.');
    },
    examples: (perClass) => examples(data.train, { ...trainingSamples(options), perClass }),
    evaluate: (split, { byClass } = {}) =>
      programs.evaluator.evaluate(split, {
        byClass,
        normalize: data,
        augment: data.augment?.test,
        signal,
      }),
    clock: { start: now, done: 0, saved: now, counted: now },
  };
  return run;
}

/** With what only training adds, where the objective takes it. */
function objectiveOf({ objective = classification(), ...options }: Run['options']): Objective {
  const { labelSmoothing, classWeights, teacher, data } = options;
  if (objective.labelled) checkTeacher(teacher, data.train);
  return objective.withExtras?.({ labelSmoothing, classWeights, teacher }) ?? objective;
}

const splitsOf = ({ data }: TrainOptions) => [data.train, data.validation, data.test];

/** What a resumed run must share with the one that was killed. */
function settingsOf(options: Run['options'], trainers: Trainers): RunState['settings'] {
  const { epochs, batch, seed, samples, clip, labelSmoothing, dropLast, data, teacher } = options;
  const images = splitsOf(options).map((split) => split?.length ?? 0);
  const augment = options.augment ?? data.augment?.train ?? {};
  const plain = { epochs, batch, seed, samples, clip, labelSmoothing, dropLast, augment, images };
  return {
    ...plain,
    ...trainers,
    teacher: teacher && fingerprint(teacher),
    objective: told(options),
    classWeights: options.classWeights,
  };
}

/** Of classifiers, these settings stand beside the others. */
const told = ({ objective }: TrainOptions) =>
  objective && !objective.withExtras ? { name: objective.name, ...objective.settings } : undefined;

function resolveApart({ apart, epochs }: TrainOptions, { kind }: Optimizer): Run['apart'] {
  if (!apart) return undefined;
  const optimizer = resolveOptimizer(apart.optimizer);
  if (optimizer.kind === kind)
    fail(`The masks are trained by ${kind}, so the weights need another optimiser; choose sgd.`);
  return { optimizer, schedule: resolveSchedule(apart.schedule, epochs) };
}

async function openState({ checkpoint, data: samples }: TrainOptions, settings: RunState['settings']) {
  const saved = checkpoint?.resume ? await readCheckpoint<RunState>(checkpoint.path) : undefined;
  const data = checkpoint && (await digestOfParts(samples));
  if (saved) {
    checkData(checkpoint!.path, saved.state.data, data);
    checkSettings(checkpoint!.path, saved.state.settings, settings);
  }
  const fresh = { settings, data, epoch: 0, step: 0, sums: noSums(), epochs: [], masks: [], hooks: [] };
  return { saved, state: saved?.state ?? fresh };
}

async function startHooks(run: Run, saved: Checkpoint<RunState> | undefined): Promise<void> {
  for (const [h, hook] of (run.options.hooks ?? []).entries()) {
    await pull(run, kept);
    if (saved) hook.restore?.(run.state.hooks[h], run, hookArrays(saved, h));
    else noteMasks(run, await hook.start?.(run));
    push(run, kept);
  }
}

/** The batches of an epoch from step `start` on, as the run trains on them. */
export function trainingBatches(
  { options, evenLast }: Pick<Run, 'options' | 'evenLast'>,
  epoch: number,
  start: number,
): AsyncGenerator<Batch> {
  const { data, batch, dropLast } = options;
  const how = { ...trainingSamples(options), batch, dropLast, evenLast, shuffle: true };
  return batches(data.train, { ...how, epoch, start });
}

const trainingSamples = ({ data, seed, augment = data.augment?.train }: Run['options']) => ({
  ...{ seed, augment, normalize: data },
});

/** Keeps a mask report and passes it on; one of an iteration that has its report already takes its place. */
export function noteMasks({ state, options }: Run, report: MaskReport | undefined): void {
  if (!report) return;
  const known = state.masks.at(-1)?.iteration === report.iteration;
  if (known) state.masks.pop();
  state.masks.push(report);
  if (!known) options.onMasks?.(report);
}

/** Optimiser steps completed, by whatever process. */
export const iterationsDone = ({ state, steps }: Run): number => state.epoch * steps + state.step;

/** Of the iteration counted from 0. */
export function learningRateOf(run: Run, iteration: number, schedule = run.schedule): number {
  const { iterations, steps, options } = run;
  const clock = options.hooks?.find((hook) => hook.clock);
  const moment = clock?.clock?.(iteration) ?? { iteration, iterations };
  return learningRateAt(schedule, { ...moment, iterationsPerEpoch: steps });
}

/** Waits for the outcome of the last step, where that is still to come. */
export async function settle(run: Run): Promise<void> {
  const { pending } = run;
  run.pending = undefined;
  await pending?.();
}

/** Saves the run where it is, if it has a checkpoint. @throws UserError when a weight is no longer a number. */
export async function saveRun(run: Run): Promise<void> {
  const { options, network, training, state, clock } = run;
  await settle(run);
  await pull(run, kept);
  const arrays = captureArrays(network, training, run.bestWeights, options.hooks ?? []);
  for (const [name, values] of arrays) if (!allFinite(values)) failDiverged(run, name);
  countTime(run);
  if (!options.checkpoint) return;
  state.hooks = (options.hooks ?? []).map((hook) => hook.save?.() ?? null);
  await writeCheckpoint(options.checkpoint.path, { state, arrays });
  clock.saved = performance.now();
}

/** Puts the time since it was last counted into the epoch's sums. */
export function countTime({ state, clock }: Run): void {
  const now = performance.now();
  state.sums.seconds += (now - clock.counted) / 1000;
  clock.counted = now;
}

/** Says that `what` is no longer a number. */
export function failDiverged(run: Run, what: string): never {
  const { state, options, steps } = run;
  const rate = learningRateOf(run, Math.max(0, iterationsDone(run) - 1));
  const path = options.checkpoint?.path;
  const kept = path && existsSync(path) ? `; ${path} holds the last good state` : '';
  return fail(
    `Training diverged in epoch ${state.epoch + 1} at step ${Math.min(steps, state.step + 1)}: ${what} is not a finite number; the learning rate (${rate} there) is probably too high, so lower it or give it a warm-up${kept}.`,
  );
}

function allFinite(values: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += values[i] * 0;
  return zero === 0;
}
