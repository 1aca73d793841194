/** Tasks whose models begin with an operator that is not known: they are what comes behind it. */
import { fail, own } from '../base/index.js';
import { type Behind, behindFront } from '../graph/index.js';
import { type Graph, readModel, type Value } from '../onnx/index.js';
import { RANDOM_DATA } from './random-data.js';

/** Whether nodes stand before a graph in its file. */
export const isBehind = ({ source }: Graph): boolean => (source.front?.nodes.length ?? 0) > 0;

/** What is said of it. */
export function tellFront({ causes, made }: Behind): string {
  const [{ op, domain, name }, ...others] = causes;
  const unknown = `${domain ? `${domain}.` : ''}${op} '${name}'${others.length > 0 ? ` and ${others.length} more` : ''}`;
  const values = made.map((value) => value.name).join(', ');
  return `espalier does not know the operator of ${unknown}, with which the model begins: it stays as it is, and what the run works on is the model behind it, from ${values} on.`;
}

/** @throws UserError for data that are for the model's own inputs. */
export function refuseForFront(data: string, { made }: Behind): void {
  if (data.startsWith('npz:') || data === RANDOM_DATA) return;
  const names = made.map(({ name }) => name).join(', ');
  fail(
    `The model begins with an operator that espalier does not know, so ${data} cannot be brought to where it can be computed. Record ${names} in a runtime that has the operator, and give that as npz:FILE, or prune by weights alone (--data none).`,
  );
}

/** Whether a single run of all inputs has a shape, by what is declared or given. */
export const isShaped = (
  inputs: readonly Value[],
  given: Readonly<Record<string, readonly number[]>>,
): boolean =>
  inputs.every(({ name, shape }) => {
    const dims = own(given, name) ?? shape;
    return dims?.every((dim, axis) => axis === 0 || (typeof dim === 'number' && dim > 0)) ?? false;
  });

/** Reads what came of a graph: behind the front that it has, with the inputs that it has. */
export async function readLike(path: string, graph: Graph): Promise<Graph> {
  const read = await readModel(path);
  const { front } = graph.source;
  if (!front) return read;
  const like = isBehind(graph)
    ? behindFront(read)?.graph
    : { ...read, source: { ...read.source, front: { ...front, outputs: read.outputs } } };
  return { ...(like ?? read), inputs: graph.inputs };
}
