/** Operators of com.microsoft beside onnxruntime, and their gradients beside differences. */
import { test } from 'node:test';
import { float, int, intList } from '../../onnx/index.js';
import { type Case, caseAgrees, type Given } from './against.test.fixture.js';
import { checkGradients } from './gradients.test.fixture.js';

const f = (...shape: number[]): Given => ({ shape });
const weights = (...shape: number[]): Given => ({ shape, fixed: true, between: [-1, 1] });
const ids = (...shape: number[]): Given => ({ shape, dtype: 'int32', between: [0, 5] });
const marks = (shape: number[], ...values: number[]): Given => ({ shape, dtype: 'int32', values });

const one = (op: string, inputs: Case['inputs'], attributes: Case['attributes'] = {}, outputs = 1): Case => ({
  ...{ op, domain: 'com.microsoft', opset: 17, inputs, attributes, outputs },
});

const heads = { num_heads: int(2) };
const packed = [f(2, 3, 4), weights(4, 24), weights(24)];

const real: Case[] = [
  one('Gelu', [f(2, 5)]),
  one('BiasGelu', [f(2, 3, 5), weights(5)]),
  one('FastGelu', [f(2, 3, 5), weights(5)]),
  one('FastGelu', [f(2, 5)]),
  one('QuickGelu', [f(2, 5)], { alpha: float(1.3) }),
  one('FusedMatMul', [f(2, 3, 4), f(2, 5, 4)], { transB: int(1), alpha: float(0.5) }),
  one('FusedMatMul', [f(2, 4, 3), weights(4, 5)], { transA: int(1) }),
  one('SkipLayerNormalization', [f(2, 3, 5), f(2, 3, 5), weights(5), weights(5), weights(5)]),
  one('SkipLayerNormalization', [f(2, 3, 5), f(2, 3, 5), weights(5)], { epsilon: float(0.1) }),
  one('SkipSimplifiedLayerNormalization', [f(2, 3, 5), f(2, 3, 5), weights(5), weights(5)]),
  { ...one('SimplifiedLayerNormalization', [f(2, 3, 5), weights(5)], { axis: int(-1) }), domain: '' },
  one('Attention', packed, heads),
  one('Attention', [f(2, 3, 4), weights(4, 20), weights(20)], {
    ...heads,
    qkv_hidden_sizes: intList([6, 6, 8]),
    scale: float(0.7),
  }),
  one('Attention', packed, { ...heads, unidirectional: int(1) }),
  one('MultiHeadAttention', [f(2, 3, 8), f(2, 4, 8), f(2, 4, 6), weights(22)], heads),
  one('MultiHeadAttention', [f(2, 3, 8), f(2, 3, 8), f(2, 3, 8)], { ...heads, unidirectional: int(1) }),
];

const others: Case[] = [
  one('Attention', [...packed, marks([2, 3], 1, 1, 0, 1, 0, 1)], { ...heads, mask_filter_value: float(-50) }),
  one('Attention', [...packed, marks([2], 2, 3)], heads),
  one('Attention', [...packed, undefined, f(2, 2, 2, 2, 4)], { ...heads, unidirectional: int(1) }, 2),
  one('Attention', [...packed, undefined, undefined, f(2, 2, 3, 3)], heads),
  one(
    'MultiHeadAttention',
    [f(2, 3, 8), f(2, 4, 8), f(2, 4, 8), undefined, marks([2, 4], 1, 1, 0, 1, 1, 1, 1, 0)],
    heads,
  ),
  one('MultiHeadAttention', [f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), undefined, undefined, f(1, 2, 3, 3)], heads),
  one(
    'EmbedLayerNormalization',
    [
      ids(2, 3),
      ids(2, 3),
      weights(5, 4),
      weights(6, 4),
      weights(5, 4),
      weights(4),
      weights(4),
      marks([2, 3], 1, 1, 0, 1, 1, 1),
    ],
    {},
    2,
  ),
  one(
    'EmbedLayerNormalization',
    [
      ids(2, 3),
      undefined,
      weights(5, 4),
      weights(6, 4),
      undefined,
      weights(4),
      weights(4),
      undefined,
      ids(2, 3),
    ],
    { epsilon: float(0.01) },
    3,
  ),
];

for (const c of [...real, ...others])
  test(`${c.op} of ${c.inputs.map((input) => `[${input?.shape ?? ''}]`).join(' ')}`, () =>
    caseAgrees(c, 2e-5));

for (const c of real)
  test(`gradient of ${c.op} of ${c.inputs.map((input) => `[${input?.shape ?? ''}]`).join(' ')}`, () =>
    checkGradients(c, 6));
