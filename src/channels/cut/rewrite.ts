/** One node of a graph in the smaller graph. */
import {
  budget,
  describe,
  findOperator,
  foldedTypes,
  type Inside,
  type Kept,
  type Resized,
  type Site,
  type Type,
} from '../../graph/index.js';
import { type Attribute, int, intTensor, type Node } from '../../onnx/index.js';
import type { Step } from '../find/walk.js';
import { HoldsAtOneSize, type Plan, shapeIn, unique, type View } from './plan.js';
import { supplied } from './supply/supply.js';

/** The nodes that stand for the i-th node in the smaller graph. @throws HoldsAtOneSize */
export function rewritten(index: number, plan: Plan): Node[] {
  const { views } = plan;
  const steps = views.map(({ walk }) => walk.steps[index]);
  const [{ node, folded }] = steps;
  if (folded) {
    for (const [v, step] of steps.entries()) fold(step, views[v], plan);
    return [node];
  }
  const resized = steps.map((step, v) => resizedBy(step, views[v]));
  const { attributes: changed, picks = [] } = alike(resized, node);
  const inputs = [...node.inputs];
  const extra: Node[] = [];
  const settings = resized.flatMap((one) => Object.keys(one.settings ?? {}).map(Number));
  for (const i of new Set([...inputs.keys(), ...settings])) {
    const name = supplied({ steps, input: i, resized }, plan, extra);
    if (name === undefined) continue;
    while (inputs.length <= i) inputs.push('');
    inputs[i] = name;
  }
  const attributes = Object.fromEntries(
    Object.entries({ ...node.attributes, ...changed }).filter(
      (entry): entry is [string, Attribute] => entry[1] !== undefined,
    ),
  );
  return [...extra, ...picked({ ...node, inputs, attributes }, picks, plan)];
}

/** What is written into a node, which cannot follow a size. */
function alike(resized: readonly Resized[], node: Node): Pick<Resized, 'attributes' | 'picks'> {
  const said = resized.map(({ attributes = {}, picks = [] }) =>
    JSON.stringify([attributes, picks], (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  );
  if (said.some((text) => text !== said[0])) throw new HoldsAtOneSize(`${describe(node)} says a size itself`);
  return resized[0];
}

function resizedBy({ site, operator, inputs, outputs, node }: Step, { kept, walk: w }: View): Resized {
  if (!site || !operator?.resize) return {};
  const of = (core: string | undefined): Kept => (core ? kept(core) : []);
  if ([...inputs, ...outputs].every((core) => !core || staysWhole(core, kept, w))) return {};
  return operator.resize(
    site,
    inputs.map((core) => (core ? of(core) : undefined)),
    node.outputs.map((_, i) => of(outputs[i])),
    (inner) => insideOf(inner, kept, w),
  );
}

const staysWhole = (core: string, kept: View['kept'], { tape }: View['walk']): boolean =>
  kept(core).every(({ length }, axis) => length === tape.type(core).shape[axis]);

/** A node of a body, and what stays of what it takes and makes. */
export function insideOf(node: Node, kept: View['kept'], w: View['walk']): Inside | undefined {
  const told = w.inner.get(node);
  const value = (core: string) =>
    core === '' ? undefined : { kept: kept(core), whole: staysWhole(core, kept, w) };
  return (
    told && {
      ...{ site: { node, opset: told.opset, inputs: told.types }, operator: findOperator(node)! },
      ...{ inputs: told.inputs.map(value), outputs: told.outputs.map(value) },
    }
  );
}

/** The node, followed by choices from its result. */
function picked(node: Node, picks: NonNullable<Resized['picks']>, plan: Plan): Node[] {
  const nodes = [node];
  for (const { axis, indices } of picks) {
    const last = nodes[nodes.length - 1];
    const whole = unique(`${last.outputs[0]}.whole`, plan);
    const name = unique(`${last.name}.kept`, plan);
    const list = unique(`${name}.indices`, plan);
    plan.initializers.set(list, intTensor([indices.length], indices));
    const outputs = last.outputs;
    nodes[nodes.length - 1] = { ...last, outputs: [whole] };
    nodes.push({
      name,
      op: 'Gather',
      domain: '',
      inputs: [whole, list],
      outputs,
      attributes: { axis: int(axis) },
    });
  }
  return nodes;
}

/** What a node of shape arithmetic gives in the smaller graph. */
function fold(step: Step, view: View, { initializers }: Plan): void {
  const { constants } = view;
  const inputs = step.node.inputs.map((name, i): Type | undefined => {
    const before = step.site!.inputs[i];
    if (name === '' || !before) return undefined;
    const constant = before.constant && (constants.get(name) ?? initializers.get(name));
    return { ...before, constant, shape: constant?.shape ?? shapeIn(view, name) ?? before.shape };
  });
  const site: Site = { ...step.site!, inputs };
  for (const [i, { constant }] of foldedTypes(site, step.operator!, budget()).entries()) {
    if (constant && step.node.outputs[i]) constants.set(step.node.outputs[i], constant);
  }
}
