/**
 * Weights that are no numbers. Nothing can be made of them, and whatever is computed with them would put the blame elsewhere: on
 * training, or on espalier.
 */
import { fail } from '../base/index.js';
import { rolesOf } from '../graph/index.js';
import { floats, type Graph, type Node } from '../onnx/index.js';
import type { Evaluation } from '../train/index.js';

/** A weight, and the first of its elements that is not finite. */
export interface NotFinite {
  name: string;
  /** The node that reads it, where it is learnt. */
  node?: Node;
  value: number;
  index: number[];
  /** How many there are. */
  count: number;
}

/** Learnt tensors and running statistics with elements that are not finite. */
export function notFinite(graph: Graph): NotFinite[] {
  const { learnt, state } = rolesOf(graph);
  return [...learnt.keys(), ...state].flatMap((name) => {
    const tensor = graph.initializers.get(name)!;
    const values = floats(tensor);
    const first = values.findIndex((x) => !Number.isFinite(x));
    if (first < 0) return [];
    const count = values.reduce((n, x) => n + (Number.isFinite(x) ? 0 : 1), 0);
    const index = tensor.shape.map(
      (dim, axis) =>
        Math.floor(first / tensor.shape.slice(axis + 1).reduce((product, d) => product * d, 1)) % dim,
    );
    return [{ name, node: learnt.get(name), value: values[first], index, count }];
  });
}

/**
 * @throws UserError on a weight that is not a number, or infinite. Where nothing is trained an infinite number may stand in what is
 * not prunable: a sum with −∞ bans a class.
 */
export function refuseNotFinite(graph: Graph, { trained }: { trained: boolean }): void {
  const { prunable, state } = rolesOf(graph);
  const bad = notFinite(graph).find(
    ({ name, value }) => trained || Number.isNaN(value) || prunable.has(name) || state.has(name),
  );
  if (bad) fail(`${sentenceOf(bad)}; repair the model or export it again.`);
}

/** A clause. */
export function sentenceOf({ name, node, value, index, count }: NotFinite): string {
  const where = node?.name ? ` of ${node.op} '${node.name}'` : '';
  const more = count > 1 ? ` and in ${count - 1} more places` : '';
  return `The weight '${name}'${where} holds ${value} at [${index.join(', ')}]${more}, which is not a finite number`;
}

/** What to say of answers that give no finite loss; nothing where all do. */
export const answersNotFinite = ({ notFinite, count }: Pick<Evaluation, 'notFinite' | 'count'>): string[] =>
  notFinite
    ? [
        `For ${notFinite} of ${count} samples the model's answers give no finite loss: its numbers grow beyond all bounds. Check how the data are normalised (--normalize).`,
      ]
    : [];
