/**
 * Layer after layer along a graph: the moments of each, with what was done to those before it taken in.
 *
 * Both networks stand still at a *cut* of their graphs, with the values that cross it kept for all samples. From there a
 * segment runs to the next layer's input and target, sums its moments, and leaves the values that cross the cut just before that
 * layer. So every layer is run about once in all, not once for every layer behind it. Where the values of a cut would take more
 * memory than they may, the networks stay where they are, and the next segment is longer.
 *
 * Nothing is drawn and nothing depends on the clock or on threads, so a calibration that was stopped is done again to the same bits.
 */
import { fail } from '../base/index.js';
import { type Lines, linesFrom, linesSize, type Machine, openPair, type Pair } from '../engine/index.js';
import { call, input, reshape } from '../graph/index.js';
import { type Graph, sizeOf, usedValues } from '../onnx/index.js';
import { type Left, type Linear, linearLayers } from './linear.js';
import { emitMoments, type Moments, mirrored, noMoments } from './moments.js';
import type { Calibration } from './samples.js';
import { type Target, targetOf, type Wiring, wiringOf } from './target.js';

export interface VisitOptions {
  /** What the network is to answer like. */
  teacher: Graph;
  /** The same with some channels removed, or weights set to 0. */
  student: Graph;
  /** Of a value of the teacher, the positions on each axis that the student has; absent where it has all. */
  kept?: (value: string) => readonly (readonly number[])[] | undefined;
  /** Which layers are visited, of those whose places in the graph are given; default all. */
  which?: (layers: readonly Linear[]) => readonly Linear[];
  /** Samples without labels; see {@link calibrationSamples}. */
  samples: Calibration;
  /** The machine that computes it. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, by input name, batch first. */
  inputShapes?: Record<string, readonly number[]>;
  /** Bytes that values between segments may take; default 2 GB. */
  memory?: number;
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Told before any of them is run. */
  onPlan?: (plan: VisitPlan) => void;
  /** Called after each layer, with the number of layers done and of all. */
  onLayer?: (done: number, all: number) => void;
}

/** What a calibration will take. */
export interface VisitPlan {
  layers: number;
  /** Bytes of values between segments, and of second moments, at most. */
  values: number;
  moments: number;
  left: readonly Left[];
}

/** A layer, what is known of it, and the student's numbers, which may be written to. */
export interface Visited {
  layer: Linear;
  target: Target;
  moments: Moments;
  weights: ReadonlyMap<string, Float32Array>;
}

/** The largest matrix of moments that is made: its rows. */
export const MOST_INNER = 8192;
/** Bytes of a layer's unfolded input in a run, about. */
const UNFOLDED = 2 ** 28;
const BATCHES = [128, 64, 32, 16];
const MEMORY = 2e9;

/**
 * Visits the layers in the order of the graph. What `visit` writes into the weights is what the layers behind it see.
 * @returns the student's numbers as they are then, by name.
 * @throws UserError where the samples do not fit; the signal's reason when it stops.
 */
export async function visitLayers(
  options: VisitOptions,
  visit: (visited: Visited) => void | Promise<void>,
): Promise<Map<string, Float32Array>> {
  const { student, machine, inputShapes, which, onPlan, signal, onLayer } = options;
  const pair = openPair(options, { machine, inputShapes });
  try {
    const all = linearLayers(student, pair);
    const chosen = which ? which(all.layers) : all.layers;
    const tooLarge = chosen.filter(({ inner }) => inner > MOST_INNER);
    const layers = chosen.filter((layer) => !tooLarge.includes(layer));
    const left = [
      ...all.left,
      ...tooLarge.map(({ node, inner }) => ({
        node,
        reason: `each of its outputs reads ${inner} numbers, more than ${MOST_INNER}`,
      })),
    ];
    const wiring = wiringOf(student, pair, new Set(layers.map(({ index }) => index)));
    const journey = await begin(options, pair, layers);
    onPlan?.({ layers: layers.length, left, ...journey.plan });
    for (const [done, layer] of layers.entries()) {
      signal?.throwIfAborted();
      const target = targetOf(layer, wiring);
      const moments = await journey.measure(layer, target, wiring);
      await visit({ layer, target, moments, weights: pair.weights });
      pair.push(writable(layer, target, pair));
      onLayer?.(done + 1, layers.length);
    }
    return new Map([...pair.weights].map(([name, values]) => [name, values.slice()]));
  } finally {
    pair.close();
  }
}

/** The numbers of a layer, and of what follows it, that a visit may write. */
function writable({ weight, bias }: Linear, { shift, norm }: Target, { weights }: Pair): string[] {
  const of = norm ? [norm.gamma, norm.beta, norm.mean, norm.variance] : [];
  return [...new Set([weight, ...(bias ? [bias] : []), ...(shift ? [shift.name] : []), ...of])].filter(
    (name) => weights.has(name),
  );
}

/** The values of all samples at a cut. */
interface Cut {
  names: readonly string[];
  /** Of each batch, of each value. */
  batches: (readonly Lines[])[];
}

async function begin(options: VisitOptions, pair: Pair, layers: readonly Linear[]) {
  const { student, teacher, samples, memory = MEMORY, signal } = options;
  const { build } = pair;
  const shape = (core: string) => build.type(core).shape;
  const batch = batchFor(pair, layers);
  const inputs = student.inputs.map(({ name }) => ({ name, core: pair.student.get(name)! }));
  const counts: number[] = [];
  let at: Cut = { names: inputs.map(({ core }) => core), batches: [] };
  for await (const { inputs: given, count } of samples(student, batch, pair.batch)) {
    signal?.throwIfAborted();
    counts.push(count);
    at.batches.push(
      inputs.map(({ name, core }) => linesFrom(given[name], sizeOf(shape(core)), count, batch)),
    );
  }
  if (counts.length === 0) fail('There are no samples to calibrate on; give at least one.');
  const bytes = (names: readonly string[]) =>
    4 * counts.length * names.reduce((sum, core) => sum + linesSize(shape(core), batch), 0);
  const places = new Map(teacher.nodes.map((node, i) => [node.outputs[0], i]));
  const cutBefore = ({ node, index }: Linear): string[] => [
    ...new Set([
      ...crossing(teacher, pair.teacher, pair, places.get(node.outputs[0]) ?? 0),
      ...crossing(student, pair.student, pair, index),
    ]),
  ];
  const cuts = new Map(layers.map((layer) => [layer, cutBefore(layer)]));
  const fitting = [...cuts.values()].map(bytes).filter((size) => size <= memory);
  const plan = {
    values: Math.max(bytes(at.names), ...fitting),
    moments: Math.max(
      0,
      ...layers.map(({ groups, inner, outputs }) => 8 * inner * (2 * groups * inner + 2 * outputs)),
    ),
  };

  async function measure(layer: Linear, target: Target, wiring: Wiring): Promise<Moments> {
    const wanted = cuts.get(layer)!;
    const moves = bytes(wanted) <= memory;
    const made = moves ? wanted.filter((name) => !at.names.includes(name)) : [];
    const { sums, add } = emitFor(layer, target, wiring, options);
    const segment = pair.segment({ batch, from: at.names, lines: made, sums });
    const moments = noMoments(layer);
    try {
      const next: Cut['batches'] = [];
      for (const [i, count] of counts.entries()) {
        signal?.throwIfAborted();
        const found = await segment.run(at.batches[i], count);
        add(moments, found.sums, count);
        if (!moves) continue;
        const known = new Map([
          ...at.names.map((name, k) => [name, at.batches[i][k]] as const),
          ...made.map((name, k) => [name, found.lines[k]] as const),
        ]);
        next.push(wanted.map((name) => known.get(name)!));
        at.batches[i] = [];
      }
      if (moves) at = { names: wanted, batches: next };
    } finally {
      segment.close();
    }
    return mirrored(moments);
  }
  return { plan, measure };
}

/** As many samples at a time as let the largest unfolded input stay in bounds: of shapes alone, so that sums are the same everywhere. */
function batchFor(pair: Pair, layers: readonly Linear[]): number {
  if (pair.batch.kind === 'none' || pair.batch.kind === 'mixed') return 1;
  const most = Math.max(
    1,
    ...layers.map(({ node, groups, inner, outputs }) => {
      const y = pair.build.type(pair.student.get(node.outputs[0])!).shape;
      return (groups * inner * sizeOf(y) * 4) / outputs;
    }),
  );
  return BATCHES.find((batch) => batch * most <= UNFOLDED) ?? BATCHES[BATCHES.length - 1];
}

/** Core values that differ from sample to sample, are there before the node at `index`, and are used by it or later. */
function crossing(
  graph: Graph,
  values: ReadonlyMap<string, string>,
  { build }: Pair,
  index: number,
): string[] {
  const there = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.nodes.slice(0, index).flatMap(({ outputs }) => outputs),
  ]);
  const used = new Set(graph.nodes.slice(index).flatMap(usedValues));
  return [...there].flatMap((name) => {
    const core = used.has(name) ? values.get(name) : undefined;
    if (core === undefined) return [];
    const { laned, constant } = build.type(core);
    return laned && !constant ? [core] : [];
  });
}

/** The moments of a layer, and of what is missing at its target. */
function emitFor(layer: Linear, target: Target, wiring: Wiring, { kept }: VisitOptions) {
  const { pair } = wiring;
  const { build: b } = pair;
  const u = layer.unfold(b, pair.student.get(layer.x)!);
  const mine = pair.student.get(target.value)!;
  const theirs = pair.teacher.get(target.value);
  if (theirs === undefined) return emitMoments(pair, layer, { u });
  const wanted = selected(pair, theirs, kept?.(target.value));
  if (`${b.type(wanted).shape}` !== `${b.type(mine).shape}`) return emitMoments(pair, layer, { u });
  const [missing] = b.emit('elementwise', [wanted, mine], { expression: call('sub', input(0), input(1)) });
  return emitMoments(pair, layer, { u, error: layer.fold(b, missing), target: layer.fold(b, wanted) });
}

/** The positions of a value that are kept. */
function selected({ build: b }: Pair, value: string, kept?: readonly (readonly number[])[]): string {
  return (kept ?? []).reduce((from, positions, axis) => {
    const { shape } = b.type(from);
    if (positions.length === shape[axis]) return from;
    const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
    const flat = reshape(b, from, [sizeOf(before), shape[axis], sizeOf(after)]);
    const start = Int32Array.from({ length: positions.length + 1 }, (_, i) => i);
    const [some] = b.emit('positions', [flat], {
      start,
      from: Int32Array.from(positions),
      weight: new Float32Array(positions.length).fill(1),
    });
    return reshape(b, some, [...before, positions.length, ...after]);
  }, value);
}
