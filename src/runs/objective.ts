/** What a task's models are trained and compared by: classes where the data have labels, a teacher's answers where they have none. */
import { resolve } from 'node:path';
import { fail, isUserFile, loadUserFile } from '../base/index.js';
import { isUnlabelled, type Target } from '../data/index.js';
import type { Machine } from '../engine/index.js';
import type { Reach } from '../graph/index.js';
import {
  atEnds,
  checkDefinition,
  classification,
  dense,
  inGraph,
  multiLabel,
  type Objective,
  type ObjectiveDefinition,
  type OutputObjective,
  onRunningStatistics,
  ownObjective,
  regression,
  severalOutputs,
  tellHeads,
} from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import { refuseNotFinite } from './finite.js';
import { readLike } from './front.js';
import { type LearntOutput, learnable, outputsToLearn } from './learn.js';
import { answeringEnds, endsOf, reachOfTask, taughtPart, tellReach } from './reach.js';
import { NO_TEACHER, type Recipe } from './recipe.js';
import type { AimedTask, ModelTask, Task } from './task.js';
import { AUTO, type ObjectiveOptions, taughtBy } from './taught.js';
import type { RunOptions } from './work.js';

/** Samples of a batch whose mean and variance say too little of those that a model's own answers were made with. */
const FEW = 32;

/** What prunes learns from the model before it was pruned where nothing else is said. */
export const objectiveOptions = (
  recipe: Recipe,
  { dataset }: Task,
  machine: Machine,
  { signal, onNote }: RunOptions,
): ObjectiveOptions => {
  const { command, learn, ignoreIndex, match = [AUTO], epochs } = recipe;
  const { teacher = command === 'prune' ? 'self' : undefined } = recipe;
  const running = command === 'prune' && teacher === 'self' && recipe.batch < FEW;
  const steady = !recipe.augment || Object.keys(dataset.augment.train).length === 0;
  const steadyEpochs = steady && epochs > 1 ? epochs : undefined;
  return { machine, learn, ignoreIndex, teacher, match, running, steadyEpochs, signal, onNote };
};

/**
 * The task with its objective.
 * @throws UserError where there are neither labels nor a teacher.
 */
export async function withObjective(task: Task, options: ObjectiveOptions): Promise<AimedTask> {
  const reach = reachOfTask(task);
  if (!reach) return aimed(task, options);
  options.onNote?.(tellReach(reach));
  const aim = await aimed(task, options, reach);
  const several = aim.objective.teacher !== undefined || outputsToLearn(options.learn) !== undefined;
  const ends = several ? endsOf(reach) : answeringEnds(reach);
  return { ...aim, objective: atEnds(aim.objective, ends) };
}

/** Classification of samples with labels, by what of a model can be computed. @throws UserError where that is nothing. */
export function classifying(task: ModelTask): Objective {
  const reach = reachOfTask(task);
  return reach ? atEnds(classification(), answeringEnds(reach)) : classification();
}

/** `reach`: how far the model can be computed, where that is not all of it. */
async function aimed(task: Task, options: ObjectiveOptions, reach?: Reach): Promise<AimedTask> {
  const { learn, ignoreIndex, teacher, onNote } = options;
  const { dataset } = task;
  const { targets = [] } = dataset.train;
  const outputs = outputsToLearn(learn);
  if (outputs) return { ...task, objective: await ofOutputs(outputs, targets, ignoreIndex) };
  if (learn === 'loss') return { ...task, objective: inGraph() };
  if (targets.length > 0)
    return { ...task, objective: await ofTargets(learn, targets[0].shape, ignoreIndex) };
  const unlabelled = isUnlabelled(dataset.train);
  if (learn === 'classification' && unlabelled)
    fail('The samples have no labels, which classification needs; add y to the .npz, or leave --learn out.');
  if (learn !== 'distillation' && !unlabelled) return { ...task, objective: classification() };
  if (teacher === undefined || teacher === NO_TEACHER)
    return fail(
      unlabelled
        ? 'The samples have no labels, so there is nothing to compare answers with: give --teacher with the model that answers them well, or data with labels.'
        : 'Distillation learns the outputs of a teacher: give --teacher with its file.',
    );
  const whole = await teacherGraph(teacher, task.graph);
  const model = reach ? taughtPart(whole, reach) : whole;
  const subject = unlabelled ? 'The samples have no labels: the' : 'The';
  const whose = teacher === 'self' ? 'the model before the run' : teacher;
  onNote?.(`${subject} model learns the outputs of ${whose}: ${tellHeads(model)}.`);
  const aim = await taughtBy(model, task, options);
  return options.running ? { ...aim, objective: onRunningStatistics(aim.objective) } : aim;
}

/** The objective of several outputs, each with targets by its name. */
async function ofOutputs(
  outputs: readonly LearntOutput[],
  targets: readonly Target[],
  ignore?: number,
): Promise<Objective> {
  const parts: OutputObjective[] = [];
  for (const { output, what, weight } of outputs) {
    const target = targets.find(({ name }) => name === output);
    parts.push({
      output,
      weight,
      objective: target ? await ofTargets(what, target.shape, ignore) : inGraph(),
    });
  }
  return severalOutputs(parts);
}

/** The objective of samples with targets of a shape; whole numbers of samples are classes. */
async function ofTargets(
  learn: string | undefined,
  shape: readonly number[],
  ignore?: number,
): Promise<Objective> {
  if (learn !== undefined && isUserFile(learn)) return ownObjective(await openObjective(learn), shape);
  if (learn === 'dense' || learn === 'classification') return dense(shape, ignore);
  if (learn === 'multi-label') return multiLabel(shape);
  return regression(shape, learn === 'absolute' || learn === 'huber' ? learn : 'squared');
}

/** @throws UserError where the file cannot be loaded, or its default export is no objective. */
async function openObjective(file: string): Promise<ObjectiveDefinition> {
  const path = resolve(file);
  const definition = checkDefinition(await loadUserFile(path, 'objective'), `The default export of ${path}`);
  if ((learnable as readonly string[]).includes(definition.name))
    fail(`The objective of ${path} has the name of another one, ${definition.name}: give it another name.`);
  return definition;
}

/** @throws UserError where the file cannot be read, or holds numbers that are none. */
export async function teacherGraph(teacher: string, own: Graph): Promise<Graph> {
  const model = teacher === 'self' ? own : await readLike(teacher, own);
  refuseNotFinite(model, { trained: false });
  return model;
}
