/** What can be said of a network without data: by its weights alone, and by random inputs where samples are asked for. */
import { fail } from '../../base/index.js';
import { type Channels, measureElimination } from '../../channels/index.js';
import type { Graph } from '../../onnx/index.js';
import type { PruneRecipe } from '../recipe.js';
import { randomCalibration, randomSamples } from '../samples.js';
import type { ModelTask } from '../task.js';
import type { Work } from '../work.js';
import type { Evidence, Ways } from './evidence.js';
import { type Cut, repaired } from './repair.js';
import type { StageFacts } from './stages.js';

type Blind = Work<PruneRecipe, ModelTask>;

export const randomEvidence = (work: Blind): Evidence => ({
  samples: randomSamples,
  ways: (graph, channels) => waysWithoutData(graph, channels, work),
  mend: (cut) => mendedBlindly(cut, work),
});

function waysWithoutData(graph: Graph, channels: Channels, { recipe, task, machine, options }: Blind): Ways {
  const { method, calibrate } = recipe;
  const { inputShapes } = task;
  const needsData = () => fail(`${method} measures candidate networks on data: give --data.`);
  return {
    saliency: needsData,
    evaluate: needsData,
    distance: needsData,
    elimination() {
      if (calibrate === undefined)
        return fail(
          `${method} uses samples to choose weights: give --data, or --calibrate 512 to use random inputs.`,
        );
      const samples = randomCalibration(calibrate);
      return measureElimination(graph, channels, { machine, inputShapes, samples, signal: options.signal });
    },
  };
}

/** Solves for weights on random inputs where that is asked for, and says what it is worth. */
async function mendedBlindly(
  cut: Cut,
  { recipe, task: { inputShapes }, machine, options }: Blind,
): Promise<{ graph: Graph; facts: StageFacts }> {
  if (!recipe.reconstruct) return { graph: cut.smaller, facts: { measured: [] } };
  const { onNote, signal } = options;
  const count = recipe.calibrate!;
  onNote?.(
    'There are no data, so the weights are fitted to random inputs. That repairs less than real inputs would, and may do harm: compare the result with --no-reconstruct, or give --data.',
  );
  const samples = randomCalibration(count);
  const { graph, facts } = await repaired(cut, { machine, inputShapes, samples, count, onNote, signal });
  return { graph, facts: { measured: [], repair: facts } };
}
