/** A Loop or Scan as the core operator `scan`, its body written once. */
import { type DType, emptyData, sizeOf, type Tensor, usedValues } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { budget } from '../fold.js';
import { loop } from '../loop.js';
import type { Site } from '../operator.js';
import { cut, pick, range, reshape, transpose } from '../ops/emit.js';
import { writeNode } from '../write.js';
import type { Form, ListForm } from './form.js';
import { listOf, type Picked, pickedBy } from './picked.js';
import { operatorsIn, type Rounds } from './rounds.js';

interface Loop {
  form: Form;
  rounds: Rounds;
  site: Site;
  /** Core values of the node's inputs. */
  inputs: readonly string[];
  b: Build;
}

/** Writes the loop; core values of the node's outputs, in order. */
export function expandBody(given: Loop): string[] {
  const { form, rounds, site, b } = given;
  const outputs: string[] = [];
  const running = form.states.filter(({ name }) => !rounds.ends.has(name) && !rounds.constant.has(name));
  const made = rounds.count === 0 ? undefined : written(given, running);
  form.states.forEach(({ name, index }, k) => {
    const end = rounds.ends.get(name);
    const at = running.findIndex((state) => state.name === name);
    if (end) outputs[k] = b.constant(end);
    else outputs[k] = made && at >= 0 ? last(b, made.states[at], rounds.count) : given.inputs[index];
  });
  for (const give of form.gives) {
    const list = made ? made.gives.get(give.name)! : nothing(b, rounds, give);
    outputs[give.index] = placed(b, list, give);
  }
  return outputs.slice(0, site.node.outputs.length);
}

const last = (b: Build, list: string, count: number): string =>
  reshape(b, cut(b, list, 0, count, 1), b.type(list).shape.slice(1));

const nothing = (b: Build, { types }: Rounds, { name }: ListForm): string => {
  const { dtype, shape } = types.get(name)!;
  return b.constant({ dtype, shape: [0, ...shape], data: new Float32Array() });
};

/** The rounds, and by its name in the body each value that they give out, as a list of all of them. */
function written(given: Loop, running: Form['states']): { states: string[]; gives: Map<string, string> } {
  const { form, rounds, inputs, b } = given;
  const picked = pickedIn(given);
  const listed = [...rounds.known].filter(([name]) => isRead(given, name, picked));
  const data = form.items.map((item) => entries(b, inputs[item.index], item));
  const chosen = [...picked].map(([, one]) => listOf(b, outsideValue(given, one.from)!, one));
  const plain = listed.map(([, list]) => b.constant(stacked(list)));
  const told = new Map<string, string>();
  const gives = [...new Set(form.gives.map(({ name }) => name))].filter((name) => {
    const list = rounds.known.get(name);
    if (list) told.set(name, b.constant(stacked(list)));
    return !list;
  });
  const made = loop(b, {
    length: rounds.count,
    states: running.map(({ index }) => inputs[index]),
    items: [...data, ...chosen, ...plain],
    body(states, items) {
      const values = new Map<string, string>();
      for (const { name, index } of form.captures) values.set(name, inputs[index]);
      for (const { name, index } of form.states)
        if (rounds.constant.has(name)) values.set(name, inputs[index]);
      running.forEach(({ name }, k) => {
        values.set(name, states[k]);
      });
      const names = [
        ...form.items.map(({ name }) => name),
        ...picked.keys(),
        ...listed.map(([name]) => name),
      ];
      names.forEach((name, k) => {
        const shape = picked.get(name)?.shape;
        values.set(name, shape ? reshape(b, items[k], shape) : items[k]);
      });
      writeRound(given, values);
      const core = (name: string) => values.get(name)!;
      return { next: running.map(({ next }) => core(next)), gives: gives.map(core) };
    },
  });
  gives.forEach((name, k) => {
    told.set(name, made.gives[k]);
  });
  return { states: made.states, gives: told };
}

/** Values that each round reads at places of its own, by the results that they are. */
function pickedIn(given: Loop): Map<string, Picked> {
  const found = new Map<string, Picked>();
  for (const node of given.rounds.nodes) {
    if (given.rounds.scheduled.has(node)) continue;
    const one = pickedBy(node, given.rounds, (name) => outsideValue(given, name) !== undefined);
    if (one) found.set(node.outputs[0], one);
  }
  return found;
}

/** The core value of what is the same in every round. */
function outsideValue({ form, rounds, inputs }: Loop, name: string): string | undefined {
  const state = rounds.constant.has(name) ? form.states.find((one) => one.name === name) : undefined;
  const found = state ?? form.captures.find((one) => one.name === name);
  return found && inputs[found.index];
}

/** Whether a value that is known in every round is read by something that is not. */
function isRead({ form, rounds }: Loop, name: string, picked: ReadonlyMap<string, Picked>): boolean {
  const reads = rounds.nodes.some(
    (node) => !picked.has(node.outputs[0]) && !rounds.scheduled.has(node) && usedValues(node).includes(name),
  );
  return reads || form.states.some(({ next, name: state }) => next === name && !rounds.ends.has(state));
}

/** The nodes of a round over its values, but for those whose results are there already. */
function writeRound({ form, rounds, b }: Loop, values: Map<string, string>): void {
  const dtypes = new Map<string, DType>([...rounds.types].map(([name, { dtype }]) => [name, dtype]));
  const constantly = (name: string) => {
    const constant = rounds.types.get(name)?.constant;
    if (constant && !values.has(name) && !rounds.known.has(name)) values.set(name, b.constant(constant));
  };
  for (const name of rounds.ends.keys()) constantly(name);
  if (form.counts) for (const name of [form.counts.round, form.counts.goes]) constantly(name);
  const known = { b, values, dtypes, left: budget(), ...operatorsIn(form) };
  for (const node of rounds.nodes) {
    if (rounds.scheduled.has(node)) for (const name of node.outputs) constantly(name);
    if (node.outputs.every((name) => values.has(name) || rounds.known.has(name))) continue;
    const made = writeNode(node, known);
    const { opset, inputs: types } = made.site;
    b.tell?.(node, { opset, types, inputs: made.inputs, outputs: made.outputs });
  }
}

/** What a Scan goes over, its entries first, in the order of the rounds. */
function entries(b: Build, list: string, { axis, reverse }: ListForm): string {
  const { shape } = b.type(list);
  const first = transpose(b, list, [axis, ...range(shape.length).filter((i) => i !== axis)]);
  return reverse ? reversed(b, first) : first;
}

const reversed = (b: Build, list: string): string => pick(b, list, 0, range(b.type(list).shape[0]).reverse());

/** A list of all rounds, as the node gives it. */
function placed(b: Build, list: string, { axis, reverse }: ListForm): string {
  const turned = reverse ? reversed(b, list) : list;
  const rank = b.type(list).shape.length;
  const to = axis < 0 ? axis + rank : axis;
  return transpose(
    b,
    turned,
    range(rank).map((i) => (i === to ? 0 : i < to ? i + 1 : i)),
  );
}

/** One tensor below another. */
function stacked(list: readonly Tensor[]): Tensor {
  const [{ dtype, shape }] = list;
  const size = sizeOf(shape);
  const data = emptyData(dtype, size * list.length) as unknown as unknown[];
  list.forEach((tensor, k) => {
    for (let i = 0; i < size; i++) data[k * size + i] = tensor.data[i];
  });
  return { dtype, shape: [list.length, ...shape], data: data as unknown as Tensor['data'] };
}
