/** The runs on which an export is checked. */
import { type BatchForm, summarize } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Samples, samplesPerRun, type Trial, trialOf } from '../samples.js';

/** The most samples that are compared where the file takes any number, */
const SAMPLES = 8;
/** and how many multiply-accumulates they may be all together: about a second's. */
const MOST_MACS = 2e10;

/**
 * One run as the file takes it: a batch where it takes several samples, a whole where it takes nothing else; and where it takes single
 * samples only, or they meet in a run, a run for each of several.
 * @param macs multiply-accumulates of a sample, or a whole.
 */
export async function trialsFor(
  graph: Graph,
  batch: BatchForm,
  { samples, macs }: { samples: Samples; macs: number },
): Promise<Trial[]> {
  const affordable = Math.max(1, Math.min(SAMPLES, Math.floor(MOST_MACS / (macs || 1))));
  const alone = batch.kind === 'mixed' || !(batch.samples || batch.together);
  const feeds = await samples(graph, batch, alone ? affordable : samplesPerRun(batch, affordable));
  if (!alone) return [trialOf(graph, batch, { ...feeds, count: batch.samples ?? feeds.count })];
  return Array.from({ length: feeds.count }, (_, from) =>
    trialOf(graph, batch, { ...feeds, from, count: 1 }),
  );
}

/** The runs of {@link trialsFor}, and the multiply-accumulates of a sample, or a whole. */
export async function countedTrials(
  graph: Graph,
  batch: BatchForm,
  samples: Samples,
): Promise<{ macs: number; trials: Trial[] }> {
  const { macs } = summarize(graph, { inputShapes: batch.shapes });
  return { macs, trials: await trialsFor(graph, batch, { samples, macs }) };
}
