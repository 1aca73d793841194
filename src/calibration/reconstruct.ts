/**
 * Reconstruction: after channels are removed, the weights that read what is left are solved for, so that every layer gives what it
 * gave in the whole network (He, Zhang, Sun: "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017; Luo, Wu, Lin: "ThiNet",
 * ICCV 2017). Along the graph, layer after layer, with t the whole network's values at the layer's target (target.ts), t̂ those of the pruned
 * one, and u the unfolded input that the *pruned* network gives:
 *
 *     e = t − t̂        Δ, s = argmin Σ ‖e − Δu − s‖² + λ‖Δ‖²        W ← W + Δ / a        shift ← shift + s
 *
 * Since u and t̂ come from the network as it is by then, errors of earlier layers, those of a residual's stream among them, are asked of the later
 * ones and do not add up. After single weights are set to zero the same is solved for with those kept at zero. Where a BatchNormalization reads the layer, its statistics become those of the new output, and its scale and
 * shift are changed with them so that the network computes the same: then training starts from statistics that are true.
 */

import { openQuantized } from '../graph/index.js';
import type { Graph, Node } from '../onnx/index.js';
import { withWeights } from '../train/index.js';
import { solveRidge, variances } from './solve.js';
import { type Visited, type VisitOptions, type VisitPlan, visitLayers } from './visit.js';

/** Options of {@link reconstruct}. */
export interface ReconstructOptions extends Omit<VisitOptions, 'which' | 'teacher' | 'student'> {
  /** λ relative to the mean second moment of the inputs; default 1e-3. */
  ridge?: number;
  /** Weights that the student has at 0 stay there: single weights were pruned, not channels; default false. */
  keepZeros?: boolean;
}

/** What was done to a layer. */
export interface Repaired {
  /** Name of the weight. */
  weight: string;
  /** Mean squared error at its target relative to the variance there, before and after. */
  before: number;
  after: number;
}

/** The result of {@link reconstruct}. */
export interface Reconstructed {
  /** In inference form, of the shapes that it had. */
  graph: Graph;
  /** Layers whose weights were solved for, with their errors before and after. */
  layers: readonly Repaired[];
  /** Layers that were left as they are, and why. */
  left: readonly { weight: string; reason: string }[];
}

/** Outputs whose scale is so small beside the greatest are left to their shift. */
const LEAST_SCALE = 1e-4;

/**
 * Solves for the weights of all layers behind a removal, and of those that have lost single weights.
 * @throws UserError where the samples do not fit; the signal's reason when it stops.
 */
export async function reconstruct(
  { teacher: whole, student: cut }: Pick<VisitOptions, 'teacher' | 'student'>,
  { ridge = 1e-3, keepZeros = false, onPlan, ...options }: ReconstructOptions,
): Promise<Reconstructed> {
  const layers: Repaired[] = [];
  const left: { weight: string; reason: string }[] = [];
  const skipped = (weight: string, reason: string) => left.push({ weight, reason });
  const [teacher, student] = [whole, cut].map(openQuantized);
  const touched = affected(teacher, student);
  const weights = await visitLayers(
    {
      ...options,
      ...{ teacher, student },
      which: (all) => all.filter(({ x, node }) => touched.has(keepZeros ? node.outputs[0] : x)),
      onPlan(plan: VisitPlan) {
        for (const { node, reason } of plan.left) skipped(node.inputs[1], reason);
        onPlan?.(plan);
      },
    },
    (visited) => {
      const repaired = repair(visited, { ridge, keepZeros });
      if (typeof repaired === 'string') skipped(visited.layer.weight, repaired);
      else layers.push(repaired);
    },
  );
  return { graph: withWeights(cut, weights), layers, left };
}

/** Values of the student that differ from the teacher's: those behind a weight of other numbers, or a node that computes something else. */
function affected(teacher: Graph, student: Graph): Set<string> {
  const before = new Set(teacher.nodes.flatMap(({ inputs }) => inputs));
  const changed = new Set<string>();
  for (const [name, tensor] of student.initializers) {
    const old = teacher.initializers.get(name);
    if (!before.has(name) || !old || `${old.shape}` !== `${tensor.shape}` || !sameData(old.data, tensor.data))
      changed.add(name);
  }
  const operators = new Map(teacher.nodes.map(({ op, outputs }) => [outputs[0], op]));
  const differs = ({ op, outputs: [name] }: Node) => operators.has(name) && operators.get(name) !== op;
  for (const node of student.nodes)
    if (differs(node) || node.inputs.some((name) => changed.has(name)))
      for (const name of node.outputs) changed.add(name);
  return changed;
}

const sameData = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};

/** Solves for one layer and writes it. @returns a reason where it stays as it is. */
function repair(
  { layer, target, moments, weights }: Visited,
  { ridge, keepZeros }: Required<Pick<ReconstructOptions, 'ridge' | 'keepZeros'>>,
): Repaired | string {
  const shift = target.shift;
  if (
    moments.wantedSquares.every((square) => square === 0) &&
    moments.squares.every((square) => square === 0)
  )
    return 'the whole network has no value to compare its output with';
  const weight = weights.get(layer.weight)!;
  const free = keepZeros ? Uint8Array.from(layer.at, (at) => Number(weight[at] !== 0)) : undefined;
  const solution = solveRidge(moments, { ridge, free, shifted: shift !== undefined && shift.factor !== 0 });
  if (!solution) return 'its equations have no finite solution';
  const { delta, before, after, variance } = solution;
  const least = LEAST_SCALE * target.scale.reduce((most, a) => Math.max(most, Math.abs(a)), 0);
  const silent = (output: number) => !(Math.abs(target.scale[output]) > least);
  const written = Float64Array.from(layer.at, (at, i) => {
    const output = Math.floor(i / layer.inner);
    return silent(output) ? weight[at] : weight[at] + delta[i] / target.scale[output];
  });
  const shifts = solution.shift.map((s, o) => (silent(o) ? moments.errors[o] / moments.count : s));
  if (!written.every((x) => Number.isFinite(Math.fround(x)))) return 'its equations have no finite solution';
  for (const [i, at] of layer.at.entries()) weight[at] = written[i];
  if (shift) {
    const values = weights.get(shift.name)!;
    for (const [o, s] of shifts.entries()) values[o] += s / shift.factor;
  }
  restate({ layer, target, moments, weights }, written);
  const relative = (error: number) => (variance > 0 ? error / variance : 0);
  return { weight: layer.weight, before: relative(before), after: relative(after) };
}

/**
 * The statistics of the BatchNormalization that reads the layer become those of its output now. With scale γ, shift β, mean m and variance v,
 *
 *     γ' = γ √(v' + ε) / √(v + ε)        β' = β + γ (m' − m) / √(v + ε)
 *
 * compute the same of the new ones, m' and v'. A channel that hardly varies keeps what it has.
 */
function restate({ layer, target, moments, weights }: Visited, matrix: Float64Array): void {
  if (!target.norm) return;
  const { epsilon, ...names } = target.norm;
  const [gamma, beta, mean, variance] = [names.gamma, names.beta, names.mean, names.variance].map(
    (name) => weights.get(name)!,
  );
  const found = variances(moments, matrix);
  const bias = layer.bias ? weights.get(layer.bias) : undefined;
  const { groups, inner, outputs, inputs, count } = moments;
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor((o * groups) / outputs) * inner;
    let average = bias?.[o] ?? 0;
    for (let j = 0; j < inner; j++) average += (matrix[o * inner + j] * inputs[first + j]) / count;
    if (!(found[o] > epsilon)) continue;
    const old = Math.sqrt(variance[o] + epsilon);
    beta[o] += (gamma[o] * (average - mean[o])) / old;
    gamma[o] *= Math.sqrt(found[o] + epsilon) / old;
    mean[o] = average;
    variance[o] = found[o];
  }
}
