/**
 * From positions that go together to units and groups.
 *
 * A class of atoms is a *unit* if nothing froze it and it is produced or read by a weight. Units that lie on the same axes of
 * the same weights, equally often, are one *group*: the layers that meet in a DenseNet's concatenation, the halves of a
 * split, or the padded part of a shortcut come out as groups of their own.
 */
import { fail, flag, names, namesMeant, type Setting } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import type { ChannelOptions, Channels, Frozen, Group, Member, Role } from '../types.js';
import { type Coupling, couple } from './couple.js';
import { checkSums } from './levels.js';
import { walk } from './walk.js';
import { withMembers } from './weights.js';

/** Which channels there are. */
export const groupSettings = {
  ignore: names(
    'names of weights that keep all their output channels; * matches any text, as in layer1.*',
    'NAMES',
  ),
  freeze: names(
    'names of weights that keep all their output and input channels; * matches any text, as in layer1.*',
    'NAMES',
  ),
  heads: flag('remove attention heads only as a whole'),
} satisfies Partial<Record<keyof ChannelOptions, Setting>>;

/** Channels of a graph, and what surgery needs beside: which class every unit is. */
export interface Analysis {
  /** The graph with all weights as initialisers. */
  graph: Graph;
  coupling: Coupling;
  channels: Channels;
  /** Of every group, the class of each unit. */
  classes: ReadonlyMap<string, readonly number[]>;
}

/**
 * Finds what can be removed from a graph and what cannot. It depends on the graph's structure alone, not on the numbers in its weights.
 * Weights that nodes make up (Constant, ConstantOfShape) are members under the names of those nodes' outputs, and vectors that
 * several nodes share once for each: `withMembers` gives the graph that has them so.
 * @throws UserError where an input's shape is open beyond the batch, or a weight to ignore or freeze does not exist.
 */
export const findChannels = (graph: Graph, options: ChannelOptions = {}): Channels =>
  analyse(graph, options).channels;

/** The weights that names and patterns mean. @throws UserError on one that means none. */
export const weightsMeant = (wanted: readonly string[] | undefined, { initializers }: Graph): string[] =>
  namesMeant(wanted ?? [], [...initializers.keys()], (name, guess) =>
    fail(
      `The model has no weight '${name}' that could be kept from pruning${guess ? ` (did you mean ${guess}?)` : ''}; espalier inspect lists its weights, and * stands for any text.`,
    ),
  );

/** {@link findChannels} with what it found on the way; `like`: the same graph at another size, whose units are to be found. */
export function analyse(given: Graph, options: ChannelOptions = {}, like?: Analysis): Analysis {
  const graph = withMembers(given);
  const [ignore, freeze] = [options.ignore, options.freeze].map((wanted) => weightsMeant(wanted, graph));
  const coupling = couple(walk(graph, options.inputShapes), {
    ...{ ...options, ignore, freeze },
    like: like?.coupling,
  });
  checkSums(coupling);
  const axes = weightAxes(coupling);
  const { groups, classes } = groupsOf(axes, coupling);
  const channels: Channels = {
    groups,
    frozen: frozenOf(axes, coupling),
    floors: floorsOf(coupling, classes),
    options,
  };
  return { graph, coupling, channels, classes };
}

interface WeightAxis {
  tensor: string;
  axis: number;
  role: Role;
  /** The class of each position. */
  roots: readonly number[];
}

/** Axes of all weights, in the order in which nodes use them. */
function weightAxes({ walk: { graph, tape }, labels, roles, atoms }: Coupling): WeightAxis[] {
  const order = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const names = [...order].filter((name) => graph.initializers.has(name) && !tape.type(name).constant);
  return names.flatMap((tensor) =>
    labels(tensor).map(
      (label, axis): WeightAxis => ({
        tensor,
        axis,
        role: roles.get(label[0]) ?? 'along',
        roots: Array.from(label, atoms.find),
      }),
    ),
  );
}

function groupsOf(
  axes: readonly WeightAxis[],
  { atoms }: Coupling,
): { groups: Group[]; classes: Map<string, number[]> } {
  /** Of every class, on which axes it lies, as keys with repetitions. */
  const places = new Map<number, { key: string[]; used: boolean }>();
  for (const [i, { roots, role }] of axes.entries()) {
    for (const root of roots) {
      if (atoms.reason(root) !== undefined) continue;
      const place = places.get(root) ?? { key: [], used: false };
      place.key.push(String(i));
      place.used ||= role !== 'along';
      places.set(root, place);
    }
  }
  const bySignature = new Map<string, number[]>();
  for (const [root, { key, used }] of places) {
    if (!used) continue;
    const signature = key.join();
    bySignature.set(signature, [...(bySignature.get(signature) ?? []), root]);
  }
  const groups: Group[] = [];
  const classes = new Map<string, number[]>();
  const taken = new Map<string, number>();
  for (const [signature, roots] of bySignature) {
    const members = [...new Set(signature.split(','))].map((i) => memberOf(axes[Number(i)], roots));
    const title = (members.find(({ role }) => role === 'out') ?? members[0]).tensor;
    const count = (taken.get(title) ?? 0) + 1;
    taken.set(title, count);
    const name = count === 1 ? title : `${title}#${count}`;
    groups.push({ name, size: roots.length, members });
    classes.set(name, roots);
  }
  return { groups, classes };
}

function memberOf({ tensor, axis, role, roots }: WeightAxis, units: readonly number[]): Member {
  const positions = new Map(units.map((root) => [root, [] as number[]]));
  for (const [i, root] of roots.entries()) positions.get(root)?.push(i);
  return { tensor, axis, role, positions: [...positions.values()] };
}

function frozenOf(axes: readonly WeightAxis[], { atoms }: Coupling): Frozen[] {
  return axes.flatMap(({ tensor, axis, role, roots }) => {
    if (role === 'along' || (role === 'in' && roots.length === 1)) return [];
    const stuck = roots.find((root) => atoms.reason(root) !== undefined);
    return stuck === undefined ? [] : [{ tensor, axis, role, reason: atoms.reason(stuck)! }];
  });
}

/** For every axis of every value that nothing frozen keeps from becoming empty, the groups that make it up. */
function floorsOf(coupling: Coupling, classes: ReadonlyMap<string, readonly number[]>): string[][] {
  const group = new Map<number, string>();
  for (const [name, roots] of classes) for (const root of roots) group.set(root, name);
  const found = new Map<string, Set<string>>();
  const seen = new Set<ArrayLike<number>>();
  for (const label of coupling.axes()) {
    if (seen.has(label) || label.length === 0) continue;
    seen.add(label);
    const names = new Set<string>();
    let free = false;
    for (const atom of label) {
      const name = group.get(coupling.atoms.find(atom));
      if (name === undefined) free = true;
      else names.add(name);
    }
    if (!free) found.set([...names].sort().join('\n'), names);
  }
  const lists = [...found.values()].sort((a, b) => a.size - b.size);
  const least = lists.filter(
    (list, i) => !lists.slice(0, i).some((smaller) => [...smaller].every((name) => list.has(name))),
  );
  return least.map((list) => [...list]);
}
