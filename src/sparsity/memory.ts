/**
 * What a gradual method remembers from one iteration to another, in arrays that are saved with the run: moving averages,
 * and the weights that a rewinding run takes up again.
 *
 * A moving average is a ← α a + (1 − α) |x|, with a = |x| at the first iteration.
 */
import { applyMasks } from './masks.js';
import type { GradualOptions } from './options.js';
import type { Prunable, Surroundings } from './types.js';

type Memory = Surroundings['memory'];
type Averaged = Pick<GradualOptions, 'averageWeight' | 'averageGradient'>;

/** Takes an iteration into the averages, and gives the layers as scores are to see them. */
export function averaged(
  { averageWeight = 0, averageGradient = 0 }: Averaged,
  layers: readonly Prunable[],
  memory: Memory,
): readonly Prunable[] {
  if (averageWeight === 0 && averageGradient === 0) return layers;
  return layers.map((layer) => ({
    ...layer,
    weight: average(memory, `weight/${layer.name}`, layer.weight, averageWeight),
    gradient: average(memory, `gradient/${layer.name}`, layer.gradient, averageGradient),
  }));
}

function average(memory: Memory, name: string, values: Float32Array, past: number): Float32Array {
  if (past === 0) return values;
  const average = memory.get(name) ?? values.map(Math.abs);
  for (let i = 0; i < values.length; i++) average[i] = past * average[i] + (1 - past) * Math.abs(values[i]);
  memory.set(name, average);
  return average;
}

/** Keeps everything that training changes: weights, biases, scales and running statistics. */
export function keepTraining({ network, memory }: Surroundings): void {
  for (const [name, values] of trained(network)) memory.set(`kept/${name}`, values.slice());
}

/** Puts it back, all but what is pruned, and lets the optimiser forget. */
export function rewindTraining(
  { network, training, memory }: Surroundings,
  layers: readonly Prunable[],
): void {
  for (const [name, values] of trained(network)) values.set(memory.get(`kept/${name}`)!);
  for (const { state } of training.slots.values()) for (const values of state) values.fill(0);
  applyMasks(layers);
}

function* trained({ parameters, state }: Surroundings['network']): Generator<[string, Float32Array]> {
  for (const [name, { weight }] of parameters) yield [name, weight];
  yield* state;
}
