/** What a task's models are trained and compared by: classes where the data have labels, a teacher's answers where they have none. */
import { fail } from '../base/errors.js';
import { isUnlabelled } from '../data/index.js';
import type { Machine } from '../engine/index.js';
import { distillation, measureScales, tellHeads } from '../objectives/index.js';
import { type Graph, readModel } from '../onnx/index.js';
import { refuseNotFinite } from './finite.js';
import { NO_TEACHER } from './recipe.js';
import type { Task } from './task.js';

export interface ObjectiveOptions {
  machine: Machine;
  /** A file, or `self` for the task's own model. */
  teacher?: string;
  signal?: AbortSignal;
  onNote?: (sentence: string) => void;
}

/**
 * The task with its objective.
 * @throws UserError where there are neither labels nor a teacher.
 */
export async function withObjective(
  task: Task,
  { machine, teacher, signal, onNote }: ObjectiveOptions,
): Promise<Task> {
  const { dataset, inputShapes } = task;
  if (!isUnlabelled(dataset.train)) return task;
  if (teacher === undefined || teacher === NO_TEACHER)
    return fail(
      'The samples have no labels, so there is nothing to compare answers with: give --teacher with the model that answers them well, or data with labels.',
    );
  const model = await teacherGraph(teacher, task.graph);
  onNote?.(
    `The samples have no labels: the model learns the outputs of ${teacher === 'self' ? 'the model before the run' : teacher}: ${tellHeads(model)}.`,
  );
  const scales = await measureScales(model, dataset.train, {
    ...{ machine, inputShapes, normalize: dataset, augment: dataset.augment.test, signal },
  });
  return { ...task, objective: distillation(model, scales) };
}

/** @throws UserError where the file cannot be read, or holds numbers that are none. */
export async function teacherGraph(teacher: string, own: Graph): Promise<Graph> {
  const model = teacher === 'self' ? own : await readModel(teacher);
  refuseNotFinite(model, { trained: false });
  return model;
}
