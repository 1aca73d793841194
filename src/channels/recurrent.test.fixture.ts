/** For tests: recurrent networks. */
import type { Sketch, Trouble } from './sketch.test.fixture.js';

const gates = { RNN: 1, GRU: 3, LSTM: 4 };

interface Form {
  op: keyof typeof gates;
  from: number;
  hidden: number;
  direction?: 'forward' | 'reverse' | 'bidirectional';
  /** What else it is given, from its biases on. */
  others?: (s: Sketch, directions: number) => string[];
}

/** From [steps, N, from] to [steps, directions, N, hidden]. */
function recurrent(
  s: Sketch,
  x: string,
  name: string,
  form: Form,
  plain: Record<string, number | string> = {},
): string {
  const { op, from, hidden, direction = 'forward', others } = form;
  const directions = direction === 'bidirectional' ? 2 : 1;
  const rows = gates[op] * hidden;
  const weights = [
    s.weight(`${name}.w`, directions, rows, from),
    s.weight(`${name}.r`, directions, rows, hidden),
    s.weight(`${name}.b`, directions, 2 * rows),
  ];
  const given = [x, ...weights, ...(others?.(s, directions) ?? [])];
  return s.op(op, given, { hidden_size: hidden, direction, ...plain });
}

/** Six moments of five numbers, as [steps, N, 5]. */
const sequence = (s: Sketch): string => s.op('Transpose', [s.input('x', [6, 5])], { perm: [1, 0, 2] });

/** The last moment of one direction, and two numbers of it. */
function answer(s: Sketch, y: string, hidden: number): string {
  const last = s.op('Gather', [s.op('Squeeze', [y, s.ints(1)]), s.index(-1)], { axis: 0 });
  return s.linear(last, 'o', hidden, 2);
}

export const recurrentTroubles: Trouble[] = [
  ...(['RNN', 'GRU', 'LSTM'] as const).map(
    (op): Trouble => ({
      name: `${op} between layers`,
      build(s) {
        const x = s.op('Transpose', [s.linear(s.input('x', [6, 5]), 'a', 5, 7)], { perm: [1, 0, 2] });
        return answer(s, recurrent(s, x, 'c', { op, from: 7, hidden: 8 }), 8);
      },
    }),
  ),
  {
    name: 'GRU upon GRU in both directions, reset behind the product',
    build(s) {
      const both = recurrent(
        s,
        sequence(s),
        'c',
        { op: 'GRU', from: 5, hidden: 6, direction: 'bidirectional' },
        { linear_before_reset: 1 },
      );
      const joined = s.op('Reshape', [s.op('Transpose', [both], { perm: [0, 2, 1, 3] }), s.ints(6, -1, 12)]);
      return answer(s, recurrent(s, joined, 'd', { op: 'GRU', from: 12, hidden: 4 }), 4);
    },
  },
  {
    name: 'LSTM with peepholes and initial states of its own',
    build(s) {
      const x = sequence(s);
      const count = s.op('Gather', [s.op('Shape', [x]), s.ints(1)]);
      const shape = s.op('Concat', [s.ints(1), count, s.ints(8)], { axis: 0 });
      const state = (name: string) => s.op('Expand', [s.weight(name, 1, 1, 8), shape]);
      const others = () => ['', state('c.h'), state('c.c'), s.weight('c.p', 1, 24)];
      return answer(
        s,
        recurrent(s, x, 'c', { op: 'LSTM', from: 5, hidden: 8, direction: 'reverse', others }),
        8,
      );
    },
  },
  {
    name: 'LSTM whose state another file gives',
    build(s) {
      const state = s.op('Unsqueeze', [s.input('h', [8]), s.ints(0)]);
      return answer(
        s,
        recurrent(s, sequence(s), 'c', { op: 'LSTM', from: 5, hidden: 8, others: () => ['', state] }),
        8,
      );
    },
  },
  {
    name: 'RNN that adds to what came in',
    build(s) {
      const x = s.linear(s.input('x', [6, 5]), 'a', 5, 8);
      const turned = s.op('Transpose', [x], { perm: [1, 0, 2] });
      const y = recurrent(s, turned, 'c', { op: 'RNN', from: 8, hidden: 8 });
      const sum = s.op('Add', [s.op('Squeeze', [y, s.ints(1)]), turned]);
      return s.linear(s.op('Transpose', [sum], { perm: [1, 0, 2] }), 'o', 8, 2);
    },
  },
];
