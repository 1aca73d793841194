/**
 * Operators of the domain com.microsoft, which onnxruntime makes of several of ONNX when it optimises a transformer and writes it
 * down: each is what it was made of. Those of attention are in a file of their own.
 */

import { fail } from '../../base/index.js';
import { attr, sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { bias } from '../roles.js';
import { ranked, shapeAt, vectors } from './check.js';
import { define } from './define.js';
import { add, mul, normalCdf, tanhCdf } from './elementwise.js';
import { constant, filled, pointwise, range, reduce, reshape, transpose } from './emit.js';
import { integersOfMicrosoft } from './integer.js';
import { multiply } from './matmul.js';
import { attentionOfMicrosoft } from './microsoft-attention.js';
import { rootMeanSquare, standardize } from './norm.js';
import { quantizeOperators } from './quantize.js';

const [x, y, z] = [0, 1, 2].map(input);

/** A formula of its input, to which a bias may be added first. */
const biased = (f: (value: Expression, site: Site) => Expression, takes: string): Operator =>
  define({
    takes,
    check: (site) => vectors(site, [1], shapeAt(site, 0).at(-1) ?? 1, 'columns'),
    roles: { 1: bias },
    expand(site, [value, offsets], b) {
      const sum = offsets ? pointwise(b, add(x, y), [value, offsets]) : value;
      return [pointwise(b, f(x, site), [sum])];
    },
  });

const epsilonOf = (site: Site): number => attr.float(site.node, 'epsilon', 1e-12);

/** Outputs that a node leaves out are '' in its list; what is computed in vain is not. */
const given = (site: Site, outputs: readonly string[]): string[] =>
  outputs.slice(0, Math.max(1, site.node.outputs.length));

/** The sum of the two and of a bias, normalised; it is the fourth output. */
const skipped = (simple: boolean): Operator =>
  define({
    takes: simple ? 'F F F F? -> 1..4' : 'F F F F? F? -> 1..4',
    check(site) {
      const columns = shapeAt(site, 0).at(-1) ?? 1;
      ranked(site, 0, 2, 3);
      vectors(site, simple ? [2, 3] : [2, 3, 4], columns, 'columns');
    },
    roles: simple ? { 2: { is: 'scale' }, 3: bias } : { 2: { is: 'scale' }, 3: { is: 'shift' }, 4: bias },
    normalizes: true,
    dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
    expand(site, [value, skip, scale, ...rest], b) {
      const [shift, offsets] = simple ? [undefined, rest[0]] : rest;
      const both = pointwise(b, add(x, y), [value, skip]);
      const sum = offsets ? pointwise(b, add(x, y), [both, offsets]) : both;
      const last = [b.type(sum).shape.length - 1];
      if (simple) {
        const { normal, inverse } = rootMeanSquare(b, sum, last, epsilonOf(site));
        return given(site, [pointwise(b, mul(x, y), [normal, scale]), inverse, inverse, sum]);
      }
      const [normal, average, inverse] = standardize(b, sum, last, epsilonOf(site));
      return given(site, [scaledBy(b, normal, scale, shift), average, inverse, sum]);
    },
  });

const scaledBy = (b: Build, normal: string, scale: string, shift: string | undefined): string =>
  shift ? pointwise(b, add(mul(x, y), z), [normal, scale, shift]) : pointwise(b, mul(x, y), [normal, scale]);

/** Rows of a table for the ids of all tokens: [batch, tokens, width]. */
function rows(b: Build, table: string, ids: string): string {
  const { shape } = b.type(ids);
  const [found] = b.emit('gather', [table, reshape(b, ids, [sizeOf(shape)])], {});
  return reshape(b, found, [...shape, b.type(table).shape[1]]);
}

/** Words, positions and segments looked up and added, then normalised; also how many tokens count, and the sum. */
const embedding: Operator = define({
  takes: 'I I? F F F? F F I? I? -> 1..3',
  check(site) {
    ranked(site, 0, 2, 2);
    for (const index of [2, 3]) ranked(site, index, 2, 2);
    vectors(site, [5, 6], shapeAt(site, 2)[1], 'columns');
  },
  roles: {
    2: { is: 'table' },
    3: { is: 'table' },
    4: { is: 'table' },
    5: { is: 'scale' },
    6: { is: 'shift' },
  },
  normalizes: true,
  dtypes: (site) => {
    const { dtype } = required(site, 2);
    return [dtype, 'int32' as const, dtype].slice(0, Math.max(1, site.node.outputs.length));
  },
  expand(site, [ids, segments, words, positions, kinds, scale, shift, mask, places], b) {
    const [batch, tokens] = shapeAt(site, 0);
    const usual = constant(b, [1, tokens], range(tokens));
    const parts = [rows(b, words, ids), rows(b, positions, places || usual)];
    if (segments && kinds) parts.push(rows(b, kinds, segments));
    const sum = parts.reduce((one, other) => pointwise(b, add(x, y), [one, other]));
    const [normal] = standardize(b, sum, [2], epsilonOf(site));
    const counted = mask ? reshape(b, reduce(b, 'sum', mask, [1]), [batch]) : filled(b, [batch], 0);
    return given(site, [scaledBy(b, normal, scale, shift), counted, sum]);
  },
});

/** alpha · A · B, either of them turned over. */
const fusedMatMul: Operator = define({
  takes: 'F F -> 1',
  check(site) {
    for (const index of [0, 1]) ranked(site, index, 2);
    if (attr.int(site.node, 'transBatchA', 0) || attr.int(site.node, 'transBatchB', 0))
      fail(`${describe(site.node)} turns its batch over, which espalier does not compute.`, Unsupported);
  },
  roles: {
    1: {
      is: 'weight',
      outputAxis: (node, _, rank) => (attr.int(node, 'transB', 0) ? rank - 2 : rank - 1),
      channelAxis: 'last',
    },
  },
  macs(site, [result]) {
    const { shape } = required(site, 0);
    return sizeOf(result.shape) * shape[shape.length - (attr.int(site.node, 'transA', 0) ? 2 : 1)];
  },
  expand({ node }, [left, right], b) {
    const turned = (name: string, flag: string) => (attr.int(node, flag, 0) ? swapped(b, name) : name);
    const product = multiply(b, turned(left, 'transA'), turned(right, 'transB'));
    return [pointwise(b, mul(x, attr.float(node, 'alpha', 1)), [product])];
  },
});

/** The last two axes changed over. */
function swapped(b: Build, name: string): string {
  const last = b.type(name).shape.length - 1;
  return transpose(b, name, [...range(last - 1), last, last - 1]);
}

export const microsoftOperators: Record<string, Operator> = {
  ...attentionOfMicrosoft,
  Gelu: biased((value) => mul(value, normalCdf), 'F -> 1'),
  BiasGelu: biased((value) => mul(value, normalCdf), 'F F -> 1'),
  FastGelu: biased((value) => mul(value, tanhCdf), 'F F? -> 1'),
  QuickGelu: biased(
    (value, { node }) => mul(value, call('sigmoid', mul(attr.float(node, 'alpha', 1.702), value))),
    'F -> 1',
  ),
  SkipLayerNormalization: skipped(false),
  SkipSimplifiedLayerNormalization: skipped(true),
  EmbedLayerNormalization: embedding,
  FusedMatMul: fusedMatMul,
  ...integersOfMicrosoft,
  ...quantizeOperators,
};
