/** Loop and Scan as one form: what a round is given, what it makes, and where that comes from and goes. */

import { fail } from '../../base/index.js';
import { attr, type Body, bodyOf, type Node, ownInputs } from '../../onnx/index.js';
import { axisOf, describe, type Operator, required, type Site, Unsupported } from '../operator.js';

/** A list that rounds are given, or make, entry by entry. */
export interface ListForm {
  /** In the body. */
  name: string;
  /** Which input of the node it is, or which output. */
  index: number;
  /** Along which the entries lie. */
  axis: number;
  /** From the last entry to the first. */
  reverse: boolean;
}

export interface Form {
  node: Node;
  body: Body;
  opset: number;
  /** Of the nodes of the body. */
  operatorFor: (node: Node) => Operator;
  /** Handed on from round to round: the name before and behind it, and which input is the one before the first. */
  states: readonly { name: string; next: string; index: number }[];
  items: readonly ListForm[];
  gives: readonly ListForm[];
  /** Values from around the body, by what they are called in it. */
  captures: readonly { name: string; index: number }[];
  /** Of a Loop: the number of the round, whether it goes on, and whether it goes on behind the round. */
  counts?: { round: string; goes: string; on: string };
}

/** Loops inside one another, at most: as many as a program of the engine may have. */
const MOST_NESTED = 4;

const depthOf = (node: Node): number =>
  1 + Math.max(0, ...bodyOf(node)!.nodes.map((inner) => (bodyOf(inner) ? depthOf(inner) : 0)));

/** The form of a node that has a body. @throws UserError for one that is damaged, or of a form that is not computed. */
export function formOf(site: Site, operatorFor: Form['operatorFor']): Form {
  const { node } = site;
  if (depthOf(node) > MOST_NESTED)
    fail(
      `${describe(node)} holds more than ${MOST_NESTED} loops inside one another, which espalier does not compute.`,
      Unsupported,
    );
  const body = bodyOf(node)!;
  const own = ownInputs(node);
  const captures = body.captures.map((name, i) => ({ name, index: own + i }));
  const shared = { node, body, opset: site.opset, operatorFor, captures };
  return node.op === 'Loop' ? loopForm(site, body, shared) : scanForm(site, body, shared);
}

type Shared = Pick<Form, 'node' | 'body' | 'opset' | 'operatorFor' | 'captures'>;

const damaged = (node: Node, what: string): never => fail(`${describe(node)} ${what}; the model is damaged.`);

function loopForm({ node }: Site, { inputs, outputs }: Body, shared: Shared): Form {
  const count = inputs.length - 2;
  if (count < 0 || outputs.length < 1 + count || ownInputs(node) !== inputs.length)
    damaged(node, 'has a body that does not take and give what it does');
  return {
    ...shared,
    counts: { round: inputs[0].name, goes: inputs[1].name, on: outputs[0].name },
    states: inputs.slice(2).map(({ name }, k) => ({ name, next: outputs[1 + k].name, index: 2 + k })),
    items: [],
    gives: outputs
      .slice(1 + count)
      .map(({ name }, k) => ({ name, index: count + k, axis: 0, reverse: false })),
  };
}

function scanForm(site: Site, { inputs, outputs }: Body, shared: Shared): Form {
  const { node } = site;
  const before = goesOverSamples(site) ? 1 : 0;
  if (before === 1 && node.inputs[0] !== '')
    fail(
      `${describe(node)} is given sequence lengths, which espalier computes for LSTM, GRU and RNN only; export the model without them.`,
      Unsupported,
    );
  const lists = attr.int(node, 'num_scan_inputs');
  const count = inputs.length - lists;
  const given = outputs.length - count;
  if (count < 0 || lists < 1 || given < 0 || ownInputs(node) !== before + inputs.length)
    damaged(node, 'has a body that does not take and give what it does');
  const setting = (name: string, k: number): number => attr.ints(node, name, [])[k] ?? 0;
  const directions = before === 1 ? 'directions' : 'scan_input_directions';
  return {
    ...shared,
    states: inputs.slice(0, count).map(({ name }, k) => ({ name, next: outputs[k].name, index: before + k })),
    items: inputs.slice(count).map(({ name }, k) => {
      const index = before + count + k;
      return {
        ...{ name, index, reverse: setting(directions, k) !== 0 },
        axis: axisOf(site, setting('scan_input_axes', k), required(site, index).shape.length),
      };
    }),
    gives: outputs.slice(count).map(({ name }, k) => ({
      name,
      index: count + k,
      axis: setting('scan_output_axes', k),
      reverse: setting('scan_output_directions', k) !== 0,
    })),
  };
}

/** Whether a Scan goes over each sample of a batch by itself, as it did in operator set 8: samples first, then the moments. */
export const goesOverSamples = ({ node, opset }: Pick<Site, 'node' | 'opset'>): boolean =>
  node.op === 'Scan' && opset < 9;

/** The same node for a single sample, with as many samples as there are. */
export function ofOneSample(site: Site): { single: Site; samples: number } {
  const own = ownInputs(site.node);
  const [first] = site.inputs.flatMap((type) => (type ? [type.shape[0]] : []));
  const inputs = site.inputs.map((type, i) => {
    if (!type || i >= own) return type;
    const { constant: _, shape, ...rest } = type;
    if (shape.length === 0 || shape[0] !== first)
      damaged(site.node, `has an input ${i} of shape [${shape}] for ${first} samples`);
    return { ...rest, shape: shape.slice(1) };
  });
  return { single: { ...site, inputs }, samples: first };
}
