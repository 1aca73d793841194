/** A model in each of the two runtimes, with one face: `run(inputs)` gives its outputs, values by name. */
import { load } from './espalier/runtime.js';
import * as ort from './onnxruntime/ort.wasm.bundle.min.mjs';

export { load };

export const espalier = async (address, options) => {
  const model = await load(address, options);
  const { machine, inputs } = model;
  return { name: `espalier/runtime (${machine})`, inputs, run: model.run, close: model.close };
};

/** @param shapes of the inputs, by name. `threads`: as the first call says, for all. */
export async function onnxruntime(address, shapes, threads) {
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  const session = await ort.InferenceSession.create(address, { executionProviders: ['wasm'] });
  return {
    name: `onnxruntime-web ${ort.env.versions.web} (wasm, ${threads} thread${threads === 1 ? '' : 's'})`,
    inputs: shapes,
    async run(inputs) {
      const feeds = Object.entries(inputs).map(([name, data]) => [
        name,
        new ort.Tensor('float32', data, [...shapes.get(name)]),
      ]);
      const outputs = await session.run(Object.fromEntries(feeds));
      return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data]));
    },
    close: () => session.release(),
  };
}

const size = (shape) => shape.reduce((product, length) => product * length, 1);

/** Values that differ from each other, for every input. */
export const anyInputs = (shapes, seed = 0) =>
  Object.fromEntries(
    [...shapes].map(([name, shape]) => [
      name,
      Float32Array.from({ length: size(shape) }, (_, i) => Math.sin(1.7 * i + seed)),
    ]),
  );

/** The largest difference between the outputs of two, over the largest output of the second. */
export function difference(one, other) {
  let [most, largest] = [0, 0];
  for (const [name, values] of Object.entries(other))
    for (const [i, value] of values.entries()) {
      const far = Math.abs(one[name][i] - value);
      // What is no number differs from everything.
      most = far >= 0 ? Math.max(most, far) : Number.POSITIVE_INFINITY;
      largest = Math.max(largest, Math.abs(value));
    }
  return most / largest;
}

/**
 * Milliseconds of the runs of each, taking turns; `warmUp` rounds do not count. Of a turn the first runs do not count: the threads of the one before may
 * still be spinning.
 */
export async function race(contestants, inputs, { warmUp = 1, rounds = 20, turn = 10, settling = 4 } = {}) {
  const times = contestants.map(() => []);
  for (let round = -warmUp; round < rounds; round++)
    for (const [k, { run }] of contestants.entries())
      for (let i = 0; i < turn; i++) {
        const start = performance.now();
        await run(inputs);
        if (round >= 0 && i >= settling) times[k].push(performance.now() - start);
      }
  return times;
}
