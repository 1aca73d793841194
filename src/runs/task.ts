/** A model and data that fit each other: the network of the zoo made for the data, or the data brought to a model's inputs. */
import { existsSync } from 'node:fs';
import { fail, nearest, own, UserError } from '../base/index.js';
import {
  cardOf,
  channelsLast,
  type Dataset,
  imagesOf,
  modelShape,
  type OpenOptions,
  openDataset,
  takesChannelsLast,
} from '../data/index.js';
import { loadNetwork, type Machine, type Network } from '../engine/index.js';
import { batchOf, behindFront, decideBranches } from '../graph/index.js';
import { buildNetwork, zoo } from '../nn/index.js';
import type { Objective } from '../objectives/index.js';
import { type Graph, isFloat, type Value } from '../onnx/index.js';
import { readLocal } from '../runtime/internal.js';
import { withChannels } from './channels.js';
import { withFixed } from './fixed.js';
import { isBehind, isShaped, refuseForFront, tellFront } from './front.js';
import { checkIndices } from './indices.js';
import { targetsToLearn } from './learn.js';
import { isPath } from './paths.js';
import { type Pictures, type Prepared, preparePictures, withClassesOf } from './pictures.js';
import { RANDOM_DATA, randomDataset } from './random-data.js';
import type { dataSettings, modelSettings, Values } from './settings.js';

export type TaskOptions = Values<typeof dataSettings> &
  Values<typeof modelSettings> & {
    /** Path of a model, or the name of a network of the zoo. */
    model: string;
    /** As after `--data`: `digits`, `cifar10:DIR`, `images:DIR`, `npz:FILE`. */
    data: string;
    /** Seed of the weights of a zoo network. Defaults to 0. */
    seed?: number;
    /** Is told how many pictures of a folder have been looked at. */
    onPictures?: (done: number, all: number) => void;
  };

/** A model by itself. */
export interface ModelTask {
  graph: Graph;
  /** Shapes of inputs where the file leaves them open, for {@link loadNetwork}. */
  inputShapes: Record<string, number[]>;
}

export interface Task extends ModelTask {
  dataset: Dataset;
  /** How pictures are prepared; absent where the data are none. */
  pictures?: Pictures;
  /** Sentences on what data, model and settings say differently. */
  notes?: readonly string[];
}

/** With what its models are trained and compared by; see {@link withObjective}. */
export interface AimedTask extends Task {
  objective: Objective;
}

/** Whether a task has data, and so an objective. */
export const hasData = (task: ModelTask): task is AimedTask => 'dataset' in task;

/**
 * Opens a model and its data. `graph` stands in for the model where it has been read already.
 * @throws UserError when either is missing or unsound, or they do not fit.
 */
export async function openTask(options: TaskOptions, graph?: Graph): Promise<Task> {
  if (graph || isPath(options.model))
    return fitModel(withFixed(graph ?? (await readLocal(options.model)), options.fix), options);
  if (options.data === RANDOM_DATA)
    fail('--data random distils a model that is already trained: give an .onnx file.');
  const raw = await openData(options, {});
  if (!imagesOf(raw.train))
    fail(
      `The networks of the zoo are for images, but the samples of ${options.data} are [N, ${raw.shape.join(', ')}]; give an .onnx file.`,
    );
  if (raw.classes.length === 0 && options.classes === undefined)
    fail(
      `The pictures of ${options.data} have no labels, so a network of the zoo would have no outputs; give --classes, a folder for each class, or an .onnx file.`,
    );
  const prepared = preparePictures(raw, {}, options);
  return { graph: buildZoo(options, raw.shape, raw.classes.length), ...prepared, inputShapes: {} };
}

/** The options of a model without data. */
export type ModelOptions = Values<typeof modelSettings> & {
  /** Path of a model, or the name of a network of the zoo. */
  model: string;
  /** Seed of the weights of a zoo network. Defaults to 0. */
  seed?: number;
};

/** Opens a model without data, or takes the graph that was `read` already; one of the zoo is made for `inputShape` and `classes`, or for CIFAR-10. */
export async function openModel(options: ModelOptions, read?: Graph): Promise<ModelTask> {
  const graph = withFixed(read ?? (await openGraph(options)), options.fix);
  if (!isPath(options.model)) return { graph, inputShapes: {} };
  const given = options.inputShape ? inputShapesOf(graph, options.inputShape) : {};
  const inputShapes = shapesOfSample(graph, withSymbols(graph, given));
  return { graph: await decideBranches(graph, inputShapes), inputShapes };
}

/**
 * The model of a run without data, from where it can be computed: behind an operator that is not known and stands at its beginning, where it is
 * known in which shape that gives its results.
 */
export async function openStart(
  options: ModelOptions,
  read?: Graph,
): Promise<ModelTask & { notes?: readonly string[] }> {
  const whole = withFixed(read ?? (await openGraph(options)), options.fix);
  const behind = behindFront(whole);
  if (!behind) return openModel(options, whole);
  const { graph, made } = behind;
  const all = {
    ...graph,
    inputs: [...whole.inputs.filter((input) => !graph.inputs.includes(input)), ...graph.inputs],
  };
  const given = options.inputShape ? inputShapesOf(all, options.inputShape) : {};
  if (!isShaped(graph.inputs, given)) {
    const names = made.map(({ name }) => name).join(', ');
    const note = `The shape of ${names}, which an operator makes that espalier does not know, is not declared, so no channels behind it can be found; give it, as in --input-shape ${made[0].name}=1,3,224,224.`;
    const inner = Object.keys(given).some((name) => !whole.inputs.some((input) => input.name === name));
    return {
      ...(await openModel(inner ? { ...options, inputShape: undefined } : options, whole)),
      notes: [note],
    };
  }
  const inputShapes = Object.fromEntries(
    graph.inputs.flatMap(({ name }) => (own(given, name) ? [[name, given[name]]] : [])),
  );
  return { graph: await decideBranches(graph, inputShapes), inputShapes, notes: [tellFront(behind)] };
}

/** The graph of a model, for what looks at no shapes; see {@link openModel}. */
export const openGraph = async (options: ModelOptions): Promise<Graph> =>
  isPath(options.model) ? readLocal(options.model) : buildZoo(options, [3, 32, 32], 10);

/**
 * What is given, and the shapes of other inputs that follow from it: those whose open dimensions have the names of dimensions that are given,
 * or that of a first axis, which counts samples.
 */
function withSymbols(graph: Graph, given: Record<string, number[]>): Record<string, number[]> {
  const sizes = new Map<unknown, number>();
  for (const { shape } of graph.inputs) if (typeof shape?.[0] === 'string') sizes.set(shape[0], 1);
  for (const { name, shape } of graph.inputs)
    own(given, name)?.forEach((size, axis) => {
      if (typeof shape?.[axis] === 'string') sizes.set(shape[axis], size);
    });
  const following = graph.inputs.flatMap(({ name, shape }) => {
    const open = shape?.some((dim, axis) => axis > 0 && typeof dim === 'string') ?? false;
    const known = shape?.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : sizes.get(dim)));
    const whole = known?.every((dim) => dim !== undefined);
    return open && whole && !own(given, name) ? [[name, known as number[]] as const] : [];
  });
  return { ...given, ...Object.fromEntries(following) };
}

/** What is given, and where the file fixes the number of samples, the shapes of a single one: all figures are for that. */
function shapesOfSample(graph: Graph, given: Record<string, number[]>): Record<string, number[]> {
  if (!graph.inputs.some(({ shape }) => typeof shape?.[0] === 'number' && shape[0] > 1)) return given;
  const { kind, shapes } = batchOf(graph, given);
  return kind === 'fixed' ? shapes : given;
}

function buildZoo(options: ModelOptions, shape: readonly number[], classes: number): Graph {
  const { model, width, shortcut, stem, seed = 0, inputShape } = options;
  if (!Object.hasOwn(zoo, model)) {
    if (existsSync(model)) fail(`${model} is no model: there is no model.onnx of a run in this folder.`);
    const names = Object.keys(zoo);
    const guess = nearest(model, names);
    fail(
      `There is no network ${JSON.stringify(model)} in the zoo${guess ? ` (did you mean ${guess}?)` : ''}; choose one of ${names.join(', ')}, or give the path of an .onnx file or a packed one.`,
    );
  }
  const image = (inputShape ? inputShape.split(',').map(Number) : shape) as [number, number, number];
  return buildNetwork(model, {
    shape: [...image],
    classes: options.classes ?? classes,
    seed,
    width,
    shortcut,
    stem,
  });
}

/** Normalisation comes later: the model has a say in it. */
const openData = (
  { data, size, resize, skipBroken, learn, onPictures }: TaskOptions,
  how: OpenOptions,
): Promise<Dataset> =>
  openDataset(data, {
    ...{ size, resize, skipBroken, targets: targetsToLearn(learn) },
    ...{ classMaps: learn === 'dense', onProgress: onPictures },
    ...how,
  });

/** Opens the data for a model, or for what comes behind an operator that is not known and stands at its beginning. */
async function fitModel(graph: Graph, options: TaskOptions): Promise<Task> {
  const behind = behindFront(graph);
  if (!behind) return fitData(graph, options);
  refuseForFront(options.data, behind);
  const task = await fitData(behind.graph, options).catch((error) => {
    if (error instanceof UserError) fail(`${tellFront(behind)} ${error.message}`);
    throw error;
  });
  return { ...task, notes: [tellFront(behind), ...(task.notes ?? [])] };
}

/** Opens the data as a model's inputs take them. */
async function fitData(graph: Graph, options: TaskOptions): Promise<Task> {
  const inputs = inputsOf(graph, options.inputShape);
  const [{ dtype, shape }, ...others] = inputs;
  const pictures = isFloat(dtype) && (shape ?? [0, 0, 0, 0]).length === 4;
  const inside = isBehind(graph);
  const images = others.length === 0 && pictures && !inside;
  const prepared = await (options.data === RANDOM_DATA
    ? { dataset: randomDataset(graph, inputs), pictures: undefined, notes: [] }
    : images
      ? fitImages(graph, inputs[0], options)
      : fitArrays(graph, inputs, options));
  const { arrays } = prepared.dataset.train;
  const shapes = inputs.map((input, i) => {
    const own = modelShape(arrays[i]);
    return [input.name, isWhole(input, own) ? own : [1, ...own]];
  });
  const inputShapes = Object.fromEntries(shapes);
  const decided = await decideBranches(graph, inputShapes);
  const { dataset, notes } = withClassesOf(decided, inputShapes, prepared.dataset);
  return {
    ...{ graph: decided, inputShapes, dataset, pictures: prepared.pictures },
    notes: [...prepared.notes, ...notes],
  };
}

/** Whether a sample is all that an input takes in a run, so that no axis of it counts samples. */
const isWhole = ({ shape }: Value, sample: readonly number[]): boolean =>
  shape !== undefined && shape.length === sample.length;

/** A model's inputs, with the shapes that `given` says. @throws UserError when there are none. */
function inputsOf(graph: Graph, given: string | undefined): Value[] {
  if (graph.inputs.length === 0) fail('The model has no input to give data to; use another model.');
  const shapes = given ? inputShapesOf(graph, given) : {};
  return graph.inputs.map((input) => ({ ...input, shape: own(shapes, input.name) ?? input.shape }));
}

/** Opens images at the size, with the channels and in the order that a model's input has. */
async function fitImages(graph: Graph, input: Value, options: TaskOptions): Promise<Prepared> {
  const [, ...dims] = (input.shape ?? []).map((dim) => (typeof dim === 'number' ? dim : undefined));
  const card = cardOf(graph);
  const last = takesChannelsLast(graph, input, card);
  const [channels, height, width] = last ? [dims[2], dims[0], dims[1]] : dims;
  const resizes = options.data.startsWith('images:') || options.resize !== undefined;
  const wanted = height && width ? ([height, width] as const) : card.size;
  const raw = await openData(options, {
    size: options.size ?? (resizes ? wanted : undefined),
    resize: options.resize ?? card.resize,
    inputs: [input],
    channelsLast: last,
  });
  const [, dataHeight, dataWidth] = raw.shape;
  if ((height ?? dataHeight) !== dataHeight || (width ?? dataWidth) !== dataWidth) {
    const flag = height === width ? `--size ${height}` : '--resize crop';
    const advice = options.size ? 'leave --size out' : `resize them with ${flag}`;
    fail(
      `The model expects images of ${height} × ${width} but those of ${options.data} have ${dataHeight} × ${dataWidth}; ${advice}, or use another model.`,
    );
  }
  const fitting = withChannels(raw, channels ?? raw.shape[0], options.data);
  return preparePictures(last ? channelsLast(fitting) : fitting, card, options);
}

/** Opens an array for each of a model's inputs, of its shape where the file says one. */
async function fitArrays(graph: Graph, inputs: readonly Value[], options: TaskOptions): Promise<Prepared> {
  const { data } = options;
  const names = inputs.map(({ name }) => name).join(', ');
  if (!data.startsWith('npz:')) {
    const [{ name, dtype, shape }] = inputs;
    const what =
      inputs.length > 1
        ? `The model has ${inputs.length} inputs (${names}), but a classifier of images has one`
        : `The model's input ${name} is ${dtype} ${described(shape)}, but images are float32 [N, channels, height, width]`;
    fail(`${what}; give its data as npz:FILE, with an array for each input.`);
  }
  const flag = (['normalize', 'size', 'resize', 'colors'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (flag)
    fail(
      `--${flag} is for images, but ${names} of the model takes other data; leave it out and prepare the numbers in the file.`,
    );
  const dataset = await openData(options, { inputs, named: isBehind(graph) });
  for (const [i, input] of inputs.entries()) {
    const { name, shape } = input;
    const { shape: own } = dataset.train.arrays[i];
    const before = isWhole(input, own) ? 0 : 1;
    const fits = (dim: number, axis: number) =>
      typeof shape?.[axis + before] !== 'number' || shape[axis + before] === dim;
    if (shape && (shape.length !== own.length + before || !own.every(fits)))
      fail(
        `The model's input ${name} is ${described(shape)} but the samples of ${data} are [N, ${own.join(', ')}]; prepare them in that shape, or use another model.`,
      );
  }
  checkIndices(graph, dataset);
  return { dataset, notes: [] };
}

const described = (shape: Value['shape']): string =>
  shape ? `[${shape.map((dim) => dim ?? '?').join(', ')}]` : 'of unknown rank';

/**
 * Shapes of inputs, batch first, from 'C,H,W' or 'N,C,H,W' for the only input, or 'NAME=N,C,H,W' for each, with spaces between.
 * @throws UserError when it is anything else, or the file says otherwise.
 */
export function inputShapesOf(graph: Graph, text: string): Record<string, number[]> {
  const names = graph.inputs.map(({ name }) => name);
  return Object.fromEntries(
    text
      .trim()
      .split(/\s+/)
      .map((part) => {
        const equals = part.lastIndexOf('=');
        const dims = part
          .slice(equals + 1)
          .split(',')
          .map(Number);
        if (!dims.every((dim) => Number.isSafeInteger(dim) && dim > 0) || (equals < 0 && names.length !== 1))
          fail(
            `Cannot read the input shape ${JSON.stringify(part)}; write C,H,W for a model with one input, or NAME=N,C,H,W for each of ${names.join(', ')}.`,
          );
        const name = equals < 0 ? names[0] : part.slice(0, equals);
        const whole = equals >= 0 || dims.length === graph.inputs[0].shape?.length;
        const shape = whole ? dims : [1, ...dims];
        checkShape(graph, name, shape);
        return [name, shape];
      }),
  );
}

function checkShape(graph: Graph, name: string, shape: readonly number[]): void {
  const input = graph.inputs.find((candidate) => candidate.name === name);
  if (!input) {
    const names = graph.inputs.map((candidate) => candidate.name);
    fail(`The model has no input ${JSON.stringify(name)} to give a shape to; it has ${names.join(', ')}.`);
  }
  const { shape: declared } = input;
  const fits = (dim: number, axis: number) =>
    typeof declared?.[axis] !== 'number' || axis === 0 || declared[axis] === dim;
  if (declared && (declared.length !== shape.length || !shape.every(fits)))
    fail(
      `The model's input ${name} is declared as ${described(declared)}, which [${shape.join(', ')}] does not fit; correct --input-shape.`,
    );
}

/**
 * Loads a graph as the network of a task.
 * @throws UserError when its outputs are not the data's classes; see {@link checkOutputs}.
 */
export function loadTask(task: Task & Partial<AimedTask>, graph: Graph, machine: Machine): Network {
  const network = loadNetwork(graph, { machine, inputShapes: task.inputShapes });
  try {
    checkOutputs(task, network);
  } catch (error) {
    network.close();
    throw error;
  }
  return network;
}

/** @throws UserError when a network's outputs are not the data's classes. Where those are numbers, samples may lack some of them. */
export function checkOutputs({ dataset, objective }: Task & Partial<AimedTask>, network: Network): void {
  if (objective && !objective.labelled) return;
  const inference = network.inference({ batch: 1, outputs: objective?.reads(network.graph) });
  const [[name, shape]] = inference.outputs;
  inference.close();
  const outputs = shape.reduce((size, dim) => size * dim, 1);
  const { classes, numbered } = dataset;
  if (numbered ? outputs >= classes.length : outputs === classes.length) return;
  const known = classes.length > 12 ? `${classes.slice(0, 12).join(', ')}, …` : classes.join(', ');
  fail(
    `The model has ${outputs} outputs (${name}) but the data has ${classes.length} classes (${known}); use a model with ${classes.length} outputs.`,
  );
}
