/**
 * Products of 8-bit integers, as quantisation for inference leaves them. The engine does not compute them: the scale of a
 * DynamicQuantizeLinear is that of all samples of a run, and results are rounded. But what shapes they give, and what they cost, is known, so that
 * what stands behind them is counted.
 */
import { fail } from '../../base/index.js';
import { attr, type DType } from '../../onnx/index.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { bias, type InputRole, type InputRoles } from '../roles.js';
import { convOperators } from './conv.js';
import { matmulOperators } from './matmul.js';

const expand = ({ node }: Site): never =>
  fail(
    `${describe(node)} computes with integers of 8 bits, which espalier does not; use the model in floats that was quantised, and quantise it afterwards, or prune the model by its weights alone (espalier prune --data none).`,
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

interface IntegerProduct {
  takes: string;
  /** Where the inputs of the product of real numbers are. */
  places: readonly number[];
  dtype: (site: Site) => DType;
  roles: InputRoles;
}

/** An operator as another one is. */
function like(of: Operator, { takes, places, dtype, roles }: IntegerProduct): Operator {
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
    roles,
    stored: true,
    infer: (site) => of.infer(inFloats(site)).map(({ shape }) => ({ shape, dtype: dtype(site) })),
    macs: (site, outputs) => of.macs!(inFloats(site), outputs),
    expand,
  };
}

/** Weights, with the outputs on an axis counted from the last one where it is negative. */
const weights = (outputs: number, stored: { scale?: number; zero: number }): InputRole => ({
  is: 'weight',
  outputAxis: (_node, _index, rank) => (outputs < 0 ? rank + outputs : outputs),
  stored,
});

const { Conv: conv } = convOperators;
const { MatMul: matMul, Gemm: gemm } = matmulOperators;
const int32 = () => 'int32' as const;

export const integerOperators: Record<string, Operator> = {
  DynamicQuantizeLinear: dynamic,
  MatMulInteger: like(matMul, {
    takes: 'Z Z2 Z? Z2? -> 1',
    places: [0, 1],
    dtype: int32,
    roles: { 1: weights(-1, { zero: 3 }) },
  }),
  ConvInteger: like(conv, {
    takes: 'Z Z2 Z? Z2? -> 1',
    places: [0, 1],
    dtype: int32,
    roles: { 1: weights(0, { zero: 3 }) },
  }),
  QLinearMatMul: like(matMul, {
    takes: 'Z F Z Z2 F2 Z2 F3 Z3 -> 1',
    places: [0, 3],
    dtype: (site) => required(site, 7).dtype,
    roles: { 3: weights(-1, { scale: 4, zero: 5 }) },
  }),
  QLinearConv: like(conv, {
    takes: 'Z F Z Z2 F2 Z2 F3 Z3 Z4? -> 1',
    places: [0, 3],
    dtype: (site) => required(site, 7).dtype,
    roles: { 3: weights(0, { scale: 4, zero: 5 }), 8: bias },
  }),
};

/** What onnxruntime's tools make of more than one operator, or of a product with a bias. */
export const integersOfMicrosoft: Record<string, Operator> = {
  QGemm: like(gemm, {
    takes: 'Z F Z Z2 F2 Z2 Z4? F3? Z3? -> 1',
    places: [0, 3],
    dtype: (site) => site.inputs[8]?.dtype ?? 'float32',
    roles: {
      3: {
        is: 'weight',
        outputAxis: (node) => (attr.int(node, 'transB', 0) ? 0 : 1),
        stored: { scale: 4, zero: 5 },
      },
      6: bias,
    },
  }),
  MatMulIntegerToFloat: like(matMul, {
    takes: 'Z Z2 F F Z? Z2? F? -> 1',
    places: [0, 1],
    dtype: (site) => required(site, 2).dtype,
    roles: { 1: weights(-1, { scale: 3, zero: 5 }), 6: bias },
  }),
  DynamicQuantizeMatMul: like(matMul, {
    takes: 'F Z F Z? F? -> 1',
    places: [0, 1],
    dtype: (site) => required(site, 0).dtype,
    roles: { 1: weights(-1, { scale: 2, zero: 3 }), 4: bias },
  }),
};
