/**
 * The learning rate as a function of the iteration t = 0 … T − 1 and nothing else.
 *
 *   constant    η
 *   step        η · factor^⌊e / every⌋                      e = t / iterations per epoch
 *   multi-step  η · factor^(milestones that e has reached)
 *   cosine      η / 2 · (1 + cos(π t / T))                  Loshchilov, Hutter: "SGDR", 2017
 *
 * A linear warm-up over the first W iterations takes η (t + 1) / W; after it the cosine runs over the T − W that remain,
 * while steps and milestones keep counting from the beginning. `perEpoch` holds the cosine still within an epoch. The last
 * `fineTune` epochs have a rate of their own, constant or by a cosine to 0; all of the above is then about those before.
 */
import { fail } from '../base/index.js';
import { aboveZero, atLeastZero, flag, oneOf, type Rule, resolve, rulesOf } from './settings.js';

/** How the learning rate changes during the run. */
export interface ScheduleSettings {
  /** The shape of the schedule. */
  kind: 'constant' | 'step' | 'multi-step' | 'cosine';
  /** η: the highest. */
  learningRate: number;
  /** Epochs of linear warm-up, may be a fraction; default 0. */
  warmup?: number;
  /** step: epochs from one to the next. */
  every?: number;
  /** multi-step: epochs, ascending. */
  milestones?: readonly number[];
  /** step, multi-step: default 0.1. */
  factor?: number;
  /** cosine: change only from epoch to epoch; default false. */
  perEpoch?: boolean;
  /** Epochs at the end; default 0. */
  fineTune?: number;
  /** The highest learning rate there; default 0.001. */
  fineTuneRate?: number;
  /** Default constant. */
  fineTuneSchedule?: 'constant' | 'cosine';
}

/** Settings with the defaults filled in. */
export type Schedule = ScheduleSettings &
  Required<Pick<ScheduleSettings, 'warmup' | 'fineTune' | 'fineTuneRate' | 'fineTuneSchedule'>>;

/** Where in the run. */
export interface Moment {
  /** Counted from 0. */
  iteration: number;
  iterations: number;
  iterationsPerEpoch: number;
}

const common = {
  learningRate: aboveZero(),
  warmup: atLeastZero(0),
  fineTune: atLeastZero(0),
  fineTuneRate: atLeastZero(0.001),
  fineTuneSchedule: oneOf(['constant', 'cosine'], 'constant'),
};
const factor = aboveZero(0.1);
const milestones: Rule = {
  ok: (value) =>
    Array.isArray(value) && value.every((epoch, i) => Number.isFinite(epoch) && epoch > (value[i - 1] ?? 0)),
  must: 'be a list of ascending numbers of epochs above 0',
};

const kinds: Record<ScheduleSettings['kind'], Record<string, Rule>> = {
  constant: common,
  step: { ...common, every: aboveZero(), factor },
  'multi-step': { ...common, milestones, factor },
  cosine: { ...common, perEpoch: flag(false) },
};

/** Fills in the defaults. @throws UserError on a setting that is unknown, missing or out of range for so many epochs. */
export function resolveSchedule({ kind, ...settings }: ScheduleSettings, epochs: number): Schedule {
  const rules = rulesOf('learning-rate schedule', kinds, kind);
  const schedule = { kind, ...resolve(`learning-rate schedule ${kind}`, rules, settings) } as Schedule;
  const { warmup, fineTune } = schedule;
  if (warmup > epochs - fineTune)
    fail(
      `A warm-up of ${warmup} epochs${fineTune ? ` and a fine-tuning of ${fineTune}` : ''} is longer than the run of ${epochs}; shorten it.`,
    );
  return schedule;
}

/** The learning rate of an iteration. */
export function learningRateAt(schedule: Schedule, moment: Moment): number {
  const { learningRate, warmup, fineTune } = schedule;
  const { iteration, iterationsPerEpoch } = moment;
  const iterations = moment.iterations - Math.round(fineTune * iterationsPerEpoch);
  if (iteration >= iterations && fineTune > 0) {
    const progress = (iteration - iterations) / (moment.iterations - iterations);
    return fineTuningRate(schedule, progress);
  }
  const warm = Math.round(warmup * iterationsPerEpoch);
  if (iteration < warm) return learningRate * ((iteration + 1) / warm);
  const epoch = iteration / iterationsPerEpoch;
  switch (schedule.kind) {
    case 'constant':
      return learningRate;
    case 'step':
      return learningRate * schedule.factor! ** Math.floor(epoch / schedule.every!);
    case 'multi-step':
      return learningRate * schedule.factor! ** schedule.milestones!.filter((m) => m <= epoch).length;
    case 'cosine': {
      const t = schedule.perEpoch ? Math.floor(epoch) * iterationsPerEpoch : iteration;
      const progress = Math.max(0, t - warm) / (iterations - warm);
      return halfCosine(learningRate, progress);
    }
    default:
      return schedule.kind satisfies never;
  }
}

const fineTuningRate = ({ fineTuneRate, fineTuneSchedule }: Schedule, progress: number): number =>
  fineTuneSchedule === 'cosine' ? halfCosine(fineTuneRate, progress) : fineTuneRate;

const halfCosine = (highest: number, progress: number): number =>
  (highest / 2) * (1 + Math.cos(Math.PI * progress));
