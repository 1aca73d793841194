/**
 * The best that the engine's own kernels reach on this machine, measured: multiplications by a convolution whose weights and
 * images stay in the caches, and bytes by a pass that reads and writes more than the caches hold. What a kernel does is
 * then a fraction of something that was seen here, not of a data sheet.
 */
import { loadNetwork, type Machine } from '../engine/index.js';
import { builder } from '../nn/index.js';
import type { Limits } from './profile-rows.js';

const RUNS = 5;
const BATCH = 16;
/** Channels, pixels and a window too large for Winograd: 4096 · 25 · 1024 multiply-accumulates a sample. */
const [CHANNELS, SIDE, WINDOW] = [64, 32, 5];
/** Of a sample of the pass: 2 MB, 32 in a batch, read once and written once. */
const FLOATS = 512 * 1024;

export async function limitsOf(machine: Machine): Promise<Limits> {
  const conv = builder({ name: 'arithmetic', seed: 1 });
  const image = conv.input('x', [CHANNELS, SIDE, SIDE]);
  const y = conv.conv(image, { out: CHANNELS, kernel: WINDOW, pad: 2, name: 'conv' });
  const macs = BATCH * CHANNELS * CHANNELS * WINDOW ** 2 * SIDE * SIDE;
  const pass = builder({ name: 'memory', seed: 1 });
  const z = pass.relu(pass.input('x', [FLOATS / 1024, 32, 32]));
  return {
    gigamacs: macs / (await fastest(machine, conv.finish({ y }), 'conv')) / 1e6,
    gigabytes: (2 * 4 * BATCH * FLOATS) / (await fastest(machine, pass.finish({ z }), 'map')) / 1e6,
  };
}

/** Milliseconds of a kernel in the fastest of some runs, the mean over threads. */
async function fastest(
  machine: Machine,
  graph: Parameters<typeof loadNetwork>[0],
  kernel: string,
): Promise<number> {
  const network = loadNetwork(graph, { machine });
  try {
    const inference = network.inference({ batch: BATCH });
    const size = network.inputs.get('x')!.reduce((a, b) => a * b);
    const x = new Float32Array(BATCH * size).fill(1);
    const spent = () => inference.profile().get(kernel)! / 1e6 / machine.threads;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < RUNS; i++) {
      const before = spent();
      await inference.run({ x }, BATCH);
      if (i > 0) least = Math.min(least, spent() - before);
    }
    return least;
  } finally {
    network.close();
  }
}
