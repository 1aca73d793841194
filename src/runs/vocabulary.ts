/** A language model with the tokens that are used, and no others. */
import { readFile, rm } from 'node:fs/promises';
import { fail, reason, writeAtomically } from '../base/index.js';
import { findVocabulary, keepTokens, type Vocabulary } from '../channels/index.js';
import { loadNetwork, type Machine, type MachineChoice, openMachine } from '../engine/index.js';
import { batchOf } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { type Bytes, bytesOfModel, exportModel } from './export.js';
import { placeOf } from './pack.js';
import { randomSamples } from './samples.js';
import type { Values, vocabularySettings } from './settings.js';
import { type ModelOptions, openModel } from './task.js';

/** Options of {@link keepVocabulary}. */
export interface VocabularyOptions extends MachineChoice, ModelOptions, Values<typeof vocabularySettings> {
  /** Where the model goes; default beside the given one, under its name and `-tokens.onnx`. */
  out?: string;
}

/** The result of {@link keepVocabulary}. */
export interface KeptVocabulary {
  /** The model as it was given. */
  model: string;
  /** Path of the smaller model. */
  file: string;
  /** Path of the new ids, by the old ones in decimal. */
  ids: string;
  /** The table whose rows are tokens. */
  table: string;
  /** The input that holds ids. */
  input: string;
  /** Other weights with an axis of tokens. */
  tied: string[];
  /** How many tokens there were. */
  before: number;
  /** How many there are. */
  after: number;
  /** Sizes of both files. */
  bytes: { before: Bytes; after: Bytes };
  /**
   * The largest difference of an answer to that of the whole model for the same tokens, relative to the largest answer; absent where there was nothing that can be
   * compared.
   */
  error?: number;
}

/** Beyond this difference something else was changed than the numbers of tokens. */
const TOLERANCE = 1e-4;

/**
 * Writes a model without the tokens that a file does not name, and beside it the new id of every old one.
 * @throws UserError where the file or the model cannot be read, tokens cannot go from the model, or the smaller model answers otherwise.
 */
export async function keepVocabulary(options: VocabularyOptions): Promise<KeptVocabulary> {
  const { model, tokens, embedding, engine, threads } = options;
  if (tokens === undefined)
    return fail('The tokens to keep are missing: give --tokens with a file of ids, one per line.');
  const file = options.out ?? `${model.replace(/\.(onnx|espk)$/i, '')}-tokens.onnx`;
  const ids = file.replace(/(\.onnx)?$/, '.ids.json');
  if ((await placeOf(file)) === (await placeOf(model)))
    fail(`The smaller model would overwrite ${model}: give another name with --out.`);
  const { graph, inputShapes } = await openModel(options);
  const vocabulary = findVocabulary(graph, embedding);
  const kept = await readIds(tokens);
  const smaller = keepTokens(graph, vocabulary, kept);
  const machine = await openMachine({ engine, threads });
  try {
    const error = await difference({ graph, smaller, vocabulary, kept }, { machine, inputShapes });
    if (error !== undefined && !(error <= TOLERANCE))
      fail(
        `${model} gives other answers without these tokens (they differ by ${error.toPrecision(2)} of the largest one), so nothing was written; please report this with the model.`,
      );
    const how = { machine, inputShapes, samples: randomSamples, original: graph };
    await writeAtomically(ids, `${JSON.stringify(Object.fromEntries(kept.map((id, i) => [id, i])))}\n`);
    const exported = await exportModel(file, smaller, how).catch(async (error) => {
      await rm(ids, { force: true });
      throw error;
    });
    const { table, input, axes, size } = vocabulary;
    return {
      ...{ model, file, ids, table, input, error },
      tied: [...axes.keys()].filter((name) => name !== table),
      ...{ before: size, after: kept.length },
      bytes: { before: await bytesOfModel(graph), after: exported.bytes },
    };
  } finally {
    await machine.close();
  }
}

/**
 * The ids in a file: a list in JSON, or one on each line; ascending, each once.
 * @throws UserError where it holds anything else.
 */
export async function readIds(path: string): Promise<number[]> {
  const text = await readFile(path, 'utf8').catch((error) => fail(`Cannot read ${path}: ${reason(error)}.`));
  const words = text.trimStart().startsWith('[')
    ? listIn(text, path)
    : text.split('\n').flatMap((line) => line.trim() || []);
  const ids = words.map(Number);
  const wrong = ids.findIndex((id) => !(Number.isInteger(id) && id >= 0));
  if (wrong >= 0)
    fail(
      `${path} holds ${JSON.stringify(words[wrong])}, which is not an id: write one whole number per line, or a JSON list.`,
    );
  return [...new Set(ids)].sort((a, b) => a - b);
}

function listIn(text: string, path: string): unknown[] {
  try {
    return JSON.parse(text);
  } catch {
    return fail(`${path} begins like a JSON list, but is not one: write [1, 2, 3], or one id per line.`);
  }
}

interface Pair {
  graph: Graph;
  smaller: Graph;
  vocabulary: Vocabulary;
  kept: readonly number[];
}

/** How far the answers for the same tokens are apart; undefined where the engine cannot run the model, or nothing can be compared. */
async function difference(
  { graph, smaller, vocabulary, kept }: Pair,
  { machine, inputShapes }: { machine: Machine; inputShapes: Record<string, number[]> },
): Promise<number | undefined> {
  const { input, values, shared } = vocabulary;
  const names = graph.outputs.map(({ name }) => name).filter((name) => !shared.has(name));
  const batch = batchOf(graph, inputShapes);
  const { inputs } = await randomSamples(graph, batch, 1);
  const fresh = Float32Array.from(inputs[input], (_, i) => (7 * i + 3) % kept.length);
  const old = fresh.map((id) => kept[id]);
  const answers = (model: Graph, ids: Float32Array) =>
    answered(model, { ...inputs, [input]: ids }, { machine, inputShapes });
  const was = await answers(graph, old);
  const is = await answers(smaller, fresh);
  if (!was || !is) return undefined;
  let [largest, most] = [0, 0];
  for (const name of names) {
    const expected = values.has(name) ? columnsOf(was[name], vocabulary.size, kept) : was[name];
    if (expected.length !== is[name].length) continue;
    for (const [i, x] of expected.entries()) {
      largest = Math.max(largest, Math.abs(x));
      most = Math.max(most, Math.abs(x - is[name][i]));
    }
  }
  return largest > 0 ? most / largest : undefined;
}

/** Of rows of V numbers those of the tokens that are kept. */
const columnsOf = (data: Float32Array, size: number, kept: readonly number[]): Float32Array =>
  Float32Array.from(
    { length: (data.length / size) * kept.length },
    (_, i) => data[Math.floor(i / kept.length) * size + kept[i % kept.length]],
  );

async function answered(
  graph: Graph,
  inputs: Record<string, Float32Array>,
  { machine, inputShapes }: { machine: Machine; inputShapes: Record<string, number[]> },
): Promise<Record<string, Float32Array> | undefined> {
  const network = loadNetwork(graph, { machine, inputShapes });
  try {
    return { ...(await network.inference({ batch: 1 }).run(inputs, 1)) };
  } finally {
    network.close();
  }
}
