/**
 * Branches that shapes decide: exporters write an If wherever they do not know a size (is this axis 1, so that it can be squeezed?),
 * and in the whole model it is known. Where the file leaves dimensions open, the answer must be the same at other sizes too.
 */
import { UserError } from '../base/errors.js';
import { withConditions } from '../onnx/decide.js';
import type { Graph } from '../onnx/model.js';
import { type Inferred, inferTypes } from './facts/infer.js';
import { batchIn, type InputShapes, otherSizes } from './facts/sizes.js';

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
  if (names.length === 0) return new Map();
  try {
    const whole = truthsIn(names, inferTypes(graph, { inputShapes }).types);
    if (whole.size === 0) return whole;
    const others = otherSizes(graph, inputShapes).map((sizes) =>
      truthsIn(names, inferTypes(graph, { inputShapes: sizes.shapes, batch: batchIn(sizes) }).types),
    );
    return new Map([...whole].filter(([name, truth]) => others.every((other) => other.get(name) === truth)));
  } catch (error) {
    // Whoever needs the shapes says what is wrong with them.
    if (error instanceof UserError) return new Map();
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
