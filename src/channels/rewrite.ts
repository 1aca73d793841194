/** One node of a graph in the smaller graph. */
import type { Type } from '../graph/core.js';
import type { Kept, Resized, Site } from '../graph/operator.js';
import { int } from '../onnx/attributes.js';
import type { Attribute, Node } from '../onnx/model.js';
import { intTensor } from '../onnx/tensor.js';
import { type Plan, unique } from './plan.js';
import { supplied, wantedInput } from './supply.js';
import { type Step, typesOf } from './walk.js';

/** The nodes that stand for a node in the smaller graph. */
export function rewritten(step: Step, index: number, plan: Plan): Node[] {
  if (step.folded) {
    fold(step, plan, 0);
    if (plan.twice) fold(plan.twice.steps[index], plan, 1);
    return [step.node];
  }
  const resized = resizedBy(step, plan);
  const inputs = [...step.node.inputs];
  const extra: Node[] = [];
  const settings = new Set(Object.keys(resized.settings ?? {}).map(Number));
  for (const i of new Set([...inputs.keys(), ...settings])) {
    const wanted = wantedInput(step, i, plan, resized);
    if (!wanted) continue;
    while (inputs.length <= i) inputs.push('');
    inputs[i] = supplied(step, i, inputs[i], wanted, plan, extra);
  }
  const attributes = Object.fromEntries(
    Object.entries({ ...step.node.attributes, ...resized.attributes }).filter(
      (entry): entry is [string, Attribute] => entry[1] !== undefined,
    ),
  );
  const node = { ...step.node, inputs, attributes };
  return [...extra, ...picked(node, resized.picks ?? [], plan)];
}

function resizedBy({ site, operator, inputs, outputs, node }: Step, { kept, walk: w }: Plan): Resized {
  if (!site || !operator?.resize) return {};
  const of = (core: string | undefined): Kept => (core ? kept(core) : []);
  const whole = [...inputs, ...outputs].every(
    (core) => !core || kept(core).every(({ length }, axis) => length === w.tape.type(core).shape[axis]),
  );
  if (whole) return {};
  return operator.resize(
    site,
    inputs.map((core) => (core ? of(core) : undefined)),
    node.outputs.map((_, i) => of(outputs[i])),
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
function fold(step: Step, plan: Plan, batch: 0 | 1): void {
  const constants = plan.constants[batch];
  const inputs = step.node.inputs.map((name, i): Type | undefined => {
    const before = step.site!.inputs[i];
    if (name === '' || !before) return undefined;
    const constant = before.constant && (constants.get(name) ?? plan.initializers.get(name));
    return { ...before, constant, shape: constant?.shape ?? plan.shape(name, batch) ?? before.shape };
  });
  const site: Site = { ...step.site!, inputs };
  for (const [i, { constant }] of typesOf(site, step.operator!).entries()) {
    if (constant && step.node.outputs[i]) constants.set(step.node.outputs[i], constant);
  }
}
