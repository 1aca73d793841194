/** Whether a pruned model can be used as it is, by what pruning did to its answers. */
import type { Drift } from './check/drift.js';
import type { Summary } from './summary.js';

/** Share of the accuracy that may be lost, */
const LOSS = 0.05;
/** and how little of the direction of an output may be left, before a model is called not usable as it is. */
const LEAST_COSINE = 0.9;

/** Whether an accuracy is still near to what it was; where nothing was measured before, there is nothing to say. */
export const keepsAccuracy = ({ before, after }: { before?: number; after: number }): boolean =>
  before === undefined || after >= before * (1 - LOSS);

/** Whether an output is still near to that of the original model. */
export const keepsAnswer = ({ cosine = 1, agreement = 1 }: Drift): boolean =>
  cosine >= LEAST_COSINE && agreement >= 1 - LOSS;

/** Part of the teacher's variance that may be lost. */
const UNEXPLAINED = 0.1;

/** Whether answers are still near to those of the teacher. */
export const keepsAnswers = (error: number): boolean => error ** 2 <= UNEXPLAINED;

export const isUsable = ({ accuracy, objective, metrics, answers = [] }: Summary): boolean =>
  objective?.name === 'distillation'
    ? keepsAnswers(metrics!.error.after)
    : accuracy
      ? keepsAccuracy(accuracy)
      : answers.every(keepsAnswer);
