/** Whether a network without its channels computes what it does with them at zero: measured in every run. */
import { UserError } from '../../base/index.js';
import { type Channels, maskChannels, type Selection } from '../../channels/index.js';
import { type BatchForm, batchOf } from '../../graph/index.js';
import { type Graph, serializeModel } from '../../onnx/index.js';
import { hindranceOf, noiseOfRuntime } from '../check/alone.js';
import { type Answerer, engineAnswerer, onnxruntimeAnswerer } from '../check/answers.js';
import { measureRounding, refusedBy, type Verdict, verdictOf } from '../check/check.js';
import { differenceAtOtherSizes, fixedSizes } from '../check/sizes.js';
import { countedTrials } from '../check/trials.js';
import type { CheckOptions } from '../check/types.js';
import { keepUnchecked } from '../export.js';
import type { Trial } from '../samples.js';
import type { RunOptions } from '../work.js';

export interface AgreementOptions extends CheckOptions {
  /** Where the model is to be written in the end. */
  path: string;
}

/**
 * The largest difference between the outputs of the two, relative to the largest output; at other sizes of what the file leaves open
 * they must agree as well. Undefined where neither the engine nor onnxruntime can run the model.
 * @throws UserError when it is more than rounding, a defect of ours; the network is kept beside its place.
 */
export async function agreement(
  {
    graph,
    smaller,
    channels,
    selection,
  }: { graph: Graph; smaller: Graph; channels: Channels; selection: Selection },
  options: AgreementOptions,
): Promise<number | undefined> {
  const masked = maskChannels(graph, channels, selection);
  const batch = batchOf(masked, options.inputShapes);
  const pair = { masked, smaller };
  const compare = hindranceOf(masked, batch) ? inRuntime : inEngine;
  const verdict = await compare(pair, batch, options);
  const what =
    verdict && !verdict.passes ? verdict.what : await differenceAtOtherSizes(masked, smaller, options);
  if (what === undefined) return verdict?.error;
  return keepUnchecked(
    options.path,
    smaller,
    `without its channels it computes something else than with them at zero: ${what}`,
  );
}

interface Pair {
  masked: Graph;
  smaller: Graph;
}

async function inEngine(
  { masked, smaller }: Pair,
  batch: BatchForm,
  { machine, samples }: AgreementOptions,
): Promise<Verdict> {
  const { macs, trials } = await countedTrials(masked, batch, samples);
  const [ours, other] = [smaller, masked].map((model) => engineAnswerer(model, { machine }));
  const valuesAt = (outputs: readonly string[]) => engineAnswerer(smaller, { machine, outputs });
  const compare = (noise?: Awaited<ReturnType<typeof measureRounding>>) =>
    verdictOf({ trials, ours, other, noise }, { graph: smaller, valuesAt });
  const first = await compare();
  return first.passes ? first : compare(await measureRounding(masked, { macs, trials, ways: [ours, other] }));
}

/** Both in onnxruntime. Undefined where it is not installed, or cannot run the one that still has its channels. */
async function inRuntime(
  { masked, smaller }: Pair,
  batch: BatchForm,
  { machine, samples }: AgreementOptions,
): Promise<Verdict | undefined> {
  const { trials } = await countedTrials(masked, batch, samples);
  const opened: Answerer[] = [];
  const open = async (model: Graph, optimized = true) => {
    const how = { graph: model, machine, optimized };
    const answerer = await onnxruntimeAnswerer(serializeModel(model), how);
    if (answerer) opened.push(answerer);
    return answerer;
  };
  try {
    const other = await runs(() => open(masked), trials);
    if (!other) return undefined;
    const ours = (await open(smaller))!;
    const first = await verdictOf({ trials, ours, other }, { graph: smaller });
    if (first.passes) return first;
    const noise = await noiseOfRuntime(trials, other, (await open(masked, false))!);
    return await verdictOf({ trials, ours, other, noise }, { graph: smaller });
  } catch (error) {
    const { refused } = refusedBy(error);
    return { passes: false, error: Number.NaN, allowed: 0, what: refused, ties: [] };
  } finally {
    for (const answerer of opened) await answerer.close();
  }
}

/** What onnxruntime opens, once it has run; undefined where it does not. */
async function runs(
  open: () => Promise<Answerer | undefined>,
  trials: readonly Trial[],
): Promise<Answerer | undefined> {
  try {
    const answerer = await open();
    for (const trial of trials) await answerer?.answer(trial);
    return answerer;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** Says which dimensions are not open any more. */
export function sayFixed(graph: Graph, smaller: Graph, { onNote }: Pick<RunOptions, 'onNote'>): void {
  const sentence = fixedSizes(graph, smaller);
  if (sentence) onNote?.(sentence);
}
