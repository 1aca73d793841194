/** For tests: recurrent operators in any form that ONNX has. */
import fc from 'fast-check';
import { float, floatList, int, string, stringList } from '../../onnx/index.js';
import type { Case, Given } from './against.test.fixture.js';

const gates = { RNN: 1, GRU: 3, LSTM: 4 };
const functions = { RNN: 1, GRU: 2, LSTM: 3 };
const names = [
  ...[
    'Tanh',
    'Sigmoid',
    'Relu',
    'Softsign',
    'Softplus',
    'LeakyRelu',
    'ThresholdedRelu',
    'HardSigmoid',
    'Elu',
  ],
  ...['Affine', 'ScaledTanh'],
];

export interface Form {
  op: keyof typeof gates;
  direction: 'forward' | 'reverse' | 'bidirectional';
  steps: number;
  batch: number;
  from: number;
  hidden: number;
  bias: boolean;
  lengths?: number[];
  initial: boolean;
  peepholes: boolean;
  /** The batch stands first. */
  layout: 0 | 1;
  clip: number;
  activations?: string[];
  /** linear_before_reset of GRU, input_forget of LSTM. */
  variant: 0 | 1;
}

/** The form as a model of one node. */
export function caseOf(form: Form): Case {
  const { op, direction, steps, batch, from, hidden, layout } = form;
  const directions = direction === 'bidirectional' ? 2 : 1;
  const rows = gates[op] * hidden;
  const weights = (...shape: number[]): Given => ({ shape, fixed: true, between: [-1, 1] });
  const state: Given = { shape: layout ? [batch, directions, hidden] : [directions, batch, hidden] };
  const lstm = [
    form.initial ? state : undefined,
    form.peepholes ? weights(directions, 3 * hidden) : undefined,
  ];
  const variant = { GRU: 'linear_before_reset', LSTM: 'input_forget', RNN: undefined }[op];
  return {
    op,
    opset: 14,
    outputs: op === 'LSTM' ? 3 : 2,
    inputs: [
      { shape: layout ? [batch, steps, from] : [steps, batch, from] },
      weights(directions, rows, from),
      weights(directions, rows, hidden),
      form.bias ? weights(directions, 2 * rows) : undefined,
      form.lengths && { shape: [batch], dtype: 'int32', values: form.lengths },
      form.initial ? state : undefined,
      ...(op === 'LSTM' ? lstm : []),
    ],
    attributes: {
      hidden_size: int(hidden),
      direction: string(direction),
      ...(layout ? { layout: int(1) } : {}),
      ...(form.clip > 0 ? { clip: float(form.clip) } : {}),
      ...(variant && form.variant ? { [variant]: int(1) } : {}),
      ...(form.activations ? named(form.activations) : {}),
    },
  };
}

/** As many alphas and betas as any of them could take. */
const named = (activations: string[]): Case['attributes'] => ({
  activations: stringList(activations),
  activation_alpha: floatList(activations.map((_, i) => 0.3 + 0.1 * i)),
  activation_beta: floatList(activations.map((_, i) => 0.6 - 0.1 * i)),
});

/** Functions without kinks, within bounds: no state grows, and differences are exact. */
export const smooth = ['Tanh', 'Sigmoid', 'Softsign', 'ScaledTanh'];

/** Any form with these functions. */
export const formsOf = (functionsOf: readonly string[]): fc.Arbitrary<Form> =>
  fc
    .record({
      op: fc.constantFrom('RNN' as const, 'GRU' as const, 'LSTM' as const),
      direction: fc.constantFrom('forward' as const, 'reverse' as const, 'bidirectional' as const),
      steps: fc.integer({ min: 1, max: 5 }),
      batch: fc.integer({ min: 1, max: 3 }),
      from: fc.integer({ min: 1, max: 4 }),
      hidden: fc.integer({ min: 1, max: 6 }),
      bias: fc.boolean(),
      initial: fc.boolean(),
      peepholes: fc.boolean(),
      layout: fc.constantFrom(0 as const, 1 as const),
      clip: fc.constantFrom(0, 0, 0.4),
      variant: fc.constantFrom(0 as const, 1 as const),
      named: fc.boolean(),
      ended: fc.boolean(),
    })
    .chain(({ named: some, ended, ...form }) =>
      fc.record({
        form: fc.constant(form),
        activations: some
          ? fc.array(fc.constantFrom(...functionsOf), {
              minLength: functions[form.op] * (form.direction === 'bidirectional' ? 2 : 1),
              maxLength: functions[form.op] * (form.direction === 'bidirectional' ? 2 : 1),
            })
          : fc.constant(undefined),
        lengths: ended
          ? fc.array(fc.integer({ min: 1, max: form.steps }), {
              minLength: form.batch,
              maxLength: form.batch,
            })
          : fc.constant(undefined),
      }),
    )
    .map(({ form, activations, lengths }) => ({ ...form, activations, lengths }));

export const forms = formsOf(names);
