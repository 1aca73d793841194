/** Accuracy and loss of a model on data. */
import { type MachineChoice, openMachine } from '../engine/index.js';
import { type Evaluation, evaluate } from '../train/index.js';
import { dataNotes } from './data-notes.js';
import { answersNotFinite, refuseNotFinite } from './finite.js';
import { withObjective } from './objective.js';
import { type Pictures, tellingOf } from './pictures.js';
import { type ObjectiveSummary, objectiveSummary } from './summary.js';
import { loadTask, openTask, type TaskOptions } from './task.js';

export interface EvaluateModelOptions extends MachineChoice, TaskOptions {
  /** Images in one run; default 256. */
  batch?: number;
  /** The model that answers samples without labels well: a file. */
  teacher?: string;
  /** Stops the evaluation; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each batch, with the number of samples done and of all. */
  onProgress?: (done: number, count: number) => void;
  /** Is told, before anything is computed, how pictures are prepared. */
  onNote?: (sentence: string) => void;
}

/** Evaluates on the test images. @throws UserError when model and data do not fit, or either cannot be read. */
export async function evaluateModel(
  options: EvaluateModelOptions,
): Promise<
  Evaluation & { seconds: number; objective?: ObjectiveSummary; pictures?: Pictures; notes: string[] }
> {
  const { batch, engine, threads, signal, onProgress, onNote } = options;
  const opened = await openTask({ ...options, onPictures: tellingOf(onNote) });
  const { dataset, pictures } = opened;
  if (pictures) onNote?.(pictures.told);
  refuseNotFinite(opened.graph, { trained: false });
  const machine = await openMachine({ engine, threads });
  try {
    const task = await withObjective(opened, { ...options, machine });
    const { objective } = task;
    const network = loadTask(task, task.graph, machine);
    const begun = performance.now();
    const result = await evaluate(network, dataset.test ?? dataset.train, {
      normalize: dataset,
      augment: dataset.augment.test,
      objective,
      batch,
      signal,
      onProgress,
    });
    return {
      ...result,
      seconds: (performance.now() - begun) / 1000,
      pictures,
      objective: objectiveSummary(objective),
      notes: [...dataNotes(task, 'test'), ...answersNotFinite(result)],
    };
  } finally {
    await machine.close();
  }
}
