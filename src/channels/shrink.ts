/**
 * Surgery: the graph without the removed units.
 *
 * From the classes that go follow the positions that stay on every axis of every value. Initialisers are sliced to them, and
 * an operator that says a size, a bound or a number of groups says the new one (`resize` in its own file). What a node reads
 * as a constant must be what it was, sliced: where shape arithmetic gives something else in the smaller graph (1/√d of an
 * attention, a shape that a file spells out), the input is replaced by what is wanted. Entries that grow with the batch are
 * recognised by following the graph at a batch of two as well, and stay computed.
 *
 * At the end every value must have the shape that was planned for it, or the surgery is at fault and says where.
 */
import { fail } from '../base/errors.js';
import type { Type } from '../graph/core.js';
import { sampleShape } from '../graph/expand.js';
import { hasOpenBatch } from '../graph/facts/infer.js';
import { describe, type Kept, type Resized, type Site } from '../graph/operator.js';
import { int, usedValues } from '../onnx/attributes.js';
import type { Attribute, Graph, Node, Tensor } from '../onnx/model.js';
import { emptyData, intTensor } from '../onnx/tensor.js';
import { emptied } from './floors.js';
import { type Analysis, analyse } from './groups.js';
import { checkSelection } from './mask.js';
import { equal, sliced } from './taken.js';
import type { ChannelOptions, Channels, Selection } from './types.js';
import { type Step, typesOf, type Walk, walk } from './walk.js';

/**
 * The graph without the removed units: smaller weights, all shapes and settings rewritten, without nodes and initialisers
 * that nothing uses. It computes what {@link maskChannels} of the same selection computes.
 * @param channels as found in this graph; its weights may have changed since.
 * @throws UserError where the selection does not fit the groups, or would leave an axis empty.
 */
export function shrink(
  given: Graph,
  channels: Channels,
  selection: Selection,
  options: ChannelOptions = {},
): Graph {
  checkSelection(channels, selection);
  const [empty] = emptied(channels, selection);
  if (empty) {
    const names = empty.map((name) => `'${name}'`).join(', ');
    fail(
      `The selection removes all of ${names}, which leaves nothing to compute with; keep one unit at least.`,
    );
  }
  const all = { ...channels.options, ...options };
  const analysis = analyse(given, all);
  checkSelection(analysis.channels, selection);
  const twice = doubled(analysis, all);
  const plan = planOf(analysis, selection, twice);
  const nodes = analysis.coupling.walk.steps.flatMap((step, i) => rewritten(step, i, plan));
  const result = cleaned({ ...analysis.graph, nodes, initializers: plan.initializers }, plan);
  verify(result, plan, all);
  return result;
}

/** What becomes of every value. */
interface Plan {
  graph: Graph;
  walk: Walk;
  /** The same graph at a batch of two; absent where the batch is fixed. */
  twice?: Walk;
  /** Positions that stay, of a core value. */
  kept(core: string): Kept;
  /** Shape of an ONNX value in the smaller graph at a batch of 1 or 2; undefined where nothing is known of it. */
  shape(name: string, batch: 0 | 1): number[] | undefined;
  initializers: Map<string, Tensor>;
  /** Constants that shape arithmetic gives in the smaller graph, at a batch of 1 and 2. */
  constants: [Map<string, Tensor>, Map<string, Tensor>];
  /** How often each value is used. */
  uses: Map<string, number>;
}

function planOf({ graph, coupling, classes }: Analysis, selection: Selection, twice: Walk | undefined): Plan {
  const { atoms, labels, walk: once } = coupling;
  const gone = new Set<number>();
  for (const [name, kept] of selection) {
    classes.get(name)!.forEach((root, unit) => {
      if (!kept[unit]) gone.add(root);
    });
  }
  const cache = new Map<ArrayLike<number>, readonly number[]>();
  const kept = (core: string): Kept =>
    labels(core).map((label) => {
      const found =
        cache.get(label) ?? Array.from(label, (_, i) => i).filter((i) => !gone.has(atoms.find(label[i])));
      cache.set(label, found);
      return found;
    });
  const uses = new Map<string, number>();
  for (const name of [...graph.nodes.flatMap(usedValues), ...graph.outputs.map(({ name }) => name)]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const initializers = new Map<string, Tensor>();
  for (const [name, tensor] of graph.initializers) {
    const data = !once.tape.type(name).constant;
    initializers.set(name, data ? sliced(tensor, kept(name)) : tensor);
  }
  return {
    graph,
    walk: once,
    twice,
    kept,
    initializers,
    uses,
    constants: [new Map(), new Map()],
    shape(name, batch) {
      const core = once.values.get(name);
      if (core === undefined) return undefined;
      const before = once.tape.type(core).shape;
      const grown = batch === 0 ? before : ((twice && typeIn(twice, name)?.shape) ?? before);
      return kept(core).map(({ length }, i) => (before[i] === 0 ? 0 : (length * grown[i]) / before[i]));
    },
  };
}

const typeIn = ({ tape, values }: Walk, name: string): Type | undefined => {
  const core = values.get(name);
  return core === undefined ? undefined : tape.type(core);
};

/** The walk at a batch of two, where the model leaves its batch open and can be followed there just as well. */
function doubled({ graph, coupling }: Analysis, { inputShapes }: ChannelOptions): Walk | undefined {
  const open = graph.inputs.filter(({ shape }) => hasOpenBatch(shape));
  if (open.length === 0) return undefined;
  const shapes = Object.fromEntries(
    open.map((value) => [value.name, [2, ...sampleShape(value, inputShapes?.[value.name]).slice(1)]]),
  );
  const twice = walk(graph, { ...inputShapes, ...shapes });
  const same = twice.steps.every((step, i) => step.opaque === coupling.walk.steps[i].opaque);
  return same ? twice : undefined;
}

/** The nodes that stand for a node in the smaller graph. */
function rewritten(step: Step, index: number, plan: Plan): Node[] {
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
    inputs[i] = remade(step, i, wanted, plan, extra) ?? supply(step.node, i, inputs[i], wanted, plan, extra);
  }
  const attributes: Record<string, Attribute> = {};
  for (const [name, value] of Object.entries({ ...step.node.attributes, ...resized.attributes })) {
    if (value) attributes[name] = value;
  }
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

/** Contents at a batch of one and of two (undefined where they cannot be told). */
type Contents = [Tensor, Tensor | undefined];

/** What a node must find as its constant input i; undefined for data that is computed. */
function wantedInput(step: Step, i: number, plan: Plan, resized: Resized): Contents | undefined {
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

function unique(wanted: string, { initializers, walk: w, uses }: Plan): string {
  let name = wanted;
  for (let n = 2; initializers.has(name) || w.values.has(name) || uses.has(name); n++)
    name = `${wanted}.${n}`;
  uses.set(name, 1);
  return name;
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

/** Without what nothing uses, and with declared shapes as they are now. */
function cleaned(graph: Graph, plan: Plan): Graph {
  const used = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => used.has(name))) return false;
    for (const name of usedValues(node)) used.add(name);
    return true;
  });
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const declared = new Map(
    [...graph.declared].flatMap(([name, value]) => {
      if (!made.has(name) && !initializers.has(name)) return [];
      const [shape, core] = [plan.shape(name, 0), plan.walk.values.get(name)];
      const constant = core !== undefined && plan.walk.tape.type(core).constant;
      if (!shape || constant || shape.length !== value.shape?.length) return [[name, value] as const];
      const before = plan.walk.tape.type(core!).shape;
      const dims = value.shape.map((dim, i) => (dim === before[i] ? shape[i] : dim));
      return [[name, { ...value, shape: dims }] as const];
    }),
  );
  return { ...graph, nodes: nodes.reverse(), initializers, declared };
}

/** @throws Error where a value of the smaller graph has not the shape that was planned: a defect of the surgery. */
function verify(graph: Graph, plan: Plan, { inputShapes }: ChannelOptions): void {
  const opaque = new Map(plan.walk.steps.map(({ node, opaque }) => [node.name, opaque]));
  const check = (now: Walk, batch: 0 | 1) => {
    for (const step of now.steps) {
      if (step.opaque !== undefined && opaque.get(step.node.name) === undefined) {
        throw new Error(`After surgery, ${describe(step.node)} does not fit its operands: ${step.opaque}`);
      }
      for (const name of step.node.outputs) {
        const [found, wanted] = [typeIn(now, name), plan.shape(name, batch)];
        if (!found || found.constant || !wanted || found.shape.join() === wanted.join()) continue;
        throw new Error(
          `After surgery, ${describe(step.node)} gives '${name}' as [${found.shape}], not [${wanted}]`,
        );
      }
    }
  };
  check(walk(graph, inputShapes), 0);
  const twice = plan.twice && doubledShapes(graph, inputShapes);
  if (twice) check(walk(graph, twice), 1);
}

function doubledShapes(
  graph: Graph,
  inputShapes: ChannelOptions['inputShapes'],
): Record<string, readonly number[]> {
  const open = graph.inputs.filter(({ shape }) => hasOpenBatch(shape));
  const shapes = open.map((value) => [
    value.name,
    [2, ...sampleShape(value, inputShapes?.[value.name]).slice(1)],
  ]);
  return { ...inputShapes, ...Object.fromEntries(shapes) };
}
