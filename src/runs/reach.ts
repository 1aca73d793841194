/** Tasks whose models cannot be computed whole: what is learnt instead, and what is said about it. */
import { causeOf, fail, UserError } from '../base/index.js';
import { inferTypes, modelReach, partFor, type Reach } from '../graph/index.js';
import { type Graph, sizeOf, type Value } from '../onnx/index.js';

/** A model, and the shapes that its inputs have. */
interface Shaped {
  graph: Graph;
  inputShapes: Record<string, number[]>;
}

/** How far a task's model can be computed; undefined where all of it can. @throws UserError where nothing is left to learn. */
export function reachOfTask({ graph, inputShapes }: Shaped): Reach | undefined {
  const reach = modelReach(graph, { inputShapes });
  if (!reach || reach.outputs.length + reach.edge.length > 0) return reach;
  const [first] = reach.causes.values();
  return fail(first);
}

/** All that comes out of what can be computed. */
export const endsOf = ({ outputs, edge }: Reach): Value[] => [...outputs, ...edge];

/** What a teacher is asked for where only a part of it can be computed. */
export const taughtPart = (teacher: Graph, reach: Reach): Graph => partFor(teacher, endsOf(reach));

/** What targets are for: the outputs that can be computed or, where there are none, what goes into what cannot. */
export const answeringEnds = ({ outputs, edge }: Reach): Value[] => (outputs.length > 0 ? outputs : edge);

/** How many numbers the output has that answers, of a classifier one for each class; undefined where none can be computed. */
export function sizeOfAnswer({ graph, inputShapes }: Shaped): number | undefined {
  const { types, unknown } = inferTypes(graph, { inputShapes });
  const typeOf = ([first]: readonly Value[]) => first && types.get(first.name);
  const declared = typeOf(graph.outputs);
  const reach = unknown.length > 0 || !declared ? modelReach(graph, { inputShapes }) : undefined;
  const type = reach ? typeOf(answeringEnds(reach)) : declared;
  return type && sizeOf(type.shape);
}

/** One sentence about what stays as it is. */
export function tellReach({ causes, carried, edge }: Reach): string {
  const [first] = causes.values();
  const others = carried.length - 1;
  const stay =
    others === 0
      ? 'this node stays as it is'
      : `it and ${others} other ${others === 1 ? 'node' : 'nodes'} stay as they are`;
  const learnt = edge.map(({ name }) => name).join(', ');
  const what = learnt && `, and what goes in counts as an output: ${learnt}`;
  return `${causeOf(new UserError(first))}: ${stay}${what}.`;
}
