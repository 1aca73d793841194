/**
 * Whether two models compute the same at other sizes of what their files leave open: lengths, heights, widths. Numbers are random, since
 * data have sizes of their own.
 */
import { UserError } from '../../base/index.js';
import type { Machine } from '../../engine/index.js';
import { batchOf, otherSizes, summarize } from '../../graph/index.js';
import { type Graph, serializeModel } from '../../onnx/index.js';
import { nudged, randomSamples, type Trial, trialOf } from '../samples.js';
import { type Answerer, engineAnswerer, onnxruntimeAnswerer } from './answers.js';
import { verdictOf } from './check.js';
import { noiseOf } from './compare.js';

/** The most multiply-accumulates that a run at another size may take. */
const MOST_MACS = 2e10;

export interface SizesOptions {
  machine: Machine;
  inputShapes: Record<string, number[]>;
}

/** Runs at other sizes of what `graph` leaves open; none where that is the batch alone, of samples that stay apart. */
export async function trialsAtOtherSizes(
  graph: Graph,
  inputShapes: Record<string, number[]>,
): Promise<Trial[]> {
  const batch = batchOf(graph, inputShapes);
  const apart = batch.kind === 'open' && batch.together;
  const trials: Trial[] = [];
  for (const { shapes, changed } of otherSizes(graph, inputShapes)) {
    if (apart && changed.every((dimension) => dimension.batch)) continue;
    if (summarize(graph, { inputShapes: shapes }).macs > MOST_MACS) continue;
    const whole = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, [...shape]]));
    const run = { ...batch, shapes: whole };
    trials.push(trialOf(graph, run, await randomSamples(graph, run, 1)));
  }
  return trials;
}

/**
 * What the smaller of two models computes otherwise than the larger, at a size at which the larger runs; undefined where nothing.
 * In onnxruntime, or where that is not there, in the engine.
 */
export async function differenceAtOtherSizes(
  larger: Graph,
  smaller: Graph,
  { machine, inputShapes }: SizesOptions,
): Promise<string | undefined> {
  const trials = (await trialsAtOtherSizes(larger, inputShapes)).filter((trial) => takes(smaller, trial));
  if (trials.length === 0) return undefined;
  const opened: Answerer[] = [];
  try {
    for (const graph of [larger, smaller]) {
      const answerer = await answererOf(graph, machine);
      if (!answerer) return undefined;
      opened.push(answerer);
    }
    const [other, ours] = opened;
    for (const trial of trials) {
      const expected = await answersOf(other, trial);
      if (!expected) continue;
      const [first] = Object.entries(trial.inputs);
      const where = `with '${first[0]}' of shape [${first[1].shape}]`;
      const found = await ours.answer(trial).catch((error: Error) => error);
      if (found instanceof Error) return `${where} it does not run: ${found.message.replace(/\.$/, '')}`;
      const about = { graph: smaller };
      if ((await verdictOf({ trials: [trial], ours, other }, about)).passes) continue;
      const moved = await answersOf(other, nudged(trial));
      const noise = moved && noiseOf([[moved, expected]]);
      const verdict = await verdictOf({ trials: [trial], ours, other, noise }, about);
      if (!verdict.passes) return `${where}, ${verdict.what}`;
    }
    return undefined;
  } finally {
    for (const answerer of opened) await answerer.close();
  }
}

/** Whether a file declares that it takes inputs of these shapes. */
const takes = ({ inputs }: Graph, trial: Trial): boolean =>
  inputs.every(({ name, shape }) =>
    (shape ?? []).every((dim, axis) => typeof dim !== 'number' || dim === trial.inputs[name].shape[axis]),
  );

/** Undefined where onnxruntime refuses the model. */
async function answererOf(graph: Graph, machine: Machine): Promise<Answerer | undefined> {
  const how = { graph, machine, optimized: true };
  return tolerant(
    async () => (await onnxruntimeAnswerer(serializeModel(graph), how)) ?? engineAnswerer(graph, { machine }),
  );
}

/** Undefined at a size that the model does not take. */
const answersOf = (answerer: Answerer, trial: Trial) => tolerant(() => answerer.answer(trial));

async function tolerant<T>(attempt: () => Promise<T>): Promise<T | undefined> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** A sentence about dimensions that one model leaves open and the other fixes; undefined where there are none. */
export function fixedSizes(before: Graph, after: Graph): string | undefined {
  const fixed = after.inputs.flatMap(({ name, shape }, i) => {
    const old = before.inputs[i]?.shape;
    return (shape ?? []).flatMap((dim, axis) =>
      typeof dim === 'number' && old?.[axis] !== dim
        ? [`dimension ${axis}${old?.[axis] ? ` ('${old[axis]}')` : ''} of input '${name}' at ${dim}`]
        : [],
    );
  });
  if (fixed.length === 0) return undefined;
  return `Without its channels, the model takes ${fixed.join(' and ')} only, and its file says so: it holds numbers that fit no other size.`;
}
