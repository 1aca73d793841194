/**
 * Models that the engine cannot compute, with operators that espalier does not know: weights decide what goes, and onnxruntime alone
 * says what comes of it. Where it cannot run the model that was given either, nobody can.
 */
import { causeOf, UserError } from '../../base/index.js';
import { type BatchForm, batchOf, expandModel, Unsupported } from '../../graph/index.js';
import { type Graph, serializeModel } from '../../onnx/index.js';
import type { Answers, Trial } from '../samples.js';
import { nudged } from '../samples.js';
import { type Answerer, onnxruntimeAnswerer } from './answers.js';
import { type Noise, noiseOf } from './compare.js';
import { checkerName } from './session.js';
import { countedTrials } from './trials.js';
import type { CheckOptions, Outcome } from './types.js';

/** Why the engine cannot compute a model, as a clause; undefined where it can. @throws UserError for a damaged model. */
export function hindranceOf(graph: Graph, { shapes }: BatchForm): string | undefined {
  try {
    expandModel(graph, { inputShapes: shapes, shapesOnly: true });
    return undefined;
  } catch (error) {
    if (error instanceof Unsupported) return causeOf(error);
    throw error;
  }
}

/** The beginning of a sentence. */
export const cannotCompute = (hindrance: string): string =>
  `espalier cannot compute this model (${hindrance})`;

/** Whether onnxruntime loads a file and runs it; what it answers has nothing to be compared with. */
export async function checkAlone(
  path: string | Uint8Array,
  graph: Graph,
  options: CheckOptions,
  hindrance: string,
): Promise<Outcome> {
  const tried = await tryOut(path, graph, options);
  if (!tried) return { samples: 0 };
  const cannot = cannotCompute(hindrance);
  if ('count' in tried) {
    const note = `${cannot}, so onnxruntime alone has checked it.`;
    return { by: await checkerName(), samples: tried.count, note };
  }
  const { original } = options;
  const given = original && (await tryOut(serializeModel(original), original, options));
  if (!given || 'count' in given) return { samples: 0, refused: tried.refused };
  return { samples: 0, unchecked: `${cannot}, and neither can onnxruntime (${tried.refused})` };
}

/** How many samples onnxruntime took, or why it did not; undefined where it is not installed. */
async function tryOut(
  source: string | Uint8Array,
  graph: Graph,
  { machine, inputShapes, samples }: CheckOptions,
): Promise<{ count: number } | { refused: string } | undefined> {
  let answerer: Answerer | undefined;
  try {
    answerer = await onnxruntimeAnswerer(source, { graph, machine, optimized: true });
    if (!answerer) return undefined;
    const batch = batchOf(graph, inputShapes);
    const { trials } = await countedTrials(graph, batch, samples);
    for (const trial of trials) await answerer.answer(trial);
    return { count: trials.reduce((sum, { count }) => sum + count, 0) };
  } catch (error) {
    if (error instanceof UserError) return { refused: error.message.replace(/\.$/, '') };
    throw error;
  } finally {
    await answerer?.close();
  }
}

/** How far onnxruntime is from itself: with and without its optimisations, and on inputs that are as good as the same. */
export async function noiseOfRuntime(
  trials: readonly Trial[],
  optimised: Answerer,
  plain: Answerer,
): Promise<Noise> {
  const pairs: [Answers, Answers][] = [];
  for (const trial of trials) {
    const answers = await plain.answer(trial);
    pairs.push([await optimised.answer(trial), answers], [await plain.answer(nudged(trial)), answers]);
  }
  return noiseOf(pairs);
}
