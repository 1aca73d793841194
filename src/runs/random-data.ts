/** Random samples for a model of which there are no others: it learns what a teacher answers to them. */
import { fail, integer, normal, type Random, random } from '../base/index.js';
import { type Dataset, type Numbers, type Split, splitTest } from '../data/index.js';
import { type DType, type Graph, isFloat, sizeOf, type Value } from '../onnx/index.js';
import { tablesOf } from './indices.js';

/** What `--data` says. */
export const RANDOM_DATA = 'random';

const SAMPLES = 1024;

/** @throws UserError where the shape of an input is not known. */
export function randomDataset(graph: Graph, inputs: readonly Value[]): Dataset {
  const tables = tablesOf(graph);
  const arrays = inputs.map(({ name, dtype, shape }): Numbers => {
    const own = shape?.slice(1) ?? [];
    const known = own.filter((dim) => typeof dim === 'number');
    if (!shape || known.length < own.length)
      fail(
        `The shape of the input ${name} is not known, so random samples cannot be drawn for it; give it with --input-shape.`,
      );
    const size = sizeOf(known);
    return {
      ...{ kind: 'numbers', name, shape: known },
      at: (index) => ({
        data: draw(dtype, size, { rows: tables.get(name), stream: random(0, name, index) }),
      }),
      digest: async () => `random ${dtype} ${known.join('x')}`,
    };
  });
  const whole: Split = { length: SAMPLES, labels: new Int32Array(SAMPLES).fill(-1), arrays };
  return {
    ...splitTest(whole),
    ...{ name: RANDOM_DATA, classes: [], shape: arrays[0].shape, mean: [0], std: [1], scale: 1 },
    augment: { train: {}, test: {} },
  };
}

/** Normal numbers; of whole numbers and truths, rows of the table that they choose from, or 0 and 1. */
function draw(dtype: DType, size: number, { rows = 2, stream }: { rows?: number; stream: Random }) {
  const next = isFloat(dtype) ? () => normal(stream) : () => integer(stream, rows);
  return Float32Array.from({ length: size }, next);
}
