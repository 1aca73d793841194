/**
 * The training loop.
 *
 * What a step does is a function of the run's state and of where it is, never of the clock or of what this process did
 * before; so a run that is killed and resumed ends bit-identical to one that was not. The state (state.ts) is saved after
 * every epoch, every so many seconds, and when the run is stopped.
 *
 * Headline figures are the last epoch's. The test split is measured and chooses nothing; "best" looks at the validation
 * split only, and only at epochs at whose end all pruning is done.
 */
import type { Batch } from '../data/index.js';
import { figuresIn, isBetter } from '../objectives/index.js';
import type { Hook, HookMoment, MaskReport } from './hooks.js';
import { updateOptions } from './optimizer.js';
import type { TrainOptions, TrainProgress, TrainResult } from './options.js';
import { overlap } from './overlap.js';
import { type Access, everything, kept, pull, push } from './reach.js';
import {
  countTime,
  failDiverged,
  iterationsDone,
  learningRateOf,
  noteMasks,
  openRun,
  type Run,
  saveRun,
  settle,
  trainingBatches,
} from './run.js';
import { type EpochMetrics, noSums } from './state.js';
import { weightsOf } from './weights.js';

/**
 * Trains a network.
 * @throws UserError when a setting makes no sense, the data do not fit the network, the loss is no longer a number, or a
 * checkpoint cannot be used or written.
 */
export async function trainNetwork(options: TrainOptions): Promise<TrainResult> {
  const run = await openRun(options);
  const { iterations, training, evaluator, state } = run;
  try {
    const { microBatch, peakBytes } = training;
    const engine = run.network.machine.description;
    options.onStart?.({ engine, iterations, done: iterationsDone(run), microBatch, peakBytes });
    const finished = await trainEpochs(run);
    const { epochs, masks, best } = state;
    return { finished, epochs, masks, best: best && { ...best, weights: run.bestWeights! } };
  } finally {
    training.close();
    evaluator.close();
  }
}

/** False when the signal stopped the run. */
async function trainEpochs(run: Run): Promise<boolean> {
  const { state, options } = run;
  while (state.epoch < options.epochs) {
    const whole = (await trainEpoch(run)) && (await endEpoch(run));
    await saveRun(run);
    if (!whole) return false;
  }
  return true;
}

/** The steps of the current epoch that are still to be done; false when the signal stopped them. */
async function trainEpoch(run: Run): Promise<boolean> {
  const { state, clock } = run;
  const { checkpoint, signal } = run.options;
  const interval = 1000 * (checkpoint?.seconds ?? 30);
  await overlap(trainingBatches(run, state.epoch, state.step), async (item) => {
    if (signal?.aborted) return false;
    await step(run, item);
    if (checkpoint && performance.now() - clock.saved >= interval) await saveRun(run);
    return true;
  });
  await settle(run);
  return !signal?.aborted;
}

async function step(run: Run, batch: Batch): Promise<void> {
  const { options, training, state } = run;
  const { inputs, count } = batch;
  const answers = run.objective.targets(batch);
  const iteration = iterationsDone(run) + 1;
  const hooks = options.hooks ?? [];
  const dense = hooks.some((hook) => hook.needsPrunedGradients?.(iteration) ?? hook.afterGradients);
  const samples = hooks.map((hook) => hook.samples?.(iteration)).find((passes) => passes !== undefined);
  const pass = await training.begin(inputs, answers, count, iteration, { dense, samples });
  await settle(run);
  const outcome = checked(run, pass.outcome());
  const known =
    training.ahead && !hooks.some((hook) => reaches(run, hook, iteration)) ? undefined : await outcome;
  let skip = false;
  for (const hook of hooks) {
    const report = await acted(run, hook, 'afterGradients', iteration);
    skip ||= report?.skip ?? false;
    noteMasks(run, report);
  }
  const learningRate = learningRateOf(run, iteration - 1);
  if (!skip) await update(run, learningRate, iteration);
  for (const hook of hooks) await acted(run, hook, 'afterUpdate', iteration);
  state.step++;
  run.pending = async () => {
    const { loss, correct } = known ?? (await outcome);
    state.sums.loss += loss * count;
    if (correct !== undefined) state.sums.correct = (state.sums.correct ?? 0) + correct;
    state.sums.count += count;
    options.onStep?.(progress(run, learningRate));
  };
  if (known) await settle(run);
}

type Outcome = ReturnType<Run['training']['gradients']>;

/** The outcome of a pass, refused where it is no number; it may be waited for later. */
function checked(run: Run, outcome: Outcome): Outcome {
  const sound = outcome.then((found) =>
    Number.isFinite(found.loss) ? found : failDiverged(run, 'the loss'),
  );
  sound.catch(() => {});
  return sound;
}

/** Whether a hook looks at anything between a pass and the update. */
function reaches(run: Run, hook: Hook, iteration: number): boolean {
  if (!hook.afterGradients) return false;
  const { reads = {} } = accessOf(run, hook, 'afterGradients', iteration);
  return Object.values(reads).some((names) => names.length > 0);
}

const accessOf = (run: Run, hook: Hook, moment: HookMoment, iteration: number): Access =>
  hook.touches?.(moment, iteration, run) ?? { reads: everything, writes: everything };

/** Has a hook act on what it touches. */
async function acted(
  run: Run,
  hook: Hook,
  moment: HookMoment,
  iteration: number,
): Promise<MaskReport | undefined> {
  if (!hook[moment]) return undefined;
  const { reads, writes } = accessOf(run, hook, moment, iteration);
  await pull(run, reads);
  const report = await hook[moment](run, iteration);
  push(run, writes);
  return report || undefined;
}

async function update(run: Run, learningRate: number, iteration: number): Promise<void> {
  const { options, optimizer, apart, training } = run;
  const gradientScale = options.clip && Math.min(1, options.clip / ((await training.gradientNorm()) + 1e-6));
  const scaled = gradientScale ? { gradientScale } : {};
  await training.update(
    { ...updateOptions(optimizer, learningRate, iteration), ...scaled },
    apart && optimizer.kind,
  );
  if (!apart) return;
  const rate = learningRateOf(run, iteration - 1, apart.schedule);
  await training.update(
    { ...updateOptions(apart.optimizer, rate, iteration), ...scaled },
    apart.optimizer.kind,
  );
}

function progress(run: Run, learningRate: number): TrainProgress {
  const { state, steps, iterations, clock, options } = run;
  const { loss, count } = state.sums;
  const done = iterationsDone(run);
  const seconds = (performance.now() - clock.start) / 1000;
  return {
    epoch: state.epoch + 1,
    epochs: options.epochs,
    step: state.step,
    steps,
    loss: loss / count,
    ...accuracyOf(run),
    learningRate,
    ...sparsityOf(run),
    seconds,
    eta: (seconds / (done - clock.done)) * (iterations - done),
  };
}

/** Over the epoch so far, where the loss counts what is right. */
function accuracyOf({ state: { sums } }: Run): { accuracy?: number } {
  return sums.correct === undefined ? {} : { accuracy: sums.correct / sums.count };
}

/** As of the last mask report, where there is one. */
function sparsityOf({ state }: Run): { sparsity?: number } {
  const report = state.masks.at(-1);
  return report ? { sparsity: report.sparsity } : {};
}

/** Measures, keeps what is best and goes on to the next epoch; false when the signal stopped it. */
async function endEpoch(run: Run): Promise<boolean> {
  const { state, options } = run;
  const measured = await measure(run);
  if (!measured) return false;
  countTime(run);
  const { loss, count, seconds } = state.sums;
  const metrics: EpochMetrics = {
    epoch: state.epoch + 1,
    loss: loss / count,
    ...accuracyOf(run),
    ...measured,
    learningRate: learningRateOf(run, iterationsDone(run) - 1),
    ...sparsityOf(run),
    seconds,
  };
  await keepBest(run, metrics);
  state.epochs.push(metrics);
  state.epoch++;
  state.step = 0;
  state.sums = noSums();
  options.onEpoch?.(metrics);
  return true;
}

async function measure(run: Run): Promise<Pick<EpochMetrics, 'validation' | 'test'> | undefined> {
  const { data, signal, hooks } = run.options;
  const measured: Pick<EpochMetrics, 'validation' | 'test'> = {};
  try {
    for (const hook of hooks ?? []) {
      if (!hook.endEpoch) continue;
      await pull(run, kept);
      noteMasks(run, await hook.endEpoch(run, run.state.epoch));
      push(run, kept);
    }
    for (const part of ['validation', 'test'] as const) {
      const split = data[part];
      if (!split) continue;
      const byClass = part === 'test' && run.state.epoch + 1 === run.options.epochs;
      const { count, ...figures } = await run.evaluate(split, { byClass });
      if (!Number.isFinite(figures.loss)) failDiverged(run, `the ${part} loss`);
      measured[part] = figures;
    }
    return measured;
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

async function keepBest(run: Run, { epoch, validation }: EpochMetrics): Promise<void> {
  const { state, network } = run;
  const pruned = state.masks.at(-1)?.final ?? true;
  if (!validation || !pruned) return;
  const { best } = state;
  if (best && !isBetter(validation, best, run.objective)) return;
  state.best = { epoch, ...figuresIn(validation) };
  await network.pull();
  run.bestWeights = weightsOf(network);
}
