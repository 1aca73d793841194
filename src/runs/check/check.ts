/**
 * Whether an exported file computes in onnxruntime what the engine computes.
 *
 * onnxruntime with all its optimisations is asked first. Where that differs by more than rounding, it is asked without them:
 * its integer kernels, say, are not what the file means. Where that differs too, how much rounding does to this model is measured
 * (see compare.ts).
 */
import { readFile } from 'node:fs/promises';
import { UserError } from '../../base/index.js';
import { batchOf, modelReach, partFor } from '../../graph/index.js';
import { type Graph, parseModel, serializeModel, widenedFile } from '../../onnx/index.js';
import { endsOf } from '../reach.js';
import { type Answers, firstSample, type Trial } from '../samples.js';
import { cannotCompute, checkAlone, hindranceOf, noiseOfRuntime } from './alone.js';
import { type Answerer, engineAnswerer, onnxruntimeAnswerer, referenceAnswerer } from './answers.js';
import { checkBehind } from './behind.js';
import {
  allowedFor,
  type Difference,
  differences,
  largerOf,
  type Noise,
  noiseOf,
  relative,
  roundingOf,
  smallerOf,
} from './compare.js';
import { decisionOf, explains } from './decisions.js';
import { isNarrowModel, usesBfloat16, usesDoubles } from './narrow.js';
import { checkerName } from './session.js';
import { countedTrials, trialsFor } from './trials.js';
import type { CheckOptions, Outcome } from './types.js';

/** How two ways to the answers compare, over all runs. */
export interface Verdict {
  passes: boolean;
  error: number;
  allowed: number;
  /** The first thing that is not allowed, in words. */
  what?: string;
  /** Whole numbers that differ, and may. */
  ties: string[];
}

/** Multiply-accumulates for which double precision is asked: some seconds. */
const MOST_REFERENCE_MACS = 3e8;

/**
 * Checks a file against the graph that was written to it. One of 16-bit floats is checked in the form of float32, as which the engine
 * computes it, and as it is for whether onnxruntime runs it. One of doubles that onnxruntime has no kernels for is checked in the form of float32.
 * @throws UserError when either cannot be run.
 */
export async function checkFile(path: string, graph: Graph, options: CheckOptions): Promise<Outcome> {
  if (graph.source.front) return checkBehind(path, graph, options, checkWide);
  const outcome = await checkWide(path, graph, options).catch((error) => {
    if (error instanceof UserError && usesDoubles(graph)) return checkInFloat32(path, options, error);
    throw error;
  });
  if (!isNarrowModel(graph) || !outcome.by || outcome.refused) return outcome;
  return { ...outcome, ...(await checkNarrow(path, graph, options)) };
}

/** A file that onnxruntime does not run as it is, in the form of float32. */
async function checkInFloat32(path: string, options: CheckOptions, why: UserError): Promise<Outcome> {
  const file = widenedFile(await readFile(path), { doubles: true });
  const outcome = await checkWide(file, await parseModel(file), options);
  return outcome.refused ? outcome : { ...outcome, note: onlyWide(why.message.replace(/\.$/, '')) };
}

const onlyWide = (why: string): string => `Only its float32 form was checked: ${why}.`;

/** Whether onnxruntime runs a file of 16-bit floats, and gives what the engine gives but for their rounding. */
async function checkNarrow(
  path: string,
  graph: Graph,
  { machine, inputShapes, samples }: CheckOptions,
): Promise<Pick<Outcome, 'note' | 'refused'>> {
  let theirs: Answerer | undefined;
  try {
    theirs = await onnxruntimeAnswerer(path, { graph, machine, optimized: true, asWritten: true });
    const batch = batchOf(graph, inputShapes);
    const [trial] = await trialsFor(graph, batch, { samples, macs: Number.POSITIVE_INFINITY });
    await theirs!.answer(trial);
    if (hindranceOf(graph, batch)) return {};
    const ours = engineAnswerer(graph, { machine });
    const valuesAt = (outputs: readonly string[]) => engineAnswerer(graph, { machine, outputs });
    const noise = new Map(graph.outputs.map(({ name }) => [name, Number.POSITIVE_INFINITY]));
    const verdict = await verdictOf({ trials: [trial], ours, other: theirs!, noise }, { graph, valuesAt });
    return verdict.passes ? {} : { refused: refusal(verdict) };
  } catch (error) {
    const { refused } = refusedBy(error);
    return usesBfloat16(graph) || usesDoubles(graph) ? { note: onlyWide(refused!) } : { refused };
  } finally {
    await theirs?.close();
  }
}

/** The file as a whole by onnxruntime alone and, as far as the engine can compute it, its part in both. */
async function checkParts(
  path: string | Uint8Array,
  graph: Graph,
  options: CheckOptions,
  hindrance: string,
): Promise<Outcome> {
  const whole = await checkAlone(path, graph, options, hindrance);
  if (!whole.by || whole.refused) return whole;
  const reach = modelReach(graph, {
    inputShapes: batchOf(graph, options.inputShapes).shapes,
    shapesOnly: true,
  });
  const ends = reach ? endsOf(reach) : [];
  if (ends.length === 0) return whole;
  const part = partFor(graph, ends);
  const { error, allowed, refused, note } = await checkWide(serializeModel(part), part, options);
  const compared = ends.map(({ name }) => name);
  const said = `onnxruntime runs it, and gives what the engine gives for ${compared.join(', ')}`;
  return {
    ...whole,
    error,
    compared,
    allowed,
    refused,
    note: note ?? `${cannotCompute(hindrance)}; ${said}.`,
  };
}

async function checkWide(path: string | Uint8Array, graph: Graph, options: CheckOptions): Promise<Outcome> {
  const { machine, inputShapes, samples } = options;
  const batch = batchOf(graph, inputShapes);
  const hindrance = hindranceOf(graph, batch);
  if (hindrance) return checkParts(path, graph, options, hindrance);
  const opened: Answerer[] = [];
  const open = async (optimized: boolean) => {
    const answerer = await onnxruntimeAnswerer(path, { graph, machine, optimized });
    if (answerer) opened.push(answerer);
    return answerer;
  };
  try {
    const theirs = await open(true);
    if (!theirs) return { samples: 0 };
    const { macs, trials } = await countedTrials(graph, batch, samples);
    const ours = engineAnswerer(graph, { machine });
    const count = trials.reduce((sum, trial) => sum + trial.count, 0);
    const checked = { by: await checkerName(), samples: count };
    const valuesAt = (outputs: readonly string[]) => engineAnswerer(graph, { machine, outputs });
    const compare = (other: Answerer, noise?: Noise) =>
      verdictOf({ trials, ours, other, noise }, { graph, valuesAt });
    const first = await compare(theirs);
    if (first.passes) return { ...checked, error: first.error, note: tieNote(first) };
    const plain = (await open(false))!;
    const second = await compare(plain);
    if (second.passes) return { ...checked, error: second.error, note: optimisedNote(first) };
    const noise = largerOf(
      await noiseOfRuntime(trials, theirs, plain),
      await measureRounding(graph, { macs, trials, ways: [ours, plain] }),
    );
    const [third, fourth] = [await compare(theirs, noise), await compare(plain, noise)];
    const best = [third, fourth].find(({ passes }) => passes);
    if (best) return { ...checked, error: best.error, allowed: best.allowed, note: noiseNote(best) };
    return { ...checked, error: fourth.error, allowed: fourth.allowed, refused: refusal(fourth) };
  } finally {
    for (const answerer of opened) await answerer.close();
  }
}

interface Compared {
  trials: readonly Trial[];
  ours: Answerer;
  other: Answerer;
  noise?: Noise;
}

/** The graph that answers, and a way to other values of it than its outputs, where there is one. */
interface Whence {
  graph: Graph;
  valuesAt?: (outputs: readonly string[]) => Answerer;
}

/** Compares two ways to the answers on every run. */
export async function verdictOf(
  { trials, ours, other, noise }: Compared,
  { graph, valuesAt }: Whence,
): Promise<Verdict> {
  const verdict: Verdict = { passes: true, error: 0, allowed: 0, ties: [] };
  for (const trial of trials) {
    const [one, two] = [await ours.answer(trial), await other.answer(trial)];
    const all = differences(one, two);
    const roughness = Math.max(0, ...all.map((each) => roundingOf(each, noise) / (each.scale || Infinity)));
    for (const each of all) {
      const { output, real, difference, scale } = each;
      const allowed = allowedFor(each, noise);
      if (real) {
        verdict.error = Math.max(verdict.error, relative(difference, scale));
        verdict.allowed = Math.max(verdict.allowed, relative(allowed, scale));
      }
      if (difference <= allowed) continue;
      const tie = real
        ? undefined
        : await tieAt(
            { each, one: one[output].data, other: two[output]?.data },
            { trial, graph, valuesAt, roughness },
          );
      if (tie) verdict.ties.push(tie);
      else {
        verdict.passes = false;
        verdict.what ??= inWords(each, allowed, one[output].data.length);
      }
    }
  }
  return verdict;
}

/** A sentence where nearly equal numbers explain whole ones that differ. */
async function tieAt(
  {
    each,
    one,
    other,
  }: {
    each: Difference;
    one: Parameters<typeof explains>[2]['one'];
    other?: Parameters<typeof explains>[2]['other'];
  },
  { trial, graph, valuesAt, roughness }: Whence & { trial: Trial; roughness: number },
): Promise<string | undefined> {
  if (!other || !valuesAt || one.length !== other.length) return undefined;
  const { output, unequal } = each;
  const decision = decisionOf(graph, output, trial);
  if (!decision) return undefined;
  const found = await valuesAt(decision.values).answer(trial);
  const values = decision.values.map((name) => found[name].data as ArrayLike<number>);
  const scale = Math.max(...values.flatMap((numbers) => largest(numbers)));
  const tolerance = Math.max(allowedFor({ ...each, scale }), roughness * scale);
  return explains(decision, unequal, { one, other, values, tolerance })
    ? `${unequal.length} of ${one.length} numbers of '${output}' differ where ${decision.op} chose between values that are equal to ${tolerance.toExponential(1)}`
    : undefined;
}

const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);

/**
 * What rounding alone does to a model: how far two ways to its answers are from double precision, as far as that is affordable. Of the two
 * the nearer one counts, since rounding does the same to both: where only one is far away, that one is wrong.
 */
export async function measureRounding(
  graph: Graph,
  { macs, trials, ways }: { macs: number; trials: readonly Trial[]; ways: readonly [Answerer, Answerer] },
): Promise<Noise> {
  const exact = referenceAnswerer(graph);
  const pairs: [Answers, Answers][][] = [[], []];
  let left = MOST_REFERENCE_MACS;
  for (const trial of trials) {
    const run = macs * trial.count > left ? firstSample(trial) : trial;
    left -= macs * run.count;
    if (left < 0) break;
    const expected = await exact.answer(run);
    for (const [i, way] of ways.entries()) pairs[i].push([await way.answer(run), expected]);
  }
  return smallerOf(noiseOf(pairs[0]), noiseOf(pairs[1]));
}

function inWords(
  { output, real, difference, scale, unequal }: Difference,
  allowed: number,
  size: number,
): string {
  if (!Number.isFinite(difference) && real)
    return `the answers of '${output}' are not as many, or not all numbers`;
  return real
    ? `the answers of '${output}' differ by ${difference.toExponential(1)}, where the largest is ${scale.toPrecision(3)} and ${allowed.toExponential(1)} is allowed`
    : `${unequal.length} of ${size} whole numbers of '${output}' differ`;
}

const refusal = ({ what }: Verdict): string =>
  `in onnxruntime it computes something else than in the engine: ${what}. Please report this with the model`;

const tieNote = ({ ties }: Verdict): string | undefined => (ties.length ? `${ties.join('; ')}.` : undefined);

const optimisedNote = ({ error, what }: Verdict): string =>
  `onnxruntime agrees without its optimisations; with them its own answers change${Number.isFinite(error) ? ` by ${error.toExponential(1)} of the largest` : ` (${what})`}.`;

const noiseNote = ({ error, allowed }: Verdict): string =>
  `The model amplifies rounding: onnxruntime and the engine differ by ${error.toExponential(1)} of the largest answer, where up to ${allowed.toExponential(1)} follows from what rounding alone was measured to do.`;

/** For a check that could not be carried out. */
export const refusedBy = (error: unknown): Outcome => {
  if (error instanceof UserError)
    return { samples: 0, error: Number.NaN, refused: error.message.replace(/\.$/, '') };
  throw error;
};
