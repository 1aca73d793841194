/** RNN, GRU and LSTM: a loop over the moments of a sequence, one for each direction. */
import { fail } from '../../base/index.js';
import { attr, int } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import { loop } from '../loop.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { bias, weight } from '../roles.js';
import { add } from './elementwise.js';
import { constant, cut, filled, pointwise, range, reshape, transpose } from './emit.js';
import { columns, filters } from './matmul.js';
import { type Activation, activationsOf } from './recurrent-activations.js';
import { type Cell, gruStep, lstmStep, type Step, simpleStep, within } from './recurrent-cells.js';

interface Kind {
  takes: string;
  gates: number;
  states: 1 | 2;
  activations: readonly string[];
  step: Step;
  /** Takes what peepholes weigh, and whether one gate follows from another. */
  isLstm?: boolean;
  /** The last gate's product with the state is taken by itself, or its bias stays apart. */
  resets?: boolean;
}

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

/** What else the node may be given, in the shapes that follow. */
function checkOthers(site: Site, { gates, isLstm }: Kind, sizes: Sizes): void {
  const { directions, batch, hidden, batchFirst } = sizes;
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  const wanted = new Map<number, [string, number[]]>([
    [3, ['biases', [directions, 2 * gates * hidden]]],
    [4, ['sequence lengths', [batch]]],
    [5, ['an initial state', state]],
    ...(isLstm
      ? ([
          [6, ['an initial cell', state]],
          [7, ['peepholes', [directions, 3 * hidden]]],
        ] as [number, [string, number[]]][])
      : []),
  ]);
  for (const [index, [what, shape]] of wanted) {
    const found = site.inputs[index]?.shape;
    if (found && `${found}` !== `${shape}`)
      fail(
        `${describe(site.node)} has ${what} of shape [${found}], not [${shape}]; the model is damaged, or an input shape was given that it is not made for.`,
      );
  }
}

const recurrent = (kind: Kind): Operator => ({
  takes: kind.takes,
  roles: { 1: weight(1, undefined, 2), 2: weight(1, undefined, 2), 3: bias, 7: { is: 'factor' } },
  settings: [4],
  check: (site) => checkOthers(site, kind, sizesOf(site, kind.gates)),
  infer(site) {
    const { directions, steps, batch, hidden, batchFirst } = sizesOf(site, kind.gates);
    const { dtype } = required(site, 0);
    const all = batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
    const last = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
    return [all, last, last].slice(0, site.node.outputs.length).map((shape) => ({ dtype, shape }));
  },
  macs(site) {
    const { directions, steps, batch, hidden } = sizesOf(site, kind.gates);
    return directions * steps * batch * kind.gates * hidden * (required(site, 0).shape[2] + hidden);
  },
  resize: (_, inputs) => ({ attributes: { hidden_size: int(inputs[2]![2].length) } }),
  expand: (site, inputs, b) => expanded(site, inputs, b, kind),
});

/** Values of the model on their way into loops. */
interface Given {
  site: Site;
  inputs: readonly string[];
  b: Build;
  kind: Kind;
  sizes: Sizes;
}

function expanded(site: Site, inputs: readonly string[], b: Build, kind: Kind): string[] {
  const sizes = sizesOf(site, kind.gates);
  const { directions, batchFirst, steps, batch } = sizes;
  if (steps === 0 || batch === 0)
    fail(
      `${describe(site.node)} is given a sequence without time steps, which espalier does not compute.`,
      Unsupported,
    );
  const given: Given = { site, inputs, b, kind, sizes };
  const activations = activationsOf(site.node, kind.activations, directions);
  const runs = activations.map((own, d) => direction(given, d, own));
  const joined = (parts: string[], axis: number): string =>
    parts.length === 1 ? parts[0] : b.emit('concat', parts, { axis })[0];
  const all = joined(
    runs.map(({ all }) => all),
    1,
  );
  const last = range(kind.states).map((k) =>
    joined(
      runs.map((run) => run.last[k]),
      0,
    ),
  );
  const turned = batchFirst
    ? [transpose(b, all, [2, 0, 1, 3]), ...last.map((name) => transpose(b, name, [1, 0, 2]))]
    : [all, ...last];
  return turned.slice(0, site.node.outputs.length);
}

/** One direction: [steps, 1, batch, hidden] and of each state the last [1, batch, hidden]. */
function direction(
  given: Given,
  d: number,
  activations: readonly Activation[],
): { all: string; last: string[] } {
  const { site, b, kind, sizes } = given;
  const { steps, hidden, batch } = sizes;
  const reverse = d === 1 || attr.string(site.node, 'direction', 'forward') === 'reverse';
  const cell = cellOf(given, d, activations);
  const lengths = given.inputs[4] ? reshape(b, given.inputs[4], [1, 1, batch]) : undefined;
  const moments = lengths === undefined ? [] : [constant(b, [steps, 1, 1, 1], range(steps))];
  const made = loop(b, {
    length: steps,
    reverse,
    states: range(kind.states).map((k) => initial(given, d, k)),
    items: [products(given, d, cell), ...moments],
    body(states, [x, moment]) {
      const next = kind.step(b, cell, states, x);
      const products = b.training ? next.products : [];
      if (lengths === undefined) return { next: next.states, gives: products };
      const within = call('greater', input(0), input(1));
      const kept = next.states.map((name, k) =>
        pointwise(b, call('choose', within, input(2), input(3)), [lengths, moment, name, states[k]]),
      );
      const shown = pointwise(b, call('choose', within, input(2), 0), [lengths, moment, kept[0]]);
      return { next: kept, gives: [shown, ...products] };
    },
  });
  const list = lengths === undefined ? cut(b, made.states[0], 0, reverse ? 0 : 1, steps) : made.gives[0];
  const turned = transpose(b, reshape(b, list, [steps, hidden, batch]), [0, 2, 1]);
  const ends = made.states.map((name) => {
    const end = reshape(b, cut(b, name, 0, reverse ? 0 : steps, 1), [hidden, batch]);
    return reshape(b, transpose(b, end, [1, 0]), [1, batch, hidden]);
  });
  return { all: reshape(b, turned, [steps, 1, batch, hidden]), last: ends };
}

/** A direction of a value whose first axis counts them. */
const only = (b: Build, name: string, d: number): string =>
  reshape(b, cut(b, name, 0, d, 1), b.type(name).shape.slice(1));

function cellOf(
  { site: { node }, inputs, b, kind, sizes }: Given,
  d: number,
  activations: readonly Activation[],
): Cell {
  const { hidden } = sizes;
  const weights = kind.isLstm && inputs[7] ? only(b, inputs[7], d) : undefined;
  const linearBeforeReset = attr.int(node, 'linear_before_reset', 0) !== 0;
  const biases = kind.resets && linearBeforeReset && inputs[3] ? only(b, inputs[3], d) : undefined;
  const together = kind.resets && !linearBeforeReset ? [kind.gates - 1, 1] : [kind.gates];
  const whole = only(b, inputs[2], d);
  const part = (k: number) => cut(b, whole, 0, k * together[0] * hidden, together[k] * hidden);
  const own = (name: string, at: number) => reshape(b, cut(b, name, 0, at * hidden, hidden), [1, hidden, 1]);
  return {
    hidden,
    recurrence: together.map((_, k) => filters(b, part(k))),
    resetBias: biases ? own(biases, 2 * kind.gates - 1) : undefined,
    peepholes: weights ? range(3).map((k) => own(weights, k)) : undefined,
    activations,
    clipped: within(attr.float(node, 'clip', 0)),
    coupled: kind.isLstm && attr.int(node, 'input_forget', 0) !== 0,
    linearBeforeReset,
  };
}

/** X·Wᵀ and the biases, of all moments: [steps, 1, rows, batch]. */
function products({ inputs, b, kind, sizes }: Given, d: number, { resetBias }: Cell): string {
  const { steps, batch, hidden, batchFirst } = sizes;
  const rows = kind.gates * hidden;
  const channels = transpose(b, inputs[0], batchFirst ? [2, 1, 0] : [2, 0, 1]);
  const flat = reshape(b, channels, [1, b.type(channels).shape[0], steps * batch]);
  const both = inputs[3] ? only(b, inputs[3], d) : undefined;
  const y = columns(b, only(b, inputs[1], d), flat, both && biasOf(b, both, rows, resetBias ? hidden : 0));
  return reshape(b, transpose(b, reshape(b, y, [rows, steps, batch]), [1, 0, 2]), [steps, 1, rows, batch]);
}

/** The biases of the input's products and, but for the last `apart`, of the state's. */
function biasOf(b: Build, both: string, rows: number, apart = 0): string {
  const ofState = cut(b, both, 0, rows, rows - apart);
  const whole =
    apart === 0 ? ofState : b.emit('pad', [ofState], { before: [0], after: [apart], value: 0 })[0];
  return pointwise(b, add(input(0), input(1)), [cut(b, both, 0, 0, rows), whole]);
}

/** State k before the first moment: [1, hidden, batch]. */
function initial({ inputs, b, sizes }: Given, d: number, k: number): string {
  const { batch, hidden, batchFirst } = sizes;
  const given = inputs[5 + k];
  if (!given) return filled(b, [1, hidden, batch], 0);
  const own = only(b, batchFirst ? transpose(b, given, [1, 0, 2]) : given, d);
  return reshape(b, transpose(b, own, [1, 0]), [1, hidden, batch]);
}

export const recurrentOperators: Record<string, Operator> = {
  RNN: recurrent({
    takes: 'F F F F? I? F? -> 1..2',
    gates: 1,
    states: 1,
    activations: ['Tanh'],
    step: simpleStep,
  }),
  GRU: recurrent({
    takes: 'F F F F? I? F? -> 1..2',
    gates: 3,
    states: 1,
    activations: ['Sigmoid', 'Tanh'],
    step: gruStep,
    resets: true,
  }),
  LSTM: recurrent({
    takes: 'F F F F? I? F? F? F? -> 1..3',
    gates: 4,
    states: 2,
    activations: ['Sigmoid', 'Tanh', 'Tanh'],
    step: lstmStep,
    isLstm: true,
  }),
};
