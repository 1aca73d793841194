/**
 * What a recurrent operator does at one moment. Values are [1, rows, batch], so that products with weights are convolutions with a
 * window of one, for which the engine and the runtime have their fastest kernels, sparse ones among them.
 */
import type { Build } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { add, mul, sub } from './elementwise.js';
import { cut, pointwise } from './emit.js';
import { filtered } from './matmul.js';
import type { Activation } from './recurrent-activations.js';

/** The weights of a direction, and what the node says of it. */
export interface Cell {
  hidden: number;
  /** R, by the gates whose products are taken together, as filters [rows, hidden, 1]. */
  recurrence: readonly string[];
  /** GRU: the bias [1, hidden, 1] of the product that is reset. */
  resetBias?: string;
  /** Of each gate [1, hidden, 1], for LSTM. */
  peepholes?: readonly string[];
  activations: readonly Activation[];
  /** The input of an activation, within its bounds. */
  clipped: (x: Expression) => Expression;
  /** LSTM: the input gate is one less the forget gate, or the other way round. */
  coupled?: boolean;
  /** GRU: the reset gate is applied behind the product with the state. */
  linearBeforeReset?: boolean;
}

/** States and the product of the input with its weights, all gates below one another, make the next states. */
export type Step = (b: Build, cell: Cell, states: readonly string[], x: string) => Made;

interface Made {
  states: string[];
  /** Sums of products, which the gradient is spared from computing again. */
  products: string[];
}

const [x0, x1, x2, x3] = [0, 1, 2, 3].map(input);
const sum = (b: Build, ...names: string[]): string =>
  pointwise(b, names.map((_, i) => input(i)).reduce(add), names);

/** Gate k of `count` below one another. */
const gate = (b: Build, all: string, k: number, hidden: number, count = 1): string =>
  cut(b, all, 1, k * hidden, count * hidden);

/** H = f(X·Wᵀ + H·Rᵀ + b) */
export const simpleStep: Step = (b, cell, [h], x) => {
  const [f] = cell.activations;
  const all = sum(b, filtered(b, cell.recurrence[0], h), x);
  return { states: [pointwise(b, f(cell.clipped(x0)), [all])], products: [all] };
};

/** Gates: update, reset, hidden. */
export const gruStep: Step = (b, cell, [h], x) => {
  const { hidden, recurrence, clipped, linearBeforeReset, resetBias } = cell;
  const [f, g] = cell.activations;
  const first = filtered(b, recurrence[0], h);
  const gates = sum(b, gate(b, first, 0, hidden, 2), gate(b, x, 0, hidden, 2));
  const [update, reset] = [0, 1].map((k) => pointwise(b, f(clipped(x0)), [gate(b, gates, k, hidden)]));
  const own = gate(b, x, 2, hidden);
  let candidate: string;
  if (linearBeforeReset) {
    const parts = [gate(b, first, 2, hidden), reset, own, ...(resetBias ? [resetBias] : [])];
    const inner = resetBias ? add(x0, x3) : x0;
    candidate = pointwise(b, add(mul(inner, x1), x2), parts);
  } else candidate = sum(b, filtered(b, recurrence[1], pointwise(b, mul(x0, x1), [reset, h])), own);
  const next = add(mul(sub(1, x0), g(clipped(x1))), mul(x0, x2));
  return {
    states: [pointwise(b, next, [update, candidate, h])],
    products: linearBeforeReset ? [first] : [gates, candidate],
  };
};

/** Gates: input, output, forget, cell. */
export const lstmStep: Step = (b, cell, [h, c], x) => {
  const { hidden, clipped, peepholes, coupled } = cell;
  const [f, g, last] = cell.activations;
  const all = sum(b, filtered(b, cell.recurrence[0], h), x);
  const [input, output, forget, content] = [0, 1, 2, 3].map((k) => gate(b, all, k, hidden));
  const peeped = (from: string, which: number, state: string): string =>
    peepholes
      ? pointwise(b, f(clipped(add(x0, mul(x1, x2)))), [from, peepholes[which], state])
      : pointwise(b, f(clipped(x0)), [from]);
  const taken = peeped(input, 0, c);
  const kept = coupled ? pointwise(b, sub(1, x0), [taken]) : peeped(forget, 2, c);
  const next = add(mul(x0, x1), mul(x2, g(clipped(x3))));
  const cellState = pointwise(b, next, [kept, c, taken, content]);
  const shown = peeped(output, 1, cellState);
  const state = pointwise(b, mul(x0, last(x1)), [shown, cellState]);
  return { states: [state, cellState], products: [all] };
};

/** What stays within −limit and limit. */
export const within = (limit: number): Cell['clipped'] =>
  limit > 0 ? (x) => call('max', -limit, call('min', limit, x)) : (x) => x;
