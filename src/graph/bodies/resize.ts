/** What a Loop or Scan says once channels of what goes through it are removed: its body, node by node. */
import { type Body, bodyOf, int, type Node, ownInputs, sizeOf, type Tensor } from '../../onnx/index.js';
import type { Inside, Kept, Resized } from '../operator.js';

interface Change {
  body: Body;
  settings: NonNullable<Resized['settings']>;
  /** Values from around the body, those among them that it takes only now. */
  captures: string[];
  /** How many inputs of the node come before those. */
  own: number;
}

type Setting = NonNullable<Resized['settings']>[number];

/**
 * @param inside what became of a node of the body.
 */
export function resizeBody(node: Node, inside: (inner: Node) => Inside | undefined): Resized {
  const body = bodyOf(node)!;
  const change: Change = { body, settings: {}, captures: [...body.captures], own: ownInputs(node) };
  const nodes = body.nodes.flatMap((inner) => {
    const found = inside(inner);
    return found ? resized(inner, found, inside, change) : [inner];
  });
  const open = (values: Body['inputs']) =>
    values.map((value) => (value.shape ? { ...value, shape: value.shape.map(() => undefined) } : value));
  const value: Body = {
    ...body,
    nodes,
    captures: change.captures,
    inputs: open(body.inputs),
    outputs: open(body.outputs),
  };
  return { attributes: { body: { type: 'body', value } }, settings: change.settings };
}

/** The nodes that stand for a node of the body. */
function resized(
  node: Node,
  found: Inside,
  inside: (inner: Node) => Inside | undefined,
  change: Change,
): Node[] {
  const { site, operator, inputs, outputs } = found;
  const whole = [...inputs, ...outputs].every((kept) => !kept || kept.whole);
  const said =
    whole || !operator.resize
      ? {}
      : operator.resize(
          site,
          inputs.map((value) => value?.kept),
          outputs.map((value) => value?.kept ?? []),
          inside,
        );
  const names = [...node.inputs];
  for (const [i, setting] of Object.entries(said.settings ?? {})) {
    while (names.length <= Number(i)) names.push('');
    names[Number(i)] = held(names[Number(i)], setting, node, change);
  }
  inputs.forEach((value, i) => {
    const constant = site.inputs[i]?.constant;
    const isSetting = operator.settings?.includes(i) ?? false;
    if (!value || value.whole || !constant || isSetting || change.body.captures.includes(node.inputs[i]))
      return;
    names[i] = held('', partOf(constant, value.kept), node, change);
  });
  const attributes = Object.fromEntries(
    Object.entries({ ...node.attributes, ...said.attributes }).flatMap(([name, attribute]) =>
      attribute ? [[name, attribute]] : [],
    ),
  );
  return picked({ ...node, inputs: names, attributes }, said.picks ?? [], change);
}

/** The name in the body of a value that holds what is wanted: the one that is read, where nothing else is wanted of that. */
function held(name: string, setting: Setting, node: Node, change: Change): string {
  const index = change.body.captures.indexOf(name);
  const other = index >= 0 ? change.settings[change.own + index] : undefined;
  if (index >= 0 && (!other || alike(other, setting))) {
    change.settings[change.own + index] = setting;
    return name;
  }
  const fresh = `${node.name}.kept.${change.captures.length}`;
  change.settings[change.own + change.captures.length] = setting;
  change.captures.push(fresh);
  return fresh;
}

const alike = (a: Setting, b: Setting): boolean =>
  a.shape.join() === b.shape.join() && a.values.join() === b.values.join();

/** The elements of a tensor at positions of its axes. */
function partOf({ dtype, shape, data }: Tensor, kept: Kept): Setting {
  let places = [0];
  for (const [axis, positions] of kept.entries())
    places = places.flatMap((at) => positions.map((position) => at * shape[axis] + position));
  const sizes = kept.map(({ length }) => length);
  const values = sizeOf(sizes) === 0 ? [] : places.map((at) => Number(data[at]));
  return { dtype, shape: sizes, values };
}

/** The node, followed by choices from its result. */
function picked(node: Node, picks: NonNullable<Resized['picks']>, change: Change): Node[] {
  const nodes = [node];
  picks.forEach(({ axis, indices }, k) => {
    const last = nodes[nodes.length - 1];
    const list = held('', { dtype: 'int64', shape: [indices.length], values: indices }, node, change);
    const whole = `${last.outputs[0]}.whole.${k}`;
    nodes[nodes.length - 1] = { ...last, outputs: [whole] };
    nodes.push({
      ...{ name: `${node.name}.kept.${k}`, op: 'Gather', domain: '', inputs: [whole, list] },
      ...{ outputs: last.outputs, attributes: { axis: int(axis) } },
    });
  });
  return nodes;
}
