/**
 * What pruning did to a model's answers where no labels say how good they are: how far they are from those of the model that was
 * given, on the same inputs. On random inputs that is a rough sign, and no measure of how good the model is.
 */
import { UserError } from '../../base/index.js';
import { batchOf } from '../../graph/index.js';
import { type Graph, isFloat, serializeModel } from '../../onnx/index.js';
import type { Answer, Answers, Trial } from '../samples.js';
import { hindranceOf } from './alone.js';
import { type Answerer, engineAnswerer, onnxruntimeAnswerer } from './answers.js';
import { countedTrials } from './trials.js';
import type { CheckOptions } from './types.js';

/** How far an output is from that of the model that was given. */
export interface Drift {
  output: string;
  /** ‖y − y₀‖ / ‖y₀‖ over all samples; absent of whole numbers, and where that is no number. */
  error?: number;
  /** y·y₀ / (‖y‖ ‖y₀‖): 1 where they point the same way, 0 where they have nothing to do with each other, or one is 0 throughout; absent of whole numbers. */
  cosine?: number;
  /** Of class scores [N, C], in how many rows the same is largest; of whole numbers, how many are the same. */
  agreement?: number;
}

/** Each output of `after` beside that of `before`; undefined where neither the engine nor onnxruntime can run the model. */
export async function driftOf(
  before: Graph,
  after: Graph,
  { machine, inputShapes, samples }: CheckOptions,
): Promise<Drift[] | undefined> {
  const opened: Answerer[] = [];
  try {
    const batch = batchOf(before, inputShapes);
    const { trials } = await countedTrials(before, batch, samples);
    const foreign = hindranceOf(before, batch) !== undefined;
    for (const graph of [before, after]) {
      const answerer = foreign
        ? await onnxruntimeAnswerer(serializeModel(graph), { graph, machine, optimized: true })
        : engineAnswerer(graph, { machine });
      if (!answerer) return undefined;
      opened.push(answerer);
    }
    const [was, is] = await Promise.all(opened.map((answerer) => answersOf(answerer, trials)));
    const classes = new Set(
      before.outputs.filter(({ shape }) => shape?.length === 2).map(({ name }) => name),
    );
    return before.outputs.map(({ name }) => {
      const pairs = was.map((answers, i) => [answers[name], is[i][name]] as const);
      return { output: name, ...compared(pairs, classes.has(name), trials) };
    });
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  } finally {
    for (const answerer of opened) await answerer.close();
  }
}

async function answersOf(answerer: Answerer, trials: readonly Trial[]): Promise<Answers[]> {
  const all: Answers[] = [];
  for (const trial of trials) all.push(await answerer.answer(trial));
  return all;
}

type Pairs = readonly (readonly [was: Answer, is: Answer])[];

function compared(pairs: Pairs, scores: boolean, trials: readonly Trial[]): Omit<Drift, 'output'> {
  if (!isFloat(pairs[0][0].dtype)) return { agreement: equalShare(pairs) };
  let [difference, own, other, product] = [0, 0, 0, 0];
  for (const [was, is] of pairs)
    for (let i = 0; i < was.data.length; i++) {
      const [x, y] = [Number(was.data[i]), Number(is.data[i])];
      difference += (y - x) ** 2;
      own += x * x;
      other += y * y;
      product += x * y;
    }
  const agreement = scores ? peakShare(pairs, trials) : undefined;
  if (difference === 0) return { error: 0, cosine: 1, ...(agreement !== undefined && { agreement }) };
  const error = Math.sqrt(difference / own);
  const cosine = product / Math.sqrt(own * other);
  return {
    ...(Number.isFinite(error) && { error }),
    cosine: Number.isFinite(cosine) ? cosine : 0,
    ...(agreement !== undefined && { agreement }),
  };
}

function equalShare(pairs: Pairs): number {
  const all = pairs.flatMap(([was, is]) => Array.from(was.data, (value, i) => value === is.data[i]));
  return all.filter(Boolean).length / all.length;
}

/** Undefined where a row holds a single number. */
function peakShare(pairs: Pairs, trials: readonly Trial[]): number | undefined {
  const same: boolean[] = [];
  for (const [i, [was, is]] of pairs.entries()) {
    const rows = trials[i].count;
    const width = was.data.length / rows;
    if (!Number.isInteger(width) || width < 2) return undefined;
    for (let row = 0; row < rows; row++)
      same.push(peak(was.data, row * width, width) === peak(is.data, row * width, width));
  }
  return same.filter(Boolean).length / same.length;
}

function peak(values: Answer['data'], from: number, width: number): number {
  let best = 0;
  for (let i = 1; i < width; i++) if (Number(values[from + i]) > Number(values[from + best])) best = i;
  return best;
}
