/** How a model is computed: its core graph, what was fused, where values live, and the steps of the program with their words. */
import { fail } from '../base/index.js';
import {
  asGpu,
  engineAsked,
  type GpuCost,
  gpuCost,
  H100,
  loadNetwork,
  type MachineChoice,
  openMachine,
} from '../engine/index.js';
import { type Buffer, type Layout, namedWords, type Place, type Word } from '../engine/lowering/index.js';
import { batchOf, type CoreNode, type Expression, formulaText } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { isForRuntime, programmed } from '../runtime/internal.js';
import { samplesPerRun } from './samples.js';
import { type ModelOptions, openModel } from './task.js';

/** Options of {@link explainModel}. */
export interface ExplainOptions extends MachineChoice, ModelOptions {
  /** The train step; default inference. */
  train?: boolean;
  /** Samples in a run; default 128 in training, 1 otherwise, which is the business of espalier/runtime but on a GPU. */
  batch?: number;
  /** Only what belongs to this node of the model. */
  layer?: string;
  /** Only this step, counted from 0. */
  step?: number;
}

/** The program that the engine runs for a model, from {@link explainModel}. */
export interface Explanation {
  /** The model as it was given. */
  model: string;
  /** Whether this is a training step or inference. */
  what: 'train step' | 'inference';
  /** What runs the program. */
  runtime: 'espalier' | 'espalier/runtime';
  /** The machine in words: 'native, AVX-512, 2 threads'. */
  machine: string;
  /** Samples in a run. */
  batch: number;
  /** On a GPU: what a run consists of, and how long it takes at least. */
  gpu?: GpuCost & { floors: GpuFloors };
  /** Core nodes in the order in which they are computed. */
  core: ExplainedNode[];
  /** What runs as one: passes of formulas that were fused, and single core nodes. */
  units: ExplainedUnit[];
  /** Buffers of values, and how the values lie in them. */
  places: ExplainedPlace[];
  /** Calls of kernels, in order. */
  steps: ExplainedStep[];
}

/** What a card of today takes at least, by its data sheet: for the products in float32 alone, and for reading and writing alone. */
export interface GpuFloors {
  card: string;
  arithmeticMs: number;
  memoryMs: number;
}

export interface ExplainedNode {
  index: number;
  op: string;
  /** Node of the model that it is a part of, or the gradient of one. */
  layer?: string;
  inputs: { name: string; shape: readonly number[] }[];
  outputs: { name: string; shape: readonly number[] }[];
  /** The formula of an element-wise operator, the settings of another. */
  says: string;
}

export interface ExplainedUnit {
  index: number;
  layers: string[];
  /** Numbers of the core nodes that are computed in it; one that is computed again stands in several. */
  core: number[];
  /** Values that it reads. */
  reads: string[];
  /** `y = …`, one for each result. */
  makes: string[];
}

export interface ExplainedPlace {
  value: string;
  buffer: string;
  /** 'lines' of sixteen samples, or 'floats' that all samples share. */
  unit: 'lines' | 'floats';
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
}

export interface ExplainedStep {
  index: number;
  kernel: string;
  makes?: string;
  layer?: string;
  items: number;
  /** Of several ways to the same values, which one. */
  way?: number;
  words: { name: string; kind: string; value: string }[];
}

/**
 * Lists the program that the engine runs for a model, step by step, and which nodes it comes from.
 * @throws UserError when the model cannot be read or compiled, or has no such layer or step.
 */
export async function explainModel(options: ExplainOptions): Promise<Explanation> {
  const { model, train = false } = options;
  const { graph, inputShapes } = await openModel(options);
  const batch = train
    ? (options.batch ?? 128)
    : samplesPerRun(batchOf(graph, inputShapes), options.batch ?? 1);
  // What a GPU would do is told without one.
  const forGpu = engineAsked(options.engine) === 'webgpu';
  const memory = await openMachine(forGpu ? { engine: 'wasm', threads: 1 } : machineOf(options));
  const machine = forGpu ? asGpu(memory) : memory;
  try {
    const alone = !train && batch === 1 && isForRuntime(machine);
    const loaded = { machine, inputShapes };
    const { type, layout } = alone ? programmed(graph, loaded) : inEngine(graph, loaded, train, batch);
    const all = explained(layout, type);
    const gpu = forGpu ? await gpuCost(graph, { memory, batch, train, inputShapes }) : undefined;
    return {
      ...{
        model,
        what: train ? 'train step' : 'inference',
        runtime: alone ? 'espalier/runtime' : 'espalier',
      },
      ...{ machine: machine.description, batch, gpu: gpu && { ...gpu, floors: floorsOf(gpu) } },
      ...chosen(all, options),
    };
  } finally {
    await memory.close();
  }
}

const machineOf = ({ engine, threads }: ExplainOptions): MachineChoice => ({ engine, threads });

const floorsOf = ({ flops, bytes }: GpuCost): GpuFloors => ({
  card: H100.name,
  arithmeticMs: (1000 * flops) / H100.flops,
  memoryMs: (1000 * bytes) / H100.bytes,
});

type TypeOf = (name: string) => { shape: readonly number[] };

function inEngine(
  graph: Graph,
  loaded: Parameters<typeof loadNetwork>[1],
  train: boolean,
  batch: number,
): { type: TypeOf; layout: Layout } {
  const network = loadNetwork(graph, loaded);
  const program = train ? network.training({ batch, optimizer: 'sgd' }) : network.inference({ batch });
  return program.compiled!;
}

type Sections = Pick<Explanation, 'core' | 'units' | 'places' | 'steps'>;

function explained({ nodes, units, places, steps, offsets }: Layout, type: TypeOf): Sections {
  const index = new Map(nodes.map((node, i) => [node, i]));
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const sized = (name: string) => ({ name, shape: type(name).shape });
  const nameOf = buffersByName(places, steps, offsets);
  return {
    core: nodes.map((node, i) => ({
      ...{ index: i, op: node.op, layer: node.layer, says: saysOf(node) },
      ...{ inputs: node.inputs.map(sized), outputs: node.outputs.map(sized) },
    })),
    units: units.map((unit, i) => {
      const results = 'pass' in unit ? unit.pass.results.map(({ output }) => output) : unit.node.outputs;
      const own = 'pass' in unit ? dissolvedIn(results, new Set(unit.pass.operands), makers) : [unit.node];
      const layers = new Set(own.flatMap(({ layer }) => layer ?? []));
      return {
        index: i,
        layers: [...layers],
        reads: [...('pass' in unit ? unit.pass.operands : unit.node.inputs)],
        core: own.flatMap((node) => index.get(node) ?? []).sort((a, b) => a - b),
        makes:
          'pass' in unit
            ? unit.pass.results.map((r) => resultText(r, unit.pass.operands))
            : [saidOf(unit.node)],
      };
    }),
    places: [...places].map(([value, place]) => placeOf(value, place, nameOf)),
    steps: steps.map(({ kernel, items, makes, way, words }, i) => ({
      ...{ index: i, kernel, items, makes, layer: makers.get(makes ?? '')?.layer, way: way?.way },
      words: namedWords({ kernel, words }).map(({ name, kind, word }) => ({
        name,
        kind,
        value: wordText(word, nameOf),
      })),
    })),
  };
}

/** The nodes whose formulas a pass computes: from its results back to its operands. */
function dissolvedIn(
  results: readonly string[],
  operands: ReadonlySet<string>,
  makers: ReadonlyMap<string, CoreNode>,
): CoreNode[] {
  const found = new Set<CoreNode>();
  const open = [...results];
  while (open.length > 0) {
    const name = open.pop()!;
    const maker = makers.get(name);
    if (!maker || found.has(maker) || (operands.has(name) && !results.includes(name))) continue;
    if (!results.includes(name) && maker.op !== 'elementwise') continue;
    found.add(maker);
    open.push(...maker.inputs);
  }
  return [...found];
}

const verbs = { store: '', sum: 'sum of ', max: 'maximum of ' };

function resultText(
  {
    expression,
    how,
    output,
    across,
  }: { expression: Expression; how: keyof typeof verbs; output: string; across: boolean },
  operands: readonly string[],
): string {
  return `${output} = ${verbs[how]}${formulaText(expression, operands)}${across ? ', over all samples' : ''}`;
}

const saidOf = (node: CoreNode): string =>
  `${node.outputs.join(', ')} = ${node.op}(${node.inputs.join(', ')})`;

/** Tables are not written out. */
function saysOf(node: CoreNode): string {
  if (node.op === 'elementwise')
    return formulaText((node as CoreNode<'elementwise'>).options.expression, node.inputs);
  const plain = (value: unknown): string => {
    if (ArrayBuffer.isView(value)) return `${(value as Int32Array).length} numbers`;
    if (Array.isArray(value)) return `[${value.join(', ')}]`;
    if (typeof value === 'object' && value !== null) return settingsText(value);
    return String(value);
  };
  const settingsText = (options: object): string =>
    Object.entries(options)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name} ${plain(value)}`)
      .join(', ');
  return settingsText(node.options);
}

/** A name for every buffer: after the first value that fills it, or a number. */
function buffersByName(
  places: Layout['places'],
  steps: Layout['steps'],
  offsets: Layout['offsets'],
): (buffer: Buffer) => string {
  const names = new Map<Buffer, string>();
  for (const { buffer } of places.values()) if (!names.has(buffer)) names.set(buffer, `b${names.size}`);
  for (const { words } of steps)
    for (const word of words)
      if (typeof word === 'object' && 'buffer' in word && !names.has(word.buffer))
        names.set(word.buffer, `${word.buffer.fixed === undefined ? 't' : 'c'}${names.size}`);
  return (buffer) => {
    const at = buffer.fixed === undefined ? offsets.get(buffer) : undefined;
    return `${names.get(buffer)}${at === undefined ? '' : `@${at}`}`;
  };
}

const placeOf = (
  value: string,
  { buffer, offset, shape, strides }: Place,
  nameOf: (b: Buffer) => string,
): ExplainedPlace => ({
  ...{ value, buffer: nameOf(buffer), unit: buffer.laned ? 'lines' : 'floats' },
  ...{ offset, shape, strides },
});

function wordText(word: Word, nameOf: (buffer: Buffer) => string): string {
  if (typeof word === 'number') return String(word);
  if ('float' in word) return String(word.float);
  return word.plus ? `${nameOf(word.buffer)} + ${word.plus}` : nameOf(word.buffer);
}

/** What is left by the filters. */
function chosen(all: Sections, { layer, step }: ExplainOptions): Sections {
  if (step !== undefined && !all.steps[step])
    fail(`The program has no step ${step}; its steps are 0 to ${all.steps.length - 1}.`);
  const one = step === undefined ? undefined : all.steps[step];
  if (layer === undefined && !one) return all;
  const known = new Set(all.core.map((node) => node.layer));
  if (layer !== undefined && !known.has(layer))
    fail(
      `The program has no step for a node '${layer}'; some of its nodes are: ${[...known].filter(Boolean).slice(0, 5).join(', ')}.`,
    );
  const units = all.units.filter((unit) => {
    const makes = unit.makes.some((text) => one?.makes !== undefined && text.startsWith(`${one.makes} `));
    return one ? makes : unit.layers.includes(layer!);
  });
  const inUnits = new Set(units.flatMap(({ core }) => core));
  const core = all.core.filter((node) => (one ? inUnits.has(node.index) : node.layer === layer));
  const values = new Set([
    ...core.flatMap(({ outputs }) => outputs.map(({ name }) => name)),
    ...units.flatMap(({ reads }) => reads),
  ]);
  return {
    core,
    units,
    places: all.places.filter(({ value }) => values.has(value)),
    steps: one ? [one] : all.steps.filter((own) => own.layer === layer),
  };
}
