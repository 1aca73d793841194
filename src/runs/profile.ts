/** Where the time of a model goes, by kernel and by layer: in training, in the engine, and in `espalier/runtime`. */
import { integer, random } from '../base/index.js';
import {
  engineAsked,
  type Inputs,
  loadNetwork,
  type Machine,
  type MachineChoice,
  type Network,
  openMachine,
  type StepTime,
} from '../engine/index.js';
import { batchOf, nameOf, openQuantized, summarize } from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { programmed } from '../runtime/internal.js';
import { layersOf } from '../sparsity/index.js';
import { withWeights } from '../train/index.js';
import { measure } from './measure.js';
import { limitsOf } from './profile-limits.js';
import {
  bestOf,
  type LayerCost,
  type Limits,
  type ProfiledStep,
  type ProfileRow,
  rowsBy,
  withMacs,
} from './profile-rows.js';
import { watched } from './profile-runtime.js';
import { randomSamples, samplesPerRun } from './samples.js';
import { type ModelOptions, openModel } from './task.js';

export type { Limits, ProfileRow };

/** Options of {@link profileModel}. */
export interface ProfileOptions extends MachineChoice, ModelOptions {
  /** The train step; default inference. */
  train?: boolean;
  /** Samples in a run; default 128 in training, 1 otherwise, which is the business of espalier/runtime. */
  batch?: number;
  /** Timed runs; default 20. */
  runs?: number;
  /** First sets this part of every prunable weight, the smallest, to zero. */
  sparsity?: number;
  /** Stops the measurement; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each run, with the number done and of all. */
  onProgress?: (done: number, runs: number) => void;
}

/** The result of {@link profileModel}. */
export interface Profile {
  /** The model as it was given. */
  model: string;
  /** Whether a training step or inference was profiled. */
  what: 'train step' | 'inference';
  /** What ran the model. */
  runtime: 'espalier' | 'espalier/runtime';
  /** 'native, AVX-512, 2 threads' */
  machine: string;
  /** Number of threads. */
  threads: number;
  /** Samples in a run. */
  batch: number;
  /** Number of timed runs. */
  runs: number;
  /** Fraction of the prunable weights that are zero. */
  sparsity: number;
  /** Milliseconds of a run, the mean. */
  ms: number;
  /** Kernels, then 'waiting' at barriers (one thread: 'between steps'), 'update' in training, and 'between programs'; none where a GPU tells no times. */
  kernels: ProfileRow[];
  /** Nodes of the model; what was fused counts for the last of them. */
  layers: ProfileRow[];
  /** The best that was measured on this machine: 10⁹ multiply-accumulate operations per second, and GB per second; absent where a GPU tells no times. */
  limits?: Limits;
}

/** In which the engine tries out which kernels are faster; on a GPU it has no choice. */
const WARM_UP = 12;
const WARM_UP_APART = 2;

/**
 * Measures where the time of inference, or of a training step, goes, by kernel and by layer.
 * @throws UserError when the model cannot be read, run or trained; the signal's reason when it stops.
 */
export async function profileModel(options: ProfileOptions): Promise<Profile> {
  const { model, train = false, runs = 20, sparsity } = options;
  const opened = await openModel(options);
  const { inputShapes } = opened;
  const graph = sparsity === undefined ? opened.graph : thinned(opened.graph, sparsity);
  const batch = train
    ? (options.batch ?? 128)
    : samplesPerRun(batchOf(graph, inputShapes), options.batch ?? 1);
  const subject: Subject = { graph, inputShapes, costs: costsOf(graph, inputShapes), batch, runs };
  const alone = !train && batch === 1 && engineAsked(options.engine) !== 'webgpu';
  const what = train ? ('train step' as const) : ('inference' as const);
  const measured = await (alone ? inRuntime : inEngine)(subject, options);
  const { steps, ms, beside, machine, threads } = measured;
  const limits = measured.limits && bestOf(measured.limits, steps);
  const accounted = steps.reduce((sum, step) => sum + step.ms, 0);
  const between = ms - accounted - beside.reduce((sum, [, own]) => sum + own, 0);
  const others = [...beside, ['between programs', Math.max(0, between)] as const].map(
    ([name, own]): ProfileRow => ({ name, ms: own, backward: 0, share: own / ms, macs: 0 }),
  );
  const ops = new Map(subject.costs.map(({ name, op }) => [name, op]));
  return {
    ...{ model, what, runtime: alone ? 'espalier/runtime' : 'espalier', machine, threads, batch, runs, ms },
    sparsity: measure(graph, inputShapes).sparsity,
    kernels: limits ? [...rowsBy('kernel', steps, ms, limits), ...others] : [],
    layers: limits ? rowsBy('layer', steps, ms, limits, ops) : [],
    limits,
  };
}

interface Subject {
  graph: Graph;
  inputShapes: Record<string, number[]>;
  costs: LayerCost[];
  batch: number;
  runs: number;
}

interface Measured {
  machine: string;
  threads: number;
  steps: ProfiledStep[];
  ms: number;
  /** What else a run consists of, and its milliseconds. */
  beside: (readonly [name: string, ms: number])[];
  limits?: Limits;
}

/** A GPU that takes the times of its steps is slower by that: there a run is timed without, and its steps apart. */
async function inEngine(subject: Subject, options: ProfileOptions): Promise<Measured> {
  const { engine, threads } = options;
  const on = async <T>(timed: boolean, work: (machine: Machine) => Promise<T>): Promise<T> => {
    const machine = await openMachine({ engine, threads, timed });
    try {
      return await work(machine);
    } finally {
      await machine.close();
    }
  };
  const { clocked, ...whole } = await on(false, async (machine) => ({
    ...(await accountIn(machine, subject, options)),
    clocked: machine.clocked,
  }));
  if (clocked) return whole;
  const timed = await on(true, (machine) =>
    accountIn(machine, subject, { ...options, onProgress: undefined }),
  );
  return { ...timed, ms: whole.ms, beside: [...timed.beside.slice(0, 1), ...whole.beside.slice(1)] };
}

/** What a run consists of, and how long that takes as far as the machine tells. */
async function accountIn(machine: Machine, subject: Subject, options: ProfileOptions): Promise<Measured> {
  const { graph, inputShapes, batch, costs, runs } = subject;
  const limits = machine.clocked ? await limitsOf(machine) : undefined;
  const network = loadNetwork(graph, { machine, inputShapes });
  try {
    const { inputs } = await randomSamples(graph, network.batch, batch);
    const { program, run, updated } = options.train
      ? trainingOf(network, inputs, batch)
      : inferenceOf(network, inputs, batch);
    await repeat(run, machine.apart ? WARM_UP_APART : WARM_UP, options.signal);
    const before = program.steps().map(({ time }) => time);
    const waited = program.profile().get('wait')!;
    const begun = updated();
    const ms = await repeat(run, runs, options.signal, options.onProgress);
    const perRun = (time: number) => time / 1e6 / machine.threads / runs;
    const raw = program.steps().map((step, i) => ({ ...step, ms: perRun(step.time - before[i]) }));
    const steps = withMacs(raw, new Map(costs.map((cost) => [cost.name, cost])), batch);
    const waiting = [idle(machine), perRun(program.profile().get('wait')! - waited)] as const;
    const update = ['update', (updated() - begun) / runs] as const;
    return {
      ...{ machine: machine.description, threads: machine.threads, steps, ms, limits },
      beside: options.train ? [waiting, update] : [waiting],
    };
  } finally {
    network.close();
  }
}

/** What runs again and again, and the milliseconds that its updates have taken so far. */
interface Subjected {
  program: { steps(): readonly StepTime[]; profile(): ReadonlyMap<string, number> };
  run(): Promise<unknown>;
  updated(): number;
}

function trainingOf(network: Network, inputs: Inputs, batch: number): Subjected {
  const training = network.training({ batch, optimizer: 'sgd' });
  maskZeros(network, training.slots);
  training.push(['mask']);
  const labels = randomLabels(network, batch);
  const [smallest] = [...network.parameters.values()].sort((a, b) => a.weight.length - b.weight.length);
  let step = 0;
  let update = 0;
  return {
    program: training,
    updated: () => update,
    async run() {
      await training.gradients(inputs, labels, batch, step++, { dense: false });
      const begun = performance.now();
      await training.update({ learningRate: 1e-4, momentum: 0.9, weightDecay: 5e-4 });
      // A machine that is apart may only have taken it on.
      await network.pull([smallest.name]);
      update += performance.now() - begun;
    },
  };
}

function inferenceOf(network: Network, inputs: Inputs, batch: number): Subjected {
  const inference = network.inference({ batch });
  return { program: inference, run: () => inference.run(inputs, batch), updated: () => 0 };
}

/** On one thread where the runtime would not wake others for it. */
async function inRuntime(subject: Subject, options: ProfileOptions): Promise<Measured> {
  const { engine, threads } = options;
  const machine = await openMachine({ engine, threads });
  try {
    const measured = await accountOf(subject, machine, options);
    if (measured) return measured;
  } finally {
    await machine.close();
  }
  const single = await openMachine({ engine, threads: 1 });
  try {
    return (await accountOf(subject, single, options))!;
  } finally {
    await single.close();
  }
}

/** Undefined where the machine has threads that the runtime leaves asleep. */
async function accountOf(
  { graph, inputShapes, costs, runs }: Subject,
  machine: Machine,
  { signal, onProgress }: ProfileOptions,
): Promise<Measured | undefined> {
  const account = watched(machine);
  const { model, steps: described } = programmed(graph, { machine: account.machine, inputShapes });
  const { inputs } = await randomSamples(graph, batchOf(graph, inputShapes), 1);
  const run = async () => {
    await model.run(inputs);
    await account.settled();
  };
  await run();
  if (account.alone() && machine.threads > 1) return undefined;
  const limits = await limitsOf(machine);
  await repeat(run, WARM_UP, signal);
  const before = account.steps();
  const total = account.total();
  await repeat(run, runs, signal, onProgress);
  const perRun = (time: number) => time / 1e6 / machine.threads / runs;
  const own = account.steps().map(({ time }, i) => ({
    ...described[i],
    gradient: false,
    taken: true,
    ms: perRun(time - before[i].time),
  }));
  const ms = perRun(account.total() - total);
  const busy = own.reduce((sum, step) => sum + step.ms, 0);
  const steps = withMacs(own, new Map(costs.map((cost) => [cost.name, cost])), 1);
  const beside = [[idle(machine), Math.max(0, ms - busy)] as const];
  return { machine: machine.description, threads: machine.threads, steps, ms, beside, limits };
}

/** What threads do between steps: they wait for each other, where there are several. */
const idle = ({ threads }: Machine): string => (threads > 1 ? 'waiting' : 'between steps');

/** Runs so many times; the mean time of a run in milliseconds. */
async function repeat(
  run: () => Promise<unknown>,
  times: number,
  signal?: AbortSignal,
  onProgress?: (done: number, runs: number) => void,
): Promise<number> {
  const begun = performance.now();
  for (let i = 0; i < times; i++) {
    signal?.throwIfAborted();
    await run();
    onProgress?.(i + 1, times);
  }
  return (performance.now() - begun) / times;
}

/** What each node of the model multiplies. */
function costsOf(graph: Graph, inputShapes: Record<string, number[]>): LayerCost[] {
  const densities = new Map(measure(graph, inputShapes).layers.map(({ name, density }) => [name, density]));
  const { layers } = summarize(openQuantized(graph), { inputShapes });
  return layers.map(({ op, macs, prunable }, i) => ({
    ...{ name: nameOf(graph.nodes[i]), op, macs },
    effectiveMacs: macs * (densities.get(prunable[0]) ?? 1),
  }));
}

/** The smallest of every prunable weight made 0, as many as the sparsity says. */
function thinned(graph: Graph, sparsity: number): Graph {
  const weights = layersOf(graph).map(({ name, weight }) => {
    const order = [...weight.keys()].sort((a, b) => Math.abs(weight[a]) - Math.abs(weight[b]));
    for (const i of order.slice(0, Math.floor(sparsity * weight.length))) weight[i] = 0;
    return [name, weight] as const;
  });
  return { ...graph, initializers: withWeights(graph, new Map(weights)).initializers };
}

/** Zeros of prunable weights count as pruned. */
function maskZeros(network: Network, slots: ReadonlyMap<string, { mask: Float32Array }>): void {
  for (const [name, { mask }] of slots) {
    const { prunable, weight } = network.parameters.get(name)!;
    if (prunable) for (let i = 0; i < mask.length; i++) mask[i] = weight[i] === 0 ? 0 : 1;
  }
}

function randomLabels(network: Network, batch: number): Int32Array {
  const inference = network.inference({ batch: 1 });
  const [shape] = inference.outputs.values();
  inference.close();
  const stream = random(1, 'profile');
  return Int32Array.from({ length: batch }, () => integer(stream, sizeOf(shape)));
}
