/**
 * RNN, GRU and LSTM: what they weigh and what shapes they give. The engine does not compute them, but their weights can be pruned, and
 * what stands behind them is counted.
 */
import { fail } from '../../base/errors.js';
import { attr } from '../../onnx/attributes.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { bias, weight } from '../roles.js';

interface Sizes {
  directions: number;
  steps: number;
  batch: number;
  hidden: number;
  /** The batch stands first. */
  batchFirst: boolean;
}

/** @throws UserError where weights and values do not fit each other. */
function sizesOf(site: Site, gates: number): Sizes {
  const [x, w, r] = [0, 1, 2].map((i) => required(site, i).shape);
  const directions = attr.string(site.node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden = r[2];
  const rows = gates * hidden;
  const fits = `${w}` === `${[directions, rows, x[2]]}` && `${r}` === `${[directions, rows, hidden]}`;
  if (x.length !== 3 || !fits)
    fail(
      `${describe(site.node)} has weights of shapes [${w}] and [${r}] for an input of shape [${x}]; the model is damaged, or an input shape was given that it is not made for.`,
    );
  const batchFirst = attr.int(site.node, 'layout', 0) !== 0;
  const [steps, batch] = batchFirst ? [x[1], x[0]] : x;
  return { directions, steps, batch, hidden, batchFirst };
}

/** `gates` products of the input, and as many of what was given out before. */
const recurrent = (gates: number, takes: string): Operator => ({
  takes,
  roles: { 1: weight(1, undefined, 2), 2: weight(1, undefined, 2), 3: bias, 7: { is: 'factor' } },
  settings: [4],
  infer(site) {
    const { directions, steps, batch, hidden, batchFirst } = sizesOf(site, gates);
    const { dtype } = required(site, 0);
    const all = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
    const last = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
    return [all, last, last].slice(0, site.node.outputs.length).map((shape) => ({ dtype, shape }));
  },
  macs(site) {
    const { directions, steps, batch, hidden } = sizesOf(site, gates);
    return directions * steps * batch * gates * hidden * (required(site, 0).shape[2] + hidden);
  },
  expand: ({ node }) =>
    fail(
      `${describe(node)} is recurrent, which espalier does not compute; train recurrent networks elsewhere, or prune the model by its weights alone (--data none).`,
      Unsupported,
    ),
});

export const recurrentOperators: Record<string, Operator> = {
  RNN: recurrent(1, 'F F F F? I? F? -> 1..2'),
  GRU: recurrent(3, 'F F F F? I? F? -> 1..2'),
  LSTM: recurrent(4, 'F F F F? I? F? F? F? -> 1..3'),
};
