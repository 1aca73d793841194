/** What the inputs of a Loop or Scan are for: whatever the nodes of its body that read them say. */
import { bodyOf, type Node, ownInputs } from '../../onnx/index.js';
import type { Operator } from '../operator.js';
import type { InputRole, InputRoles } from '../roles.js';

export interface Readers {
  roles: InputRoles;
  settings: number[];
  learnable: NonNullable<Operator['learnable']>;
}

/** Where an input of the node is read in its body. */
interface Reading {
  index: number;
  /** Through nodes that make other forms of it. */
  through: boolean;
}

export function readersIn(node: Node, findOperator: (node: Node) => Operator | undefined): Readers {
  const { nodes, captures, inputs } = bodyOf(node)!;
  const own = ownInputs(node);
  const outside = new Map<string, Reading>(
    captures.map((name, i) => [name, { index: own + i, through: false }]),
  );
  const given = new Set(inputs.map(({ name }) => name));
  const roles: Record<number, InputRole> = {};
  const settings = new Set(node.op === 'Loop' ? [0, 1] : []);
  const learnable = new Map<number, (shape: readonly number[]) => boolean>();
  for (const inner of nodes) {
    const operator = findOperator(inner);
    inner.inputs.forEach((name, i) => {
      const found = outside.get(name);
      const role = operator?.roles?.[i];
      if (!found) return;
      if (operator?.settings?.includes(i)) settings.add(found.index);
      if (!role || roles[found.index]) return;
      roles[found.index] = roleAround(role, inner, found.through ? -1 : i);
      learnable.set(found.index, (shape) => operator?.learnable?.(shape, i) ?? true);
    });
    const form = outside.get(inner.inputs[0] ?? '');
    const fixed =
      inner.inputs.every((name) => name === '' || outside.has(name)) &&
      !inner.inputs.some((name) => given.has(name));
    if (form && fixed) for (const name of inner.outputs) outside.set(name, { ...form, through: true });
  }
  return {
    roles,
    settings: [...settings],
    learnable: (shape, index) => learnable.get(index)?.(shape) ?? true,
  };
}

/** The role as the node around the body has it: it asks the node that reads. */
const roleAround = (role: InputRole, inner: Node, index: number): InputRole =>
  role.is === 'weight'
    ? { ...role, outputAxis: (_node, _index, rank) => role.outputAxis(inner, index, rank) }
    : role;
