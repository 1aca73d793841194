/**
 * Products of 8-bit integers, as quantisation for inference leaves them. The engine does not compute them: the scale of a
 * DynamicQuantizeLinear is that of all samples of a run, and results are rounded. But what shapes they give, and what they cost, is known, so that
 * what stands behind them is counted.
 */
import { fail } from '../../base/index.js';
import type { DType } from '../../onnx/index.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { convOperators } from './conv.js';
import { matmulOperators } from './matmul.js';

const expand = ({ node }: Site): never =>
  fail(
    `${describe(node)} computes with integers of 8 bits, which espalier does not; use the model in floats that was quantised, and quantise it afterwards, or prune the model by its weights alone (--data none).`,
    Unsupported,
  );

const dynamic: Operator = {
  takes: 'F -> 3',
  infer: (site) => [
    { dtype: 'uint8', shape: required(site, 0).shape },
    { dtype: 'float32', shape: [] },
    { dtype: 'uint8', shape: [] },
  ],
  expand,
};

/** An operator as another one is, on the inputs at `places`. */
function like(
  of: Operator,
  { takes, places, dtype }: { takes: string; places: readonly number[]; dtype: (site: Site) => DType },
): Operator {
  const inFloats = (site: Site): Site => ({
    ...site,
    node: { ...site.node, inputs: places.map((i) => site.node.inputs[i] ?? '') },
    inputs: places.map((i) => {
      const type = site.inputs[i];
      return type && { ...type, dtype: 'float32' as const, constant: undefined };
    }),
  });
  return {
    takes,
    infer: (site) => of.infer(inFloats(site)).map(({ shape }) => ({ shape, dtype: dtype(site) })),
    macs: (site, outputs) => of.macs!(inFloats(site), outputs),
    expand,
  };
}

const { Conv: conv } = convOperators;
const { MatMul: matMul } = matmulOperators;
const int32 = () => 'int32' as const;

export const integerOperators: Record<string, Operator> = {
  DynamicQuantizeLinear: dynamic,
  MatMulInteger: like(matMul, { takes: 'Z Z2 Z? Z2? -> 1', places: [0, 1], dtype: int32 }),
  ConvInteger: like(conv, { takes: 'Z Z2 Z? Z2? -> 1', places: [0, 1], dtype: int32 }),
  QLinearMatMul: like(matMul, {
    takes: 'Z F Z Z2 F2 Z2 F3 Z3 -> 1',
    places: [0, 3],
    dtype: (site) => required(site, 7).dtype,
  }),
  QLinearConv: like(conv, {
    takes: 'Z F Z Z2 F2 Z2 F3 Z3 Z4? -> 1',
    places: [0, 3],
    dtype: (site) => required(site, 7).dtype,
  }),
};
