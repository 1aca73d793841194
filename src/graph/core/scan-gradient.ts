/**
 * The gradient of a loop is a loop the other way round. Its body computes what the forward body has not given out once more, from the
 * state before each moment, which was kept, and differentiates it. A weight's gradient does not grow in the loop: what it is a product
 * of is given out, and multiplied over all moments at once.
 */
import { floatTensor, sizeOf } from '../../onnx/index.js';
import type { Build, CoreNode } from '../core.js';
import { loop } from '../loop.js';
import { convDerivatives } from './conv.js';
import { reshaped } from './derive.js';
import type { Derivatives, Differentiate, Gradients, Tangent } from './operator.js';
import { sumOf } from './tangents.js';

type Names = (string | undefined)[];

const gradients: Gradients<'scan'> = (t, node, dys, wants, inside) => {
  const { length, reverse, states, items, whole } = node.options;
  const [first, last] = reverse ? [length, 0] : [0, length];
  const final = states.map((_, k) => {
    const dy = dys[k];
    return dy === undefined ? zeros(t, node.inputs[k]) : entry(t, dy, last);
  });
  const lists = knownLists(t, node);
  const later = dys.map((dy, k) => dy && (k < states.length ? before(t, dy, node) : dy));
  const uses: Use[] = [];
  /** By a value of the body, the list of what it is at every moment. */
  const place = new Map<string, string>();
  let wanted: boolean[] = [];
  const made = loop(t, {
    length,
    reverse: !reverse,
    states: final,
    items: [...lists.values(), ...later.filter((dy) => dy !== undefined)],
    body(gradients, given) {
      uses.length = 0;
      const local = new Map([...lists.keys()].map((name, k) => [name, given[k]]));
      [...lists.values()].forEach((list, k) => {
        place.set(given[k], list);
      });
      whole.forEach((name, k) => {
        local.set(name, node.inputs[states.length + items.length + k]);
      });
      let at = lists.size;
      const own = later.map((dy) => dy && given[at++]);
      const written = bodyGradients(t, node, { local, gradients, own, wants, inside, uses });
      wanted = written.items.map((name) => name !== undefined);
      const gives = [...written.items.filter((name) => name !== undefined), ...givenOut(uses, place)];
      return { next: written.states, gives };
    },
  });
  let at = 0;
  const ofItems = wanted.map((there) => (there ? made.gives[at++] : undefined));
  givenOut(uses, place).forEach((name, k) => {
    place.set(name, made.gives[at + k]);
  });
  const ofWhole = whole.map((_, k) => {
    const name = node.inputs[states.length + items.length + k];
    return sumOf(
      t,
      uses.filter((use) => use.name === name).map((use) => partOf(t, use, place)),
    );
  });
  return [...made.states.map((stack) => entry(t, stack, first)), ...ofItems, ...ofWhole];
};

/** The loop once more, with what its states move by as further states. */
const tangent: Tangent<'scan'> = (t, node, moved, count, inside) => {
  const { length, reverse, states, items, whole, gives, nodes } = node.options;
  const of = (k: number) => node.inputs[k];
  const [atItems, atWhole] = [states.length, states.length + items.length];
  const moving = items.map((_, k) => moved[atItems + k]);
  const made = loop(t, {
    ...{ length, reverse },
    states: [...states.map((_, k) => of(k)), ...states.map((_, k) => moved[k] ?? zeros(t, of(k)))],
    items: [...items.map((_, k) => of(atItems + k)), ...moving.filter((name) => name !== undefined)],
    body(now, given) {
      const local = new Map<string, string>();
      const tangents = new Map<string, string>();
      states.forEach(({ name }, k) => {
        local.set(name, now[k]);
      });
      states.forEach((_, k) => {
        tangents.set(now[k], now[states.length + k]);
      });
      let at = items.length;
      items.forEach((name, k) => {
        local.set(name, given[k]);
        if (moving[k] !== undefined) tangents.set(given[k], given[at++]);
      });
      whole.forEach((name, k) => {
        const [value, by] = [of(atWhole + k), moved[atWhole + k]];
        local.set(name, value);
        if (by !== undefined) tangents.set(value, by);
      });
      inside(t, again(t, nodes, local), tangents, count);
      const movedBy = (name: string): string => {
        const value = local.get(name) ?? name;
        return tangents.get(value) ?? zeros(t, value);
      };
      const next = states.map((state) => local.get(state.next) ?? state.next);
      return { next: [...next, ...states.map((state) => movedBy(state.next))], gives: gives.map(movedBy) };
    },
  });
  return [...made.states.slice(states.length), ...made.gives];
};

export const scanDerivatives: Derivatives<'scan'> = { gradient: 'none', gradients, tangent };

/** Values of the body of which there is a list: states, items, and what is given out. */
function knownLists(t: Build, node: CoreNode<'scan'>): Map<string, string> {
  const { states, items, gives } = node.options;
  const lists = new Map<string, string>();
  const know = (name: string, list: () => string) => {
    if (!lists.has(name)) lists.set(name, list());
  };
  states.forEach(({ name }, k) => {
    know(name, () => before(t, node.outputs[k], node));
  });
  items.forEach((name, k) => {
    know(name, () => node.inputs[states.length + k]);
  });
  gives.forEach((name, k) => {
    know(name, () => node.outputs[states.length + k]);
  });
  states.forEach(({ next }, k) => {
    know(next, () => behind(t, node.outputs[k], node));
  });
  for (const name of node.options.whole) lists.delete(name);
  return lists;
}

/** A use of a whole value: the conv that reads it, whose image and gradient are given out, or what it adds to the gradient. */
type Use = { name: string } & (
  | { conv: CoreNode<'conv'>; input: number; image: string; gradient: string }
  | { part: string }
);

const valuesOf = (use: Use): string[] => ('part' in use ? [use.part] : [use.image, use.gradient]);

/** What uses need of the body that is not a list already. */
const givenOut = (uses: readonly Use[], lists: ReadonlyMap<string, string>): string[] =>
  [...new Set(uses.flatMap(valuesOf))].filter((name) => !lists.has(name));

interface Around {
  /** Values of the forward body by what they are in this one. */
  local: Map<string, string>;
  /** Of the states behind the moment, from what comes later. */
  gradients: readonly string[];
  /** Of the states before it and of what is given out, from outside. */
  own: Names;
  wants: readonly boolean[];
  inside: Differentiate;
  uses: Use[];
}

/** Writes the body: the gradients of the states before a moment, and of its items where they are wanted. */
function bodyGradients(t: Build, node: CoreNode<'scan'>, around: Around): { states: string[]; items: Names } {
  const { states, items, whole, gives } = node.options;
  const { local, gradients, own, wants, inside, uses } = around;
  const nodes = again(t, node.options.nodes, local);
  const seeds = new Map<string, string>();
  const seed = (name: string, dy: string | undefined) => {
    const here = local.get(name) ?? name;
    const sum = sumOf(t, [seeds.get(here), dy]);
    if (sum !== undefined) seeds.set(here, sum);
  };
  states.forEach(({ next }, k) => {
    seed(next, gradients[k]);
  });
  gives.forEach((name, k) => {
    seed(name, own[states.length + k]);
  });
  const itemNames = items.map((name, k) => (wants[states.length + k] ? local.get(name)! : undefined));
  const wholes = whole.flatMap((name, k) =>
    wants[states.length + items.length + k] ? [local.get(name)!] : [],
  );
  const roots = states.map(({ name }) => local.get(name)!);
  const found = inside(t, nodes, seeds, [...roots, ...itemNames.filter((name) => name !== undefined)], {
    apart: new Set(wholes),
    take(user, input, dys, part) {
      const name = user.inputs[input];
      const [gradient] = dys;
      if (user.op === 'conv' && input > 0 && gradient !== undefined)
        uses.push({ name, conv: user as CoreNode<'conv'>, input, image: user.inputs[0], gradient });
      else {
        const made = part();
        if (made !== undefined) uses.push({ name, part: made });
      }
    },
  });
  return {
    states: roots.map((name, k) => sumOf(t, [found.get(name), own[k]]) ?? zeros(t, name)),
    items: itemNames.map((name) => (name === undefined ? undefined : (found.get(name) ?? zeros(t, name)))),
  };
}

/** The nodes of the forward body over the values of this one; of what is there already nothing is computed. */
function again(t: Build, nodes: readonly CoreNode[], local: Map<string, string>): CoreNode[] {
  return nodes.map((node) => {
    const inputs = node.inputs.map((name) => local.get(name) ?? name);
    const there = node.outputs.every((name) => local.has(name));
    const outputs = there
      ? node.outputs.map((name) => local.get(name)!)
      : t.emit(node.op, inputs, node.options);
    node.outputs.forEach((name, k) => {
      local.set(name, outputs[k]);
    });
    return { ...node, inputs, outputs, gradient: undefined };
  });
}

/** What a use adds to the gradient of a whole value, over all moments. */
function partOf(t: Build, use: Use, lists: ReadonlyMap<string, string>): string | undefined {
  if ('part' in use) return overMoments(t, lists.get(use.part)!);
  const { conv, input } = use;
  const [image, gradient] = [use.image, use.gradient].map((name) => {
    const all = lists.get(name)!;
    const [length, batch, ...rest] = t.type(all).shape;
    return reshaped(t, all, [length * batch, ...rest]);
  });
  const inputs = [image, ...conv.inputs.slice(1)];
  return convDerivatives.gradient === 'none'
    ? undefined
    : convDerivatives.gradient(
        t,
        { ...conv, inputs },
        gradient,
        inputs.map((_, i) => i === input),
      )[input];
}

/** The sum of the entries of a list. */
function overMoments(t: Build, list: string): string {
  const [length, ...rest] = t.type(list).shape;
  const sum = length === 1 ? list : t.emit('reduce', [list], { how: 'sum', axes: [0] })[0];
  return reshaped(t, sum, rest);
}

const zeros = (t: Build, name: string): string => {
  const { shape } = t.type(name);
  return t.constant(floatTensor(shape, new Float32Array(sizeOf(shape))));
};

/** Entry `moment` of a list. */
function entry(t: Build, list: string, moment: number): string {
  const { shape } = t.type(list);
  return reshaped(t, stretch(t, list, moment, 1), shape.slice(1));
}

/** The states before every moment, of a list of all. */
const before = (t: Build, list: string, { options: { length, reverse } }: CoreNode<'scan'>): string =>
  stretch(t, list, reverse ? 1 : 0, length);

const behind = (t: Build, list: string, { options: { length, reverse } }: CoreNode<'scan'>): string =>
  stretch(t, list, reverse ? 0 : 1, length);

function stretch(t: Build, list: string, from: number, length: number): string {
  const { shape } = t.type(list);
  return t.emit('slice', [list], {
    starts: shape.map((_, axis) => (axis === 0 ? from : 0)),
    steps: shape.map(() => 1),
    sizes: [length, ...shape.slice(1)],
  })[0];
}
