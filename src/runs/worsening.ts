/** Whether something that was done to a network made it worse, on samples that are not for testing. */
import { headlineOf, isBetter, metricIn } from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import type { PruneRecipe } from './recipe.js';
import { choosingSplit, dataOf, evaluateGraph } from './training.js';
import type { Work } from './work.js';

/** The metric in percent before and after, where it is worse after; undefined where it is not. */
export async function worsening(
  { before, after }: { before: Graph; after: Graph },
  { recipe, task, machine, options }: Work<PruneRecipe>,
): Promise<{ was: string; is: string } | undefined> {
  const { objective } = task;
  const how = { machine, split: choosingSplit(dataOf(recipe, task)), signal: options.signal };
  const [is, was] = [await evaluateGraph(task, after, how), await evaluateGraph(task, before, how)];
  if (!isBetter(was, is, objective)) return undefined;
  const metric = headlineOf(objective);
  const shown = (figures: typeof is) => `${(100 * metricIn(figures, metric)).toPrecision(3)} %`;
  return { was: shown(was), is: shown(is) };
}
