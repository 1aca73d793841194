/**
 * Which positions go together.
 *
 * An ONNX operator has no rule of its own. It is expanded into core operators, and those say how positions of their operands
 * and results correspond (`rules.ts`), so squeeze-excite gates, shuffles, attention or a norm written out by hand need no case
 * anywhere. One walk forward ties and freezes; what regroups axes is left open as a {@link Block} until all else is known.
 */
import { fail } from '../../base/index.js';
import { type CoreNode, describe, findOperator, type Tape } from '../../graph/index.js';
import { bodyOf, type Node, usedValues } from '../../onnx/index.js';
import type { Role } from '../types.js';
import { type Atoms, type Label, atoms as newAtoms } from './atoms.js';
import { type Block, decide } from './blocks.js';
import { type Context, reasonFor, rules } from './rules.js';
import type { Step, Walk } from './walk.js';

export interface Coupling {
  walk: Walk;
  atoms: Atoms;
  /** The label of every axis of a core value. */
  labels(core: string): readonly Label[];
  /** Axes of weights by their atoms: what they do where they are used first. */
  roles: ReadonlyMap<number, Role>;
  /** Every label that stands for an axis somewhere: none of them may become empty. */
  axes(): Iterable<Label>;
}

export interface CouplingOptions {
  /** Prefer whole heads of attention to dimensions of all heads. */
  heads?: boolean;
  /** Weights whose outputs stay. */
  ignore?: readonly string[];
  /** Weights that stay as they are. */
  freeze?: readonly string[];
  /** The same graph at another size, whose decisions are to be taken here too. */
  like?: Coupling;
}

/** Positions on the axes of all values together, at most. */
const MOST_FOLLOWED = 2 ** 24;

/** Labels of all values of a walk, with everything tied, frozen and decided. */
export function couple(walk: Walk, options: CouplingOptions = {}): Coupling {
  const { context, labels, roles, blocks, heads } = begin(walk);
  const { atoms } = context;
  propagate(walk, context);
  passBack(roles, blocks);
  protect(walk, context, roles, options);
  if (options.like) agree(walk, context, options.like);
  decide(blocks, atoms, (label) => {
    if (!options.heads) return false;
    const roots = new Set(heads.flatMap((head) => Array.from(head, atoms.find)));
    return label.every((atom) => roots.has(atoms.find(atom)));
  });
  return {
    walk,
    atoms,
    roles,
    labels: context.labels,
    *axes() {
      for (const axes of labels.values()) yield* axes;
      for (const { from, to } of blocks) yield* [...from, ...to];
    },
  };
}

/** Nothing known yet. */
function begin({ tape: t }: Walk) {
  const labels = new Map<string, readonly Label[]>();
  const roles = new Map<number, Role>();
  const blocks: Block[] = [];
  const heads: Label[] = [];
  let followed = 0;
  const all = newAtoms();
  const context: Context = {
    atoms: all,
    where: '',
    plainSums: false,
    labels(core) {
      const found = labels.get(core) ?? t.type(core).shape.map((size) => all.fresh(size));
      if (!labels.has(core)) context.set(core, found);
      return found;
    },
    set(core, axes) {
      followed += axes.reduce((sum, { length }) => sum + length, 0);
      if (followed > MOST_FOLLOWED)
        fail(
          `The values of this model have more than ${MOST_FOLLOWED} positions on their axes, too many to follow which of them go together; use smaller inputs, or check the model.`,
        );
      for (const label of axes) if (label.length === 1) all.freeze(label, alone(context.where));
      labels.set(core, axes);
    },
    shape: (core) => t.type(core).shape,
    role(core, axis, role) {
      if (t.type(core).laned) return;
      for (const atom of context.labels(core)[axis]) if (!roles.has(atom)) roles.set(atom, role);
    },
    stuck(size, reason) {
      const label = all.fresh(size);
      all.freeze(label, reason);
      return label;
    },
    regroup: (from, to) => blocks.push({ from, to, where: context.where }),
    leading(label) {
      if (label.length > 1) heads.push(label);
    },
    inside: (nodes) => followNodes(nodes, t, context),
  };
  return { context, labels, roles, blocks, heads };
}

/** From the inputs to the outputs, which both stay as they are. */
function propagate({ graph, values, steps, inner, tape: t }: Walk, context: Context): void {
  const freeze = (name: string, reason: string, sure = false) => {
    const core = values.get(name);
    for (const label of core ? context.labels(core) : [])
      context.atoms.freeze(label, reason, sure && label.length > 1);
  };
  for (const name of graph.initializers.keys()) context.labels(name);
  for (const { name } of graph.inputs) freeze(name, `its positions are an input of the model ('${name}')`);
  for (const step of steps) {
    context.where = describe(step.node);
    context.plainSums = step.operator?.sums ?? false;
    follow(step, t, context);
    freezeInside(step.node, inner, context);
    if (step.opaque === undefined) continue;
    guessRoles(step, context);
    for (const name of [...usedValues(step.node), ...step.node.outputs]) freeze(name, step.opaque);
  }
  for (const { name } of graph.outputs) {
    freeze(name, `its positions are an output of the model ('${name}')`, true);
  }
}

const alone = (where: string): string =>
  where === '' ? 'it has one position only' : `a position of it is used by itself around ${where}`;

/** Of weights that cannot be followed: filters first, as convolutions have it; columns last in a product. */
function guessRoles({ node, inputs }: Step, c: Context): void {
  const [out, within] = node.op === 'MatMul' ? [1, 0] : [0, 1];
  for (const core of inputs) {
    if (!core || c.shape(core).length < 2) continue;
    c.role(core, out, 'out');
    c.role(core, within, 'in');
  }
}

/** Labels for the part of the tape that a node was expanded into. */
function follow(step: Step, t: Tape, context: Context): void {
  followNodes(t.nodes.slice(step.from, step.to), t, context, new Set(step.inputs));
  const first = step.to > step.from ? t.nodes[step.from] : undefined;
  for (const axis of first ? (step.operator?.rigid?.(step.site!) ?? []) : []) {
    context.atoms.freeze(context.labels(first!.outputs[0])[axis], reasonFor.fixed(context.where));
  }
  if (first) freezeFixed(step, context);
}

/** `uses`: constants that are the node's own inputs. */
function followNodes(
  nodes: readonly CoreNode[],
  t: Tape,
  context: Context,
  uses: ReadonlySet<string | undefined> = new Set(),
): void {
  for (const node of nodes) {
    for (const name of node.inputs) {
      const { constant, shape } = t.type(name);
      if (!constant || uses.has(name)) continue;
      context.labels(name).forEach((label, axis) => {
        if (!uniformAlong(constant.data as ArrayLike<number>, shape, axis)) {
          context.atoms.freeze(label, `its positions are told apart by ${context.where}`);
        }
      });
    }
    rules[node.op](node, context);
  }
}

/** Axes that the operator says must stay as they are. */
function freezeFixed(
  { site, operator, inputs }: Pick<Step, 'site' | 'operator' | 'inputs'>,
  { atoms, labels, where }: Context,
): void {
  for (const [i, axes] of (operator?.fixed?.(site!) ?? []).entries())
    for (const axis of inputs[i] ? axes : []) atoms.freeze(labels(inputs[i]!)[axis], reasonFor.fixed(where));
}

/**
 * In bodies stays what an operator fixes, and what it regroups by settings that the body computes: only what comes from around a body can be
 * replaced there.
 */
function freezeInside(node: Node, written: Walk['inner'], context: Context): void {
  const body = bodyOf(node);
  if (!body) return;
  const { atoms, labels } = context;
  const around = context.where;
  const made = new Set(body.nodes.flatMap(({ outputs }) => outputs));
  for (const each of body.nodes) {
    const found = written.get(each);
    if (!found) continue;
    context.where = `${describe(each)} in ${around}`;
    const { opset, types, inputs, outputs } = found;
    const operator = findOperator(each)!;
    const site = { node: each, opset, inputs: types };
    freezeFixed({ site, operator, inputs }, context);
    const computed = (operator.settings ?? []).some((i) => made.has(each.inputs[i] ?? ''));
    const stays = operator.rigid !== undefined || (computed && operator.resize !== undefined);
    for (const core of stays ? [...inputs, ...outputs] : [])
      for (const label of core ? labels(core) : []) atoms.freeze(label, reasonFor.fixed(context.where));
    freezeInside(each, written, context);
  }
  context.where = around;
}

/** Whether a constant is the same at all positions of an axis. */
function uniformAlong(data: ArrayLike<number>, shape: readonly number[], axis: number): boolean {
  const inside = shape.slice(axis + 1).reduce((n, dim) => n * dim, 1);
  const size = shape[axis];
  for (let i = 0; i < data.length; i++) {
    if (Math.floor(i / inside) % size > 0 && data[i] !== data[i - inside]) return false;
  }
  return true;
}

/** Axes that a weight has before it is regrouped are for what those are for that it has afterwards. */
function passBack(roles: Map<number, Role>, blocks: readonly Block[]): void {
  for (const { from, to } of blocks.toReversed()) {
    const later = new Set(to.flatMap((label) => roles.get(label[0]) ?? []));
    const [role] = later;
    if (later.size !== 1) continue;
    for (const label of from) for (const atom of label) if (!roles.has(atom)) roles.set(atom, role);
  }
}

/** Freezes what the caller wants to stay. */
function protect(
  { graph }: Walk,
  { labels, atoms }: Context,
  roles: ReadonlyMap<number, Role>,
  { ignore = [], freeze = [] }: CouplingOptions,
): void {
  const keep = (name: string, whole: boolean) => {
    if (!graph.initializers.has(name)) return;
    for (const label of labels(name)) {
      if (whole || roles.get(label[0]) !== 'in') atoms.freeze(label, 'it is to stay as it is');
    }
  };
  for (const name of ignore) keep(name, false);
  for (const name of freeze) keep(name, true);
}

/** Ties positions of weights as they are tied elsewhere: where there is a choice between axes, only the same one is left. */
function agree({ graph, tape: t }: Walk, { labels, atoms }: Context, like: Coupling): void {
  const first = new Map<number, number>();
  for (const name of graph.initializers.keys()) {
    if (t.type(name).constant) continue;
    const there = like.labels(name);
    for (const [axis, label] of labels(name).entries()) {
      for (const [i, atom] of label.entries()) {
        const root = like.atoms.find(there[axis][i]);
        const reason = like.atoms.reason(root);
        const known = first.get(root);
        if (reason !== undefined) atoms.freeze(Int32Array.of(atom), reason);
        else if (known === undefined) first.set(root, atom);
        else atoms.join(known, atom);
      }
    }
  }
}
