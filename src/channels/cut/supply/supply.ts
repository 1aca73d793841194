/**
 * What a node reads as a constant must be what it was, sliced: where shape arithmetic gives something else in the smaller
 * graph (1/√d of an attention, the number of heads in a shape), the input is replaced by what is wanted.
 *
 * Numbers that are the same at every size that is looked at are written down; those that follow a size stay computed as the
 * graph computes them. So of a Concat only the parts that say channels change, a size that is a multiple of channels is scaled, and
 * what is made at a size (zeros for every token) is made again. Where nothing of this leads there, the surgery holds at one
 * size only.
 */
import { describe, type Resized } from '../../../graph/index.js';
import type { Node, Tensor } from '../../../onnx/index.js';
import { sliced } from '../../find/taken.js';
import type { Step } from '../../find/walk.js';
import { HoldsAtOneSize, type Plan } from '../plan.js';
import { madeAgain } from './again.js';
import { corrected } from './arithmetic.js';
import { asConstant, asItIs, asOpenShape } from './constant.js';
import { firstPositions } from './first.js';
import { type Contents, filled, type Need, numbersOf, type Supply, type Way } from './need.js';

/** A node's input that may have to be replaced. */
export interface Reading {
  /** The node, in each view. */
  steps: readonly Step[];
  input: number;
  /** What its operator says of its settings in the smaller graph, in each view. */
  resized: readonly Resized[];
}

/**
 * The value that a node is to read, made by `extra` nodes where it is not there; undefined for data that is computed.
 * @throws HoldsAtOneSize where no way leads there.
 */
export function supplied(reading: Reading, plan: Plan, extra: Node[]): string | undefined {
  const wanted = wantedBy(reading, plan);
  if (!wanted) return undefined;
  const { steps, input } = reading;
  const [{ node }] = steps;
  const name = node.inputs[input] ?? '';
  const need: Need = { node, input, name, wanted, sole: plan.uses.get(name) === 1 };
  const supply = replaced(need, plan) ?? asOpenShape(need, plan) ?? corrected(need, plan);
  if (supply) return supply(extra);
  throw new HoldsAtOneSize(`${describe(node)} cannot say its input ${input} at every size`);
}

/** What a node must find as a constant input; undefined for data that is computed. */
function wantedBy({ steps, input, resized }: Reading, { views }: Plan): Contents | undefined {
  const contents = views.map(({ walk, kept }, view): Tensor | undefined => {
    const { inputs, operator, site } = steps[view];
    const core = inputs[input];
    const before = core ? walk.tape.type(core).constant : undefined;
    const set = resized[view].settings?.[input];
    if (set) return filled(before?.dtype ?? set.dtype ?? 'int64', set.shape, set.values);
    if (!before) return undefined;
    return operator?.settings?.includes(input) && site ? before : sliced(before, kept(core!));
  });
  if (contents.some((tensor) => (tensor === undefined) !== !contents[0]))
    throw new HoldsAtOneSize(`${describe(steps[0].node)} computes its input ${input} at some sizes only`);
  return contents[0] ? (contents as Tensor[]) : undefined;
}

/** The value as it is, another one that is there already, a constant, or what the nodes behind it make of other inputs. */
const replaced: Way = (need, plan) => {
  const found = asItIs(need, plan);
  if (found) return found;
  const known = plan.made.get(keyOf(need));
  if (known !== undefined) return () => known;
  const supply = asConstant(need, plan) ?? fromItsMaker(need, plan);
  return supply && remembered(need, supply, plan);
};

/** The same, or the value corrected: for the inputs of nodes on the way. */
const met: Way = (need, plan) => replaced(need, plan) ?? corrected(need, plan);

const fromItsMaker: Way = (need, plan) =>
  plan.makers.has(need.name) ? (madeAgain(met)(need, plan) ?? firstPositions(need, plan)) : undefined;

/** Values of more numbers are not compared with others to be shared. */
const LARGEST_SHARED = 64;

const keyOf = ({ name, wanted }: Need): string =>
  wanted.some(({ data }) => data.length > LARGEST_SHARED)
    ? ''
    : [name, ...wanted.map((one) => `${one.dtype}[${one.shape}]${numbersOf(one)}`)].join('\n');

/** Nodes that want the same in place of the same value share it. */
function remembered(need: Need, supply: Supply, plan: Plan): Supply {
  return (extra) => {
    const name = supply(extra);
    const key = keyOf(need);
    if (key !== '' && need.name !== '' && name !== need.name) plan.made.set(key, name);
    return name;
  };
}
