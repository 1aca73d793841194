/** Constants, and what shapes and other constants alone determine: Constant, ConstantOfShape, Shape, Size, Range. */
import { fail } from '../../base/index.js';
import {
  attr,
  emptyData,
  floatTensor,
  hasAttribute,
  intTensor,
  type Node,
  sizeOf,
  type Tensor,
} from '../../onnx/index.js';
import { mostFolded } from '../fold.js';
import {
  constantInts,
  constantOf,
  describe,
  listed,
  type Operator,
  required,
  type Site,
} from '../operator.js';
import { damaged, lists, singles } from './check.js';
import { checkConstant } from './define.js';

/** An operator whose result is known as soon as the types of its inputs are. */
const known = (
  takes: string,
  compute: (site: Site) => Tensor,
  facts: Pick<Operator, 'settings' | 'check'> = {},
): Operator => ({
  takes,
  ...facts,
  infer(site) {
    const constant = compute(site);
    return [{ dtype: constant.dtype, shape: constant.shape, constant }];
  },
});

function stated(node: Node): Tensor {
  if (hasAttribute(node, 'value')) return attr.tensor(node, 'value');
  if (hasAttribute(node, 'value_float')) return floatTensor([], [attr.float(node, 'value_float')]);
  if (hasAttribute(node, 'value_int')) return intTensor([], [attr.int(node, 'value_int')]);
  if (hasAttribute(node, 'value_floats')) {
    const list = attr.floats(node, 'value_floats');
    return floatTensor([list.length], list);
  }
  if (hasAttribute(node, 'value_ints')) {
    const list = attr.ints(node, 'value_ints');
    return intTensor([list.length], list);
  }
  return fail(
    `${describe(node)} holds neither numbers nor a dense tensor; espalier reads no strings or sparse tensors.`,
  );
}

/** Dimensions of the input, from `start` to `end` (opset 15 on). */
function shapeOf(site: Site): Tensor {
  const { shape } = required(site, 0);
  const part = shape.slice(attr.int(site.node, 'start', 0), attr.int(site.node, 'end', shape.length));
  return intTensor([part.length], part);
}

const filling = (site: Site): Tensor =>
  site.node.attributes.value ? attr.tensor(site.node, 'value') : floatTensor([1], [0]);

/** The contents are left to `evaluate`: networks without weights fill whole layers this way. */
const constantOfShape: Operator = {
  takes: 'I -> 1',
  check(site) {
    lists(site, [0]);
    const { shape, data } = filling(site);
    if (data.length !== 1) damaged(site, `fills with a value of shape [${shape}], which must be one number`);
  },
  settings: [0],
  resize: (_, __, [y]) => ({ settings: { 0: listed(y.map(({ length }) => length)) } }),
  infer: (site) => [{ dtype: filling(site).dtype, shape: constantInts(site, 0, 'shape')! }],
  evaluate(site) {
    const { dtype, data: value } = filling(site);
    const shape = constantInts(site, 0, 'shape')!;
    checkConstant(site, shape, mostFolded);
    const data = emptyData(dtype, sizeOf(shape));
    (data as Float32Array).fill(value[0] as number);
    return [{ dtype, shape, data }];
  },
};

/** Numbers of a range, at most. */
const mostCounted = 2 ** 24;

function steps(site: Site): Tensor {
  const [start, limit, delta] = [0, 1, 2].map((k) => Number(constantOf(site, k, 'limits')?.data[0]));
  const { dtype } = required(site, 0);
  if (![start, limit].every(Number.isFinite) || !(Math.abs(delta) > 0))
    damaged(site, `counts from ${start} to ${limit} in steps of ${delta}`);
  const size = Math.max(0, Math.ceil((limit - start) / delta));
  checkConstant(site, [size], mostCounted);
  const data = emptyData(dtype, size);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let i = 0; i < size; i++) {
    const value = start + i * delta;
    (data as (number | bigint)[] & typeof data)[i] = big ? BigInt(value) : value;
  }
  return { dtype, shape: [size], data };
}

export const constantOperators: Record<string, Operator> = {
  Constant: known('-> 1', ({ node }) => stated(node)),
  ConstantOfShape: constantOfShape,
  Shape: known('V -> 1', shapeOf),
  Size: known('V -> 1', (site) => intTensor([], [sizeOf(required(site, 0).shape)])),
  Range: known('N N N -> 1', steps, { settings: [0, 1, 2], check: (site) => singles(site, [0, 1, 2]) }),
};
