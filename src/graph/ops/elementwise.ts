/** Element-wise operators: each is a formula over its inputs. */
import { fail } from '../../base/index.js';
import {
  attr,
  bytesOf,
  type DType,
  dtypeOf,
  hasAttribute,
  isFloat,
  type Node,
  unreadName,
} from '../../onnx/index.js';
import { call, type Expression, input } from '../expression.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { damaged, singles } from './check.js';
import { define } from './define.js';
import { pointwise, range } from './emit.js';

const x = input(0);
const y = input(1);

export const add = (a: Expression, b: Expression) => call('add', a, b);
export const sub = (a: Expression, b: Expression) => call('sub', a, b);
export const mul = (a: Expression, b: Expression) => call('mul', a, b);
export const div = (a: Expression, b: Expression) => call('div', a, b);

/** Towards zero. */
export const truncated = (a: Expression): Expression => mul(call('sign', a), call('floor', call('abs', a)));

/** A formula over all inputs of the node. */
const formula = (
  takes: string,
  f: (site: Site) => Expression,
  facts: Pick<Operator, 'check' | 'roles' | 'learnable' | 'settings' | 'carries' | 'answers'> & {
    dtypes?: (site: Site) => DType[];
  } = {},
): Operator =>
  define({
    takes,
    ...facts,
    expand: (site, inputs, b) => [pointwise(b, f(site), inputs)],
  });

const unary = (
  f: (node: Node) => Expression,
  takes = 'F -> 1',
  facts: Pick<Operator, 'answers'> = {},
): Operator => formula(takes, (site) => f(site.node), facts);

const truths = { answers: 'truths' } as const;

const compared = (takes: string, f: Expression): Operator =>
  formula(takes, () => f, { dtypes: () => ['bool'] });

/** A vector along one axis (a bias, a scale per channel); single numbers are settings, and grids are constants. */
const vector = (shape: readonly number[]): boolean => shape.filter((dim) => dim > 1).length === 1;

const affine = (f: Expression, is: 'term' | 'factor'): Operator =>
  formula('N N -> 1', () => f, { roles: { 0: { is }, 1: { is } }, learnable: vector });

/** Inputs that one formula takes. */
const AT_ONCE = 8;

/** A formula of any number of inputs, a few of them at a time. */
const folded = (
  takes: string,
  f: (a: Expression, b: Expression) => Expression,
  last: (sum: Expression, count: number) => Expression = (sum) => sum,
): Operator =>
  define({
    takes,
    expand(_, inputs, b) {
      let left = inputs;
      while (left.length > 1) {
        const groups = range(Math.ceil(left.length / AT_ONCE)).map((i) =>
          left.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
        );
        left = groups.map((names) => pointwise(b, names.map((_, k) => input(k)).reduce(f), names));
      }
      return [pointwise(b, last(x, inputs.length), left)];
    },
  });

const setting = (node: Node, name: string, fallback: number) => attr.float(node, name, fallback);

const relu = call('relu', x);
/** min(x, 0), with derivative 1 at 0 as exp-like units have it there. */
const negative = sub(x, relu);
/** log(1 + eˣ) without overflow. */
const softplus = add(call('max', x, 0), call('log', add(1, call('exp', call('neg', call('abs', x))))));
const hardSigmoid = (alpha: number, beta: number) => call('min', call('relu', add(mul(x, alpha), beta)), 1);
const elu = (alpha: number) => add(relu, mul(alpha, sub(call('exp', negative), 1)));
export const normalCdf = mul(0.5, add(1, call('erf', mul(x, Math.SQRT1_2))));
const cubic = mul(Math.sqrt(2 / Math.PI), add(x, mul(0.044715, mul(x, mul(x, x)))));
/** Nearly the same, by tanh. */
export const tanhCdf = mul(0.5, add(1, call('tanh', cubic)));

/** Clip's bounds: attributes up to opset 10, inputs from 11 on; either may be absent. */
function clip(site: Site): Expression {
  const bound = (k: number, name: string): Expression | undefined => {
    if (site.inputs[k]) return input(k);
    return hasAttribute(site.node, name) ? attr.float(site.node, name) : undefined;
  };
  const low = bound(1, 'min');
  const high = bound(2, 'max');
  const fromZero = low === 0 || Number(site.inputs[1]?.constant?.data[0]) === 0;
  const raised = low === undefined ? x : fromZero ? relu : call('max', x, low);
  return high === undefined ? raised : call('min', raised, high);
}

/** Numbers wrap around in 4 bits, which no formula here says. */
const castable = (to: number): DType | undefined => {
  const dtype = dtypeOf(to);
  return dtype && bytesOf[dtype] === 0.5 ? undefined : dtype;
};

/** Cast's `to`, refused for types that tensors here cannot hold. */
function target(node: Node): DType {
  const to = attr.int(node, 'to');
  return (
    castable(to) ??
    fail(
      `${describe(node)} casts to ${unreadName(to)}, which espalier does not read; export the model in float32.`,
      Unsupported,
    )
  );
}

function cast(from: DType, to: DType): Expression {
  if (to === 'bool') return sub(1, call('equal', x, 0));
  return isFloat(from) && !isFloat(to) ? truncated(x) : x;
}

/** Of the first input alone: CastLike's second may have any shape. */
const castTo = (takes: string, to: (site: Site) => DType): Operator =>
  define({
    takes,
    carries: true,
    dtypes: (site) => [to(site)],
    expand: (site, [value], b) => [pointwise(b, cast(required(site, 0).dtype, to(site)), [value])],
  });

/** Integer Mod has the sign of the divisor, fmod that of the dividend. */
const remainder = (node: Node): Expression => {
  const quotient = div(x, y);
  return sub(x, mul(attr.int(node, 'fmod', 0) ? truncated(quotient) : call('floor', quotient), y));
};

export const elementwiseOperators: Record<string, Operator> = {
  Relu: unary(() => relu, 'N -> 1'),
  LeakyRelu: unary((node) => call('choose', call('greater', x, 0), x, mul(x, setting(node, 'alpha', 0.01)))),
  PRelu: formula('N N -> 1', () => call('choose', call('greater', x, 0), x, mul(x, y)), {
    roles: { 1: { is: 'slope' } },
  }),
  Elu: unary((node) => elu(setting(node, 'alpha', 1))),
  Selu: unary((node) =>
    mul(setting(node, 'gamma', 1.0507009873554805), elu(setting(node, 'alpha', 1.6732632423543772))),
  ),
  Celu: unary((node) => {
    const alpha = setting(node, 'alpha', 1);
    return add(relu, mul(alpha, sub(call('exp', div(negative, alpha)), 1)));
  }),
  ThresholdedRelu: unary((node) => call('choose', call('greater', x, setting(node, 'alpha', 1)), x, 0)),
  HardSigmoid: unary(
    (node) => hardSigmoid(setting(node, 'alpha', 0.2), setting(node, 'beta', 0.5)),
    'F -> 1',
    truths,
  ),
  HardSwish: unary(() => mul(x, hardSigmoid(1 / 6, 0.5))),
  Sigmoid: unary(() => call('sigmoid', x), 'F -> 1', truths),
  Tanh: unary(() => call('tanh', x)),
  Softplus: unary(() => softplus),
  Softsign: unary(() => div(x, add(1, call('abs', x)))),
  Mish: unary(() => mul(x, call('tanh', softplus))),
  Swish: unary((node) => mul(x, call('sigmoid', mul(x, setting(node, 'alpha', 1))))),
  Gelu: unary((node) => mul(x, attr.string(node, 'approximate', 'none') === 'tanh' ? tanhCdf : normalCdf)),
  Erf: unary(() => call('erf', x), 'N -> 1'),
  Exp: unary(() => call('exp', x)),
  Log: unary(() => call('log', x)),
  Sqrt: unary(() => call('sqrt', x)),
  Reciprocal: unary(() => div(1, x)),
  Abs: unary(() => call('abs', x), 'N -> 1'),
  Neg: unary(() => call('neg', x), 'N -> 1'),
  Sign: unary(() => call('sign', x), 'N -> 1'),
  Floor: unary(() => call('floor', x)),
  Ceil: unary(() => call('ceil', x)),
  Round: unary(() => call('round', x)),
  Sin: unary(() => call('sin', x)),
  Cos: unary(() => call('cos', x)),
  Clip: formula('N N? N? -> 1', clip, { settings: [1, 2], check: (site) => singles(site, [1, 2]) }),

  Add: affine(add(x, y), 'term'),
  Mul: affine(mul(x, y), 'factor'),
  Sub: formula('N N -> 1', () => sub(x, y)),
  Div: formula('N N -> 1', (site) => (isFloat(required(site, 0).dtype) ? div(x, y) : truncated(div(x, y)))),
  Pow: formula('N N2 -> 1', () => call('pow', x, y)),
  Mod: formula('N N -> 1', ({ node }) => remainder(node), {
    check(site) {
      if (isFloat(required(site, 0).dtype) && attr.int(site.node, 'fmod', 0) !== 1)
        damaged(site, 'divides real numbers with fmod 0, which must be 1');
    },
  }),
  Max: folded('N+ -> 1', (a, b) => call('max', a, b)),
  Min: folded('N+ -> 1', (a, b) => call('min', a, b)),
  Sum: folded('N+ -> 1', add),
  Mean: folded('F+ -> 1', add, (sum, count) => mul(sum, 1 / count)),

  Equal: compared('V V -> 1', call('equal', x, y)),
  Greater: compared('N N -> 1', call('greater', x, y)),
  GreaterOrEqual: compared('N N -> 1', call('greaterEqual', x, y)),
  Less: compared('N N -> 1', call('greater', y, x)),
  LessOrEqual: compared('N N -> 1', call('greaterEqual', y, x)),
  And: compared('B B -> 1', mul(x, y)),
  Or: compared('B B -> 1', call('max', x, y)),
  Xor: compared('B B -> 1', sub(1, call('equal', x, y))),
  Not: compared('B -> 1', sub(1, x)),
  IsNaN: compared('F -> 1', sub(1, call('equal', x, x))),
  Where: formula('B V V -> 1', () => call('choose', x, y, input(2)), {
    dtypes: (site) => [required(site, 1).dtype],
  }),

  Cast: castTo('V -> 1', ({ node }) => target(node)),
  CastLike: castTo('V V2 -> 1', (site) => required(site, 1).dtype),
};
