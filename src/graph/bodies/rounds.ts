/**
 * How many rounds a Loop or Scan goes, and what is known of its values before it runs.
 *
 * Whatever follows from constants and the number of the round alone (counters, bounds, places to read from) is computed here for every
 * round; a Loop goes on until its condition, which must be such a value, says that it ends.
 */
import { fail } from '../../base/index.js';
import { type Node, sizeOf, type Tensor, usedValues } from '../../onnx/index.js';
import type { Type } from '../core.js';
import { budget, foldedTypes } from '../fold.js';
import { needed } from '../needed.js';
import { type Budget, describe, required, type Site, Unsupported } from '../operator.js';
import { tape } from '../tape.js';
import { type Known, type Written, writeNode } from '../write.js';
import type { Form } from './form.js';

/** Rounds of a Loop, at most. */
const MOST_ROUNDS = 2 ** 16;
/** Elements of a state that may be known in every round. */
const LARGEST_KNOWN = 4096;

export interface Rounds {
  count: number;
  /** Nodes that have a part in the results, in order. */
  nodes: readonly Node[];
  /** Of values of the body: those of the first round, with the contents that are the same in all rounds. */
  types: ReadonlyMap<string, Omit<Type, 'laned'>>;
  /** Values that are known in every round, though not the same in all: their contents round by round. */
  known: ReadonlyMap<string, readonly Tensor[]>;
  /** States that are known before every round, and behind the last: by name, what they are in the end. */
  ends: ReadonlyMap<string, Tensor>;
  /** States that stay what they are. */
  constant: ReadonlySet<string>;
  /** Nodes whose results are known in every round, and follow from its number. */
  scheduled: ReadonlySet<Node>;
  /** Every node as it is in the first round. */
  written: ReadonlyMap<Node, Written>;
}

/** @throws Unsupported where the rounds are not known, or what they hand on changes its shape. */
export function roundsOf(form: Form, site: Site): Rounds {
  const outputs = [...form.states.map(({ next }) => next), ...form.gives.map(({ name }) => name)];
  const wanted = new Set([...outputs, ...(form.counts ? [form.counts.on] : [])]);
  const nodes = needed(form.body.nodes, wanted, usedValues);
  const constant = new Set(
    form.states.flatMap(({ name, next }) => (sourceOf(next, nodes) === name ? [name] : [])),
  );
  const maybe = new Map(
    form.states.flatMap(({ name, index }) => {
      const tensor = site.inputs[index]?.constant;
      return tensor && !constant.has(name) && sizeOf(tensor.shape) <= LARGEST_KNOWN
        ? [[name, tensor] as const]
        : [];
    }),
  );
  const first = firstRound({ form, site, nodes }, maybe);
  checkStates(form, first.types, new Set([...maybe.keys(), ...constant]));
  return { nodes, constant, ...first, ...allRounds({ form, site, nodes, maybe, first }) };
}

/** What a value is another name of. */
function sourceOf(name: string, nodes: readonly Node[]): string {
  const maker = nodes.find(({ outputs }) => outputs.includes(name));
  return maker?.op === 'Identity' && maker.domain === '' ? sourceOf(maker.inputs[0], nodes) : name;
}

interface Given {
  form: Form;
  site: Site;
  nodes: readonly Node[];
}

interface First {
  types: Map<string, Omit<Type, 'laned'>>;
  written: Map<Node, Written>;
}

const wholeNumber = (value: number): Tensor => ({
  dtype: 'int64',
  shape: [],
  data: BigInt64Array.of(BigInt(value)),
});
export const truth = (value: boolean): Tensor => ({
  dtype: 'bool',
  shape: [],
  data: Uint8Array.of(Number(value)),
});

/** The first round, with as many states known as stay so: the others are taken out of `maybe`. */
function firstRound(given: Given, maybe: Map<string, Tensor>): First {
  for (;;) {
    const first = typed(given, maybe);
    const lost = given.form.states.filter(
      ({ name, next }) => maybe.has(name) && !first.types.get(next)!.constant,
    );
    if (lost.length === 0) return first;
    for (const { name } of lost) maybe.delete(name);
  }
}

function typed({ form, site, nodes }: Given, maybe: ReadonlyMap<string, Tensor>): First {
  const t = tape();
  const values = new Map<string, string>();
  const dtypes = new Map<string, Type['dtype']>();
  const declare = (name: string, type: Type) => {
    values.set(name, t.declare(`given#${name}`, type));
    dtypes.set(name, type.dtype);
  };
  const constant = (name: string, tensor: Tensor) =>
    declare(name, { ...tensor, laned: false, constant: tensor });
  for (const { name, index } of form.captures) declare(name, required(site, index));
  for (const { name, index } of form.states) {
    const { constant: contents, ...type } = required(site, index);
    const invariant = form.states.some(
      (state) => state.name === name && sourceOf(state.next, nodes) === name,
    );
    declare(name, maybe.has(name) || (invariant && contents) ? { ...type, constant: contents } : type);
  }
  for (const { name, index, axis } of form.items) {
    const { dtype, shape, laned } = required(site, index);
    declare(name, { dtype, shape: shape.filter((_, i) => i !== axis), laned });
  }
  if (form.counts) {
    constant(form.counts.round, wholeNumber(0));
    constant(form.counts.goes, truth(true));
  }
  const known = { b: t, values, dtypes, left: budget(), ...operatorsIn(form) };
  const written = new Map(nodes.map((node) => [node, writeNode(node, known)]));
  const types = new Map(
    [...values].map(([name, core]): [string, Omit<Type, 'laned'>] => [
      name,
      { ...t.type(core), dtype: dtypes.get(name)! },
    ]),
  );
  return { types, written };
}

/** Operators in a body; their versions are the model's own, and 1 of other domains. */
export const operatorsIn = ({ opset, operatorFor }: Form): Pick<Known, 'operatorFor' | 'opsetOf'> => ({
  operatorFor,
  opsetOf: (domain) => (domain === '' || domain === 'ai.onnx' ? opset : 1),
});

/** @throws Unsupported for a state that is not known and changes its shape. */
function checkStates({ node, states }: Form, types: First['types'], known: ReadonlySet<string>): void {
  for (const { name, next } of states) {
    const [before, behind] = [types.get(name)!.shape, types.get(next)!.shape];
    if (!known.has(name) && before.join() !== behind.join())
      fail(
        `${describe(node)} hands on a value of shape [${before}] as one of shape [${behind}]; espalier computes loops whose values keep their shapes.`,
        Unsupported,
      );
  }
}

interface Begun extends Given {
  maybe: ReadonlyMap<string, Tensor>;
  first: First;
}

/** Goes through the rounds with what is known alone. */
function allRounds({
  form,
  site,
  nodes,
  maybe,
  first,
}: Begun): Pick<Rounds, 'known' | 'count' | 'ends' | 'scheduled'> {
  const { counts, states } = form;
  const most = mostRounds(form, site);
  const changing = scheduled(nodes, first, [...maybe.keys(), ...(counts ? [counts.round] : [])]);
  const left = budget();
  const lists = new Map<string, Tensor[]>();
  let now = new Map(maybe);
  let count = 0;
  for (let on = true; on && count < most; count++) {
    if (counts && count === MOST_ROUNDS)
      fail(
        `${describe(form.node)} goes more than ${MOST_ROUNDS} rounds, which espalier does not compute.`,
        Unsupported,
      );
    const values = new Map(now);
    if (counts) values.set(counts.round, wholeNumber(count));
    for (const node of changing) evaluate(node, values, left);
    for (const [name, tensor] of values) {
      const list = lists.get(name) ?? [];
      if (list.length === 0) lists.set(name, list);
      list.push(tensor);
    }
    const found = (name: string) => values.get(name) ?? first.types.get(name)!.constant;
    now = new Map(
      states.flatMap(({ name, next }) => (maybe.has(name) ? [[name, found(next)!] as const] : [])),
    );
    if (counts) on = isTrue(found(counts.on), form);
  }
  const known = new Map(
    [...lists].filter(([, [one, ...others]]) => !others.every((other) => equal(one, other))),
  );
  return { known, count, ends: now, scheduled: new Set(changing.map(({ site: { node } }) => node)) };
}

/** @throws Unsupported where only a run knows. */
function mostRounds({ node, counts, items }: Form, site: Site): number {
  if (!counts) {
    const [{ index, axis }] = items;
    const lengths = items.map((item) => required(site, item.index).shape[item.axis]);
    if (lengths.some((length) => length !== lengths[0]))
      fail(`${describe(node)} goes over lists of different lengths [${lengths}]; the model is damaged.`);
    return required(site, index).shape[axis];
  }
  const [count, goes] = site.inputs;
  if (count && !count.constant)
    fail(
      `${describe(node)} goes for a number of rounds that is computed from data; espalier needs it known when the model is compiled.`,
      Unsupported,
    );
  if (goes && !goes.constant) onlyDataSay(node);
  if (goes?.constant && !Number(goes.constant.data[0])) return 0;
  return count?.constant ? Number(count.constant.data[0]) : Number.POSITIVE_INFINITY;
}

const onlyDataSay = (node: Node): never =>
  fail(
    `${describe(node)} goes on for as long as data say; espalier computes loops whose number of rounds is known when the model is compiled.`,
    Unsupported,
  );

const isTrue = (tensor: Tensor | undefined, { node }: Form): boolean =>
  Boolean(Number((tensor ?? onlyDataSay(node)).data[0]));

/** Nodes whose results are known in every round, and follow from its number. */
function scheduled(nodes: readonly Node[], { types, written }: First, from: readonly string[]): Written[] {
  const follows = new Set(from);
  return nodes.flatMap((node) => {
    if (!usedValues(node).some((name) => follows.has(name))) return [];
    for (const name of node.outputs) follows.add(name);
    const all = [...node.inputs, ...node.outputs].filter((name) => name !== '');
    return all.every((name) => types.get(name)!.constant) ? [written.get(node)!] : [];
  });
}

function evaluate({ site, operator }: Written, values: Map<string, Tensor>, left: Budget): void {
  const { node } = site;
  const inputs = node.inputs.map((name, i) => {
    const constant = values.get(name);
    return constant ? { ...site.inputs[i]!, shape: constant.shape, constant } : site.inputs[i];
  });
  const types = foldedTypes({ ...site, inputs }, operator, left);
  for (const [i, name] of node.outputs.entries()) if (name !== '') values.set(name, types[i].constant!);
}

const equal = (a: Tensor, b: Tensor): boolean =>
  a.shape.join() === b.shape.join() &&
  (a.data as ArrayLike<unknown> as unknown[]).every((value, i) => Object.is(value, b.data[i]));
