/** What stays of every value once units are removed. */
import type { Kept, Type } from '../../graph/index.js';
import { type Graph, type Tensor, usedValues } from '../../onnx/index.js';
import type { Coupling } from '../find/couple.js';
import type { Analysis } from '../find/groups.js';
import { sliced } from '../find/taken.js';
import type { Walk } from '../find/walk.js';
import type { Channels, Selection } from '../types.js';

/** The graph at one size of what its inputs leave open. */
export interface View {
  walk: Walk;
  /** Positions that stay, of a core value. */
  kept(core: string): Kept;
  /** Constants that shape arithmetic gives in the smaller graph. */
  constants: Map<string, Tensor>;
}

/** A surgery: what is planned, and what it has made so far. */
export interface Plan {
  graph: Graph;
  /** At the size that the groups were found at, then at others, so that nothing is written down that holds at one size only. */
  views: readonly [View, ...View[]];
  initializers: Map<string, Tensor>;
  /** How often each value is used. */
  uses: Map<string, number>;
  /** The step that makes each value. */
  makers: ReadonlyMap<string, number>;
  /** Values that were made in place of others, by those and what they hold. */
  made: Map<string, string>;
}

/** What must be written down differs between sizes and cannot be computed from them. */
export class HoldsAtOneSize extends Error {}

/** @throws HoldsAtOneSize where other units would go at another size. */
export function planOf([first, ...others]: readonly [Analysis, ...Analysis[]], selection: Selection): Plan {
  const { graph, channels, coupling } = first;
  const views: [View, ...View[]] = [viewOf(coupling, goneOf(first, selection))];
  for (const { coupling: other } of others) {
    const gone = goneElsewhere(other, channels, selection);
    views.push(viewOf(other, gone));
  }
  const uses = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(usedValues), ...graph.outputs.map(({ name }) => name)]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of graph.initializers) {
    const data = !coupling.walk.tape.type(name).constant;
    if (data) checkAlike(name, views);
    initializers.set(name, data ? sliced(tensor, views[0].kept(name)) : tensor);
  }
  const makers = new Map(
    coupling.walk.steps.flatMap(({ node }, i) => node.outputs.map((name) => [name, i] as const)),
  );
  return { graph, views, initializers, uses, makers, made: new Map() };
}

/**
 * Of the values of a graph, by name, the positions on each axis that {@link shrink} of a selection keeps.
 * @param graph as the channels were found in it.
 */
export function keptPositions(
  { coupling, classes }: Analysis,
  selection: Selection,
): (value: string) => Kept | undefined {
  const { walk, kept } = viewOf(coupling, goneOf({ classes }, selection));
  return (value) => {
    const core = walk.values.get(value);
    return core === undefined ? undefined : kept(core);
  };
}

/** Classes that go. */
function goneOf({ classes }: Pick<Analysis, 'classes'>, selection: Selection): Set<number> {
  const gone = new Set<number>();
  for (const [name, kept] of selection) {
    classes.get(name)!.forEach((root, unit) => {
      if (!kept[unit]) gone.add(root);
    });
  }
  return gone;
}

/** The same units at another size, by what they are of the weights; undefined where one of them cannot go there. */
function goneElsewhere(
  { labels, atoms }: Coupling,
  { groups }: Channels,
  selection: Selection,
): Set<number> | undefined {
  const gone = new Set<number>();
  for (const { name, members } of groups) {
    const kept = selection.get(name);
    if (!kept) continue;
    for (const { tensor, axis, positions } of members) {
      const label = labels(tensor)[axis];
      positions.forEach((own, unit) => {
        if (!kept[unit]) for (const i of own) gone.add(atoms.find(label[i]));
      });
    }
  }
  return [...gone].every((root) => atoms.reason(root) === undefined) ? gone : undefined;
}

function viewOf({ atoms, labels, walk }: Coupling, gone: ReadonlySet<number> | undefined): View {
  const cache = new Map<ArrayLike<number>, readonly number[]>();
  const positionsOf = (label: ArrayLike<number>): readonly number[] => {
    const found =
      cache.get(label) ?? Array.from(label, (_, i) => i).filter((i) => !gone?.has(atoms.find(label[i])));
    cache.set(label, found);
    return found;
  };
  return { walk, constants: new Map(), kept: (core) => labels(core).map(positionsOf) };
}

/** @throws HoldsAtOneSize where a weight would lose other positions at another size. */
function checkAlike(name: string, [first, ...others]: readonly View[]): void {
  const wanted = first.kept(name);
  if (!others.every((view) => sameKept(wanted, view.kept(name))))
    throw new HoldsAtOneSize(`other positions of ${name} would go at another size`);
}

/** Whether the same positions stay. */
const sameKept = (a: Kept, b: Kept): boolean =>
  a.length === b.length &&
  a.every(
    (positions, axis) =>
      positions === b[axis] ||
      (positions.length === b[axis].length && positions.every((p, i) => p === b[axis][i])),
  );

/** Shape of an ONNX value in the smaller graph; undefined where nothing is known of it. */
export function shapeIn({ walk, kept }: View, name: string): number[] | undefined {
  const core = walk.values.get(name);
  return core === undefined ? undefined : kept(core).map(({ length }) => length);
}

export const typeIn = ({ tape, values }: Walk, name: string): Type | undefined => {
  const core = values.get(name);
  return core === undefined ? undefined : tape.type(core);
};

/** A name that no value, initialiser or node of the surgery has. */
export function unique(wanted: string, { initializers, views: [{ walk }], uses }: Plan): string {
  let name = wanted;
  for (let n = 2; initializers.has(name) || walk.values.has(name) || uses.has(name); n++)
    name = `${wanted}.${n}`;
  uses.set(name, 1);
  return name;
}
