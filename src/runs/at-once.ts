/**
 * Pruning without data: at once, by what the weights say, of any graph; nothing is trained and no accuracy measured. What can be checked is:
 * that the network without its channels computes what it did with them at 0, and that onnxruntime agrees, on random inputs.
 */
import { fail } from '../base/index.js';
import {
  type Chosen,
  chooseUnits,
  findChannels,
  hasScales,
  type MethodSettings,
  measureElimination,
  needsScales,
  readMasks,
  selectionFrom,
  shrink,
  writeMasks,
} from '../channels/index.js';
import type { Machine } from '../engine/index.js';
import { summarize } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import type { Plan, Surroundings, UpdateReport } from '../sparsity/index.js';
import { withWeights } from '../train/index.js';
import { conclude } from './conclude.js';
import type { RunFolder } from './folder.js';
import { layersToPrune, methodOptions } from './pruning.js';
import { isStructured, type PruneRecipe } from './recipe.js';
import { maskingMethod, titleOfMethod, unknownMethod } from './registry.js';
import { randomCalibration, randomSamples } from './samples.js';
import { presparsified } from './sparsify.js';
import { agreement, sayFixed } from './structured/agree.js';
import { changeWith } from './structured/change.js';
import { costingOf, goalOf } from './structured/goal.js';
import { type Cut, repaired } from './structured/repair.js';
import { channelSummary } from './structured/summary.js';
import type { ChannelSummary, Summary } from './summary.js';
import type { ModelTask } from './task.js';
import type { Tracking } from './track/index.js';
import { writeMetrics } from './training.js';
import type { RunOptions } from './work.js';

export interface AtOnce {
  recipe: PruneRecipe;
  folder: RunFolder;
  task: ModelTask;
  machine: Machine;
  options: RunOptions;
  tracking?: Tracking;
}

interface Made {
  graph: Graph;
  plan?: Plan;
  masks?: UpdateReport[];
  channels?: ChannelSummary;
  latency?: Summary['latency'];
}

/** Prunes, exports, sums up. @throws UserError when a method needs more than weights, or a target cannot be met. */
export async function pruneAtOnce(work: AtOnce): Promise<Summary> {
  tellUncounted(work);
  const made = await (isStructured(work.recipe) ? removeChannels(work) : zeroWeights(work));
  await writeMetrics(work.folder, []);
  work.tracking?.begin([]);
  return conclude({ ...work, ...made, epochs: [], samples: randomSamples });
}

/** Says which MACs are in no figure and no target. */
function tellUncounted({ task: { graph, inputShapes }, options }: AtOnce): void {
  const { unknown, uncounted } = summarize(graph, { inputShapes });
  const operators = unknown.map(({ op, count }) => `${op} (${count})`).join(', ');
  if (operators)
    options.onNote?.(
      `espalier does not know the operators of ${operators}: their MACs are not counted, and what they touch stays.`,
    );
  if (uncounted.length > 0)
    options.onNote?.(
      `The MACs of ${uncounted.length} layers are not counted, since their shapes are not known: ${uncounted[0]}${uncounted.length > 1 ? ', …' : ''}.`,
    );
}

async function removeChannels({ recipe, folder, task, machine, options }: AtOnce): Promise<Made> {
  const { graph, inputShapes } = task;
  const { signal } = options;
  const { heads, ignore, freeze } = recipe;
  const channels = findChannels(graph, { inputShapes, heads, ignore, freeze });
  const costing = costingOf(recipe, { machine, inputShapes, folded: false, signal });
  const { selection, importance } = await choose(recipe, {
    graph,
    channels,
    costing,
    signal,
    machine,
    inputShapes,
  });
  const smaller = shrink(graph, channels, selection);
  sayFixed(graph, smaller, options);
  const how = { machine, inputShapes, samples: randomSamples, path: folder.model };
  const error = await agreement({ graph, smaller, channels, selection }, how);
  await writeMasks(folder.mask, selection);
  const made = recipe.reconstruct
    ? await repairBlindly({ graph, smaller, channels, selection }, recipe.calibrate!, {
        task,
        machine,
        options,
      })
    : { graph: smaller };
  const numbers = Object.fromEntries([...importance].map(([name, scores]) => [name, [...scores]]));
  const stage = { name: '1-prune', kind: 'prune', epochs: 0, lr: 0, round: 1 } as const;
  const done = [{ stage, facts: { measured: [], error, importance: numbers, repair: made.facts } }];
  const pruned = { base: graph, whole: channels, graph: made.graph, kept: selection, done, unfolded: false };
  const latency =
    costing?.target.of === 'latency'
      ? changeWith(recipe)('latency', await costing.cost!(graph), await costing.cost!(smaller))
      : undefined;
  return { graph: made.graph, channels: channelSummary(pruned, task), latency };
}

/** Solves for weights on random inputs, and says what that is worth. */
function repairBlindly(
  cut: Cut,
  count: number,
  { task: { inputShapes }, machine, options }: Pick<AtOnce, 'task' | 'machine' | 'options'>,
): ReturnType<typeof repaired> {
  const { onNote, signal } = options;
  onNote?.(
    'There are no data, so the weights are fitted to random inputs. That repairs less than real ones do, and may do harm: compare the result with --no-reconstruct, or give --data.',
  );
  return repaired(cut, { machine, inputShapes, samples: randomCalibration(count), count, onNote, signal });
}

type Choosing = Pick<Parameters<typeof chooseUnits>[0], 'graph' | 'channels' | 'signal'> & {
  machine: Machine;
  inputShapes: ModelTask['inputShapes'];
  costing: ReturnType<typeof costingOf>;
};

async function choose(
  recipe: PruneRecipe,
  { graph, channels, costing, signal, machine, inputShapes }: Choosing,
): Promise<Chosen> {
  if (recipe.mask) {
    const selection = selectionFrom(graph, channels, await readMasks(recipe.mask));
    return { selection, importance: new Map() };
  }
  const settings = recipe as unknown as MethodSettings;
  const { keepAtLeast, roundTo, maxSparsity, candidates, seed, method } = recipe;
  if (needsScales(settings) && !hasScales(graph, channels))
    fail(
      `${method} needs the scales of BatchNorm; this model has none, and restoring them needs data: give --data, or use another method, such as l1-filters.`,
    );
  const needsData = () => fail(`${method} measures candidate networks on data: give --data.`);
  return chooseUnits({
    ...{ graph, channels, settings, candidates, seed, signal },
    limits: { keepAtLeast, roundTo, maxSparsity },
    goal: costing && (await goalOf(costing, { graph, channels }, 1)),
    cost: costing?.cost,
    saliency: needsData,
    elimination: () =>
      recipe.calibrate === undefined
        ? fail(
            `${method} uses samples to choose weights: give --data, or --calibrate 512 to use random inputs.`,
          )
        : measureElimination(graph, channels, {
            ...{ machine, inputShapes, signal },
            samples: randomCalibration(recipe.calibrate),
          }),
    evaluate: needsData,
    distance: needsData,
  });
}

async function zeroWeights({ recipe, task, machine, options }: AtOnce): Promise<Made> {
  const { calibrate } = recipe;
  const name = titleOfMethod(recipe.method);
  const method = maskingMethod(recipe.method);
  if (!method?.defaults.rounds)
    return fail(`${name} prunes during training: give --data, or use a one-shot method, such as magnitude.`);
  const { inputShapes } = task;
  if (!method.calibrated) return zeroed(recipe, task.graph);
  if (calibrate === undefined)
    return fail(`${name} needs samples: give --data, or --calibrate 512 to use random inputs.`);
  options.onNote?.(
    'There are no data, so random inputs say what goes. That is worth less than real ones: give --data.',
  );
  const samples = randomCalibration(calibrate);
  const how = { recipe, method, machine, inputShapes, samples, iterations: 0, ...options };
  return zeroed(recipe, await presparsified({ ...how, graph: task.graph }));
}

/** The smallest weights at zero, without training. */
export async function zeroed(
  recipe: PruneRecipe,
  graph: Graph,
): Promise<Required<Pick<Made, 'graph' | 'plan' | 'masks'>>> {
  const { seed } = recipe;
  const name = titleOfMethod(recipe.method);
  const method = maskingMethod(recipe.method) ?? unknownMethod(recipe.method);
  const layers = layersToPrune(graph);
  const plan = method.plan({ layers, iterations: 0, seed }, methodOptions(recipe));
  if (method.needsGradient(plan, 0)) fail(`${name} needs gradients, and these need data: give --data.`);
  // A method that needs no gradient looks at nothing but its layers.
  const report = await method.start(plan, layers, {} as Surroundings);
  const weights = new Map(layers.map((layer) => [layer.name, layer.weight]));
  return { graph: withWeights(graph, weights), plan, masks: [report] };
}
