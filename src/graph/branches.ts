/**
 * Branches that shapes decide: exporters write an If wherever they do not know a size (is this axis 1, so that it can be squeezed?),
 * and in the whole model it is known. Where the file leaves dimensions open, the answer must be the same at small and large sizes.
 */
import { UserError } from '../base/index.js';
import { type Graph, withConditions } from '../onnx/index.js';
import { sampleShape } from './expand.js';
import { type Inferred, inferTypes } from './facts/infer.js';
import {
  batchIn,
  type InputShapes,
  type OpenDimension,
  type OtherSizes,
  openDimensions,
} from './facts/sizes.js';

/** Ifs that follow from one another: a longer chain of them is left undecided. */
const ROUNDS = 32;

/** The graph without the Ifs whose conditions follow from shapes and constants, whatever the sizes that it leaves open. */
export async function decideBranches(graph: Graph, inputShapes: InputShapes = {}): Promise<Graph> {
  let decided = graph;
  for (let round = 0; round < ROUNDS; round++) {
    const truths = conditionsOf(decided, inputShapes);
    if (truths.size === 0) break;
    decided = await withConditions(decided, truths);
  }
  return decided;
}

/** Conditions of Ifs that are known, by the name of the value. */
function conditionsOf(graph: Graph, inputShapes: InputShapes): Map<string, boolean> {
  const names = graph.nodes.flatMap(({ op, domain, inputs }) =>
    op === 'If' && domain === '' ? [inputs[0]] : [],
  );
  const known = names.length > 0 ? truthsAt(graph, names, { shapes: inputShapes, changed: [] }) : undefined;
  if (!known?.size) return new Map();
  const open = openDimensions(graph, inputShapes);
  for (const dimension of open) {
    const foundFor = (dimensions: readonly OpenDimension[]) =>
      sizesOf(dimension).flatMap(
        (size) => truthsAt(graph, names, resized(graph, inputShapes, { dimensions, size })) ?? [],
      );
    // Samples that lie along several axes, which the file has no common name for, are as many in all of them.
    const alike = open.filter(({ size }) => size === dimension.size);
    const alone = foundFor([dimension]);
    const found = alone.length > 0 ? alone : foundFor(alike);
    for (const [name, truth] of known)
      if (found.length === 0 || found.some((other) => other.get(name) !== truth)) known.delete(name);
  }
  return known;
}

/** Small and large ones: an axis that is 1 after many strides is so for a range of sizes, but not for all. */
const sizesOf = ({ size }: OpenDimension): number[] =>
  [size + 1, 2 * size, 4 * size, 16 * size, 64 * size, size - 1, Math.floor(size / 2), 1].filter(
    (other) => other > 0 && other !== size,
  );

function resized(
  graph: Graph,
  inputShapes: InputShapes,
  { dimensions, size }: { dimensions: readonly OpenDimension[]; size: number },
): OtherSizes {
  const shapes = graph.inputs.map((value) => {
    const shape = sampleShape(value, inputShapes, graph.inputs);
    for (const { places } of dimensions)
      for (const { input, axis } of places) if (input === value.name) shape[axis] = size;
    return [value.name, shape] as const;
  });
  return { shapes: Object.fromEntries(shapes), changed: dimensions };
}

/** Which conditions are known at some sizes; undefined where the model does not fit them. */
function truthsAt(
  graph: Graph,
  names: readonly string[],
  sizes: OtherSizes,
): Map<string, boolean> | undefined {
  try {
    const { types } = inferTypes(graph, { inputShapes: sizes.shapes, batch: batchIn(sizes) });
    return truthsIn(names, types);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function truthsIn(names: readonly string[], types: Inferred['types']): Map<string, boolean> {
  return new Map(
    names.flatMap((name): [string, boolean][] => {
      const constant = types.get(name)?.constant;
      return constant?.data.length === 1 ? [[name, Boolean(Number(constant.data[0]))]] : [];
    }),
  );
}
