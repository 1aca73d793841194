/** Small networks for the tests of this room: layers as a trainer would expose them, and a trainer. */
import { normal, random } from '../base/index.js';
import { applyMasks } from './masks.js';
import type { Method, Plan, Prunable, Surroundings, UpdateReport } from './types.js';

/** A layer with random weights, or with those given. */
export function layer(name: string, shape: number[], given: Partial<Prunable> = {}): Prunable {
  const size = shape.reduce((product, d) => product * d, 1);
  const draw = random(7, name);
  return {
    name,
    op: shape.length === 4 ? 'Conv' : 'Gemm',
    shape,
    outputAxis: 0,
    weight: Float32Array.from({ length: size }, () => normal(draw)),
    gradient: Float32Array.from({ length: size }, () => normal(draw)),
    momentum: [new Float32Array(size)],
    mask: new Uint8Array(size).fill(1),
    biases: shape[0],
    first: false,
    last: false,
    ...given,
  };
}

/** Three convolutions and a classifier: 72 + 1,152 + 1,152 + 160 = 2,536 weights, 42 biases. */
export const network = (): Prunable[] => [
  layer('conv1', [8, 1, 3, 3], { first: true }),
  layer('conv2', [16, 8, 3, 3]),
  layer('conv3', [8, 16, 3, 3], { mask: new Float32Array(1152).fill(1) }),
  layer('fc', [10, 16], { last: true }),
];

/** What a method may look at around layers that are in no network: nothing but its memory. */
export const alone = (): Surroundings => ({ memory: new Map() }) as Surroundings;

/** SGD with momentum and weight decay on random gradients; returns what every update reported. */
export function train(
  method: Method,
  plan: Plan,
  layers: Prunable[],
  {
    from = 1,
    to,
    each,
    around = alone(),
  }: { from?: number; to: number; each?: (iteration: number) => void; around?: Surroundings },
): UpdateReport[] {
  const reports: UpdateReport[] = [];
  for (let t = from; t <= to; t++) {
    for (const { name, gradient } of layers) {
      const draw = random(3, 'gradient', name, t);
      for (let i = 0; i < gradient.length; i++) gradient[i] = normal(draw);
    }
    const report = method.update(plan, layers, t, around);
    if (report) reports.push(report);
    for (const { weight, gradient, momentum } of report?.skip ? [] : layers)
      for (let i = 0; i < weight.length; i++) {
        momentum[0][i] = 0.9 * momentum[0][i] + gradient[i] + 5e-4 * weight[i];
        weight[i] -= 0.01 * momentum[0][i];
      }
    applyMasks(layers);
    each?.(t);
  }
  return reports;
}
