/**
 * What a node reads as a constant must be what it was, sliced: where shape arithmetic gives something else in the smaller
 * graph (1/√d of an attention, a shape that a file spells out), the input is replaced by what is wanted. Entries that grow
 * with the batch are recognised by following the graph at a batch of two as well, and stay computed.
 */
import { describe, type Resized } from '../graph/operator.js';
import type { Node, Tensor } from '../onnx/model.js';
import { emptyData } from '../onnx/tensor.js';
import { type Plan, typeIn, unique } from './plan.js';
import { equal, sliced } from './taken.js';
import type { Step } from './walk.js';

/** Contents at a batch of one and of two (undefined where they cannot be told). */
type Contents = [Tensor, Tensor | undefined];

/** What a node must find as its constant input i; undefined for data that is computed. */
export function wantedInput(step: Step, i: number, plan: Plan, resized: Resized): Contents | undefined {
  const core = step.inputs[i];
  const name = step.node.inputs[i];
  const before = core ? plan.walk.tape.type(core).constant : undefined;
  const set = resized.settings?.[i];
  if (!before && !set) return undefined;
  const after = plan.twice && name ? typeIn(plan.twice, name)?.constant : undefined;
  if (set) return contentsOf(set, before, after);
  const setting = step.operator?.settings?.includes(i) && step.site;
  const now = setting ? before! : sliced(before!, plan.kept(core!));
  if (setting) return [now, after ?? now];
  return [now, after === undefined || equal(before, after) ? now : undefined];
}

/** A setting's new contents; entries that grew with the batch grow as they did. */
function contentsOf(
  { shape, values }: Settings[number],
  before: Tensor | undefined,
  after: Tensor | undefined,
): Contents {
  const dtype = before?.dtype ?? 'int64';
  const grown = values.map((value, k) => {
    const [one, two] = [Number(before?.data[k] ?? 1), Number(after?.data[k] ?? before?.data[k] ?? 1)];
    return one === two || one <= 0 ? value : (value * two) / one;
  });
  return [filled(dtype, shape, values), filled(dtype, shape, grown)];
}

type Settings = NonNullable<Resized['settings']>;

function filled(dtype: Tensor['dtype'], shape: readonly number[], values: readonly number[]): Tensor {
  const data = emptyData(dtype, values.length);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  values.forEach((value, i) => {
    (data as (number | bigint)[] & typeof data)[i] = big ? BigInt(value) : value;
  });
  return { dtype, shape: [...shape], data };
}

/** A constant that grows with the batch (zeros for a token of every sample) is made again, smaller. */
function remade(step: Step, i: number, [one, two]: Contents, plan: Plan, extra: Node[]): string | undefined {
  const name = step.node.inputs[i];
  if (two || equal(plan.constants[0].get(name), one)) return undefined;
  const index = plan.walk.steps.findIndex(({ node }) => node.outputs.includes(name));
  const maker = plan.walk.steps[index];
  if (!maker?.operator?.resize) return undefined;
  const whole = maker.inputs.map((core) => (core ? plan.kept(core) : undefined));
  const { settings = {} } = maker.operator.resize(maker.site!, whole, [plan.kept(step.inputs[i]!)]);
  const inputs = [...maker.node.inputs];
  for (const [k, set] of Object.entries(settings)) {
    const at = Number(k);
    const after = plan.twice!.steps[index].site!.inputs[at]?.constant;
    const contents = contentsOf(set, maker.site!.inputs[at]?.constant, after);
    inputs[at] = supply(maker.node, at, inputs[at], contents, plan, extra);
  }
  const output = unique(`${name}.kept`, plan);
  extra.push({ ...maker.node, name: output, inputs, outputs: [output] });
  return output;
}

/** The value that gives a node the wanted contents: what it reads already, a constant, or a mixture of both. */
function supply(
  node: Node,
  i: number,
  name: string,
  [one, two]: Contents,
  plan: Plan,
  extra: Node[],
): string {
  const found = [0, 1].map(
    (batch) => plan.constants[batch as 0 | 1].get(name) ?? plan.initializers.get(name),
  );
  const fits = equal(found[0], one) && (!plan.twice || two === undefined || equal(found[1], two));
  if (fits) return name;
  if (!two) {
    throw new Error(`${describe(node)}: its input ${i} grows with the batch and cannot be made smaller.`);
  }
  const fresh = (tensor: Tensor): string => constantNamed(node, i, name, tensor, plan);
  const growing = [...one.data.keys()].filter((k) => one.data[k] !== two.data[k]);
  if (!plan.twice || growing.length === 0) return fresh(one);
  const values = Array.from(one.data as ArrayLike<number | bigint>, Number);
  if (node.op === 'Reshape' && growing.length === 1 && !values.includes(-1)) {
    return fresh(filled(one.dtype, one.shape, values.with(growing[0], -1)));
  }
  const right = growing.every((k) => found[0]?.data[k] === one.data[k] && found[1]?.data[k] === two.data[k]);
  if (!right || found[0]?.data.length !== one.data.length) {
    throw new Error(`${describe(node)}: what its input ${i} must be at every batch cannot be said.`);
  }
  const choice: Tensor = {
    dtype: 'bool',
    shape: one.shape,
    data: Uint8Array.from(values, (_, k) => Number(growing.includes(k))),
  };
  const output = unique(`${node.name}.${i}.kept`, plan);
  const inputs = [constantNamed(node, i, '', choice, plan), name, constantNamed(node, i, '', one, plan)];
  extra.push({ name: output, op: 'Where', domain: '', inputs, outputs: [output], attributes: {} });
  return output;
}

/** A constant as an initialiser: in the place of the one that was read, if nothing else reads that. */
function constantNamed(node: Node, i: number, name: string, tensor: Tensor, plan: Plan): string {
  const own = plan.graph.initializers.has(name) && plan.uses.get(name) === 1;
  const label = own ? name : unique(name === '' ? `${node.name}.${i}` : name, plan);
  plan.initializers.set(label, tensor);
  return label;
}

/** The value that a node is to read as its input i, and what it is computed by. */
export const supplied = (
  step: Step,
  i: number,
  name: string,
  wanted: Contents,
  plan: Plan,
  extra: Node[],
): string => remade(step, i, wanted, plan, extra) ?? supply(step.node, i, name, wanted, plan, extra);
