/** Attention as onnxruntime fuses it: with the products that make queries, keys and values, or behind them. */
import { fail } from '../../base/index.js';
import { attr, float, int, intList } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import {
  describe,
  type Kept,
  type Operator,
  type Resized,
  required,
  type Site,
  Unsupported,
} from '../operator.js';
import { bias } from '../roles.js';
import { countOf, ranked, shapeAt, unfit, vectors } from './check.js';
import { define } from './define.js';
import { add, mul, sub } from './elementwise.js';
import { constant, cut, pointwise, range, reshape, transpose } from './emit.js';
import { multiply } from './matmul.js';
import { softmax } from './softmax.js';

const [x, y] = [input(0), input(1)];
const lowest = -3.4028234663852886e38;

/** What is laid over the products of queries and keys. */
interface Mask {
  name: string;
  /** Numbers to add, or marks of the keys that count; or how many do, of each sample. */
  is: 'added' | 'marks' | 'lengths';
}

interface Heads {
  /** [batch, heads, tokens, size] */
  queries: string;
  keys: string;
  values: string;
  masks: readonly Mask[];
}

/** [batch, tokens, heads · size] as [batch, heads, tokens, size]. */
function parted(b: Build, value: string, heads: number): string {
  const [batch, tokens, width] = b.type(value).shape;
  return transpose(b, reshape(b, value, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
}

/** Values mixed by how queries meet keys: [batch, tokens, heads · size]. */
function mixed(site: Site, b: Build, { queries, keys, values, masks }: Heads): string {
  const { node } = site;
  const [batch, heads, tokens, size] = b.type(queries).shape;
  const [product] = b.emit('matmul', [queries, transpose(b, keys, [0, 1, 3, 2])], {});
  const scale = attr.float(node, 'scale', 0) || 1 / Math.sqrt(size);
  const scaled = pointwise(b, mul(x, scale), [product]);
  const told = masks.reduce((scores, mask) => laid(site, b, scores, mask), scaled);
  const seen = attr.int(node, 'unidirectional', 0) ? causal(b, told) : told;
  const [result] = b.emit('matmul', [softmax(b, seen, [3]), values], {});
  const width = heads * b.type(values).shape[3];
  return reshape(b, transpose(b, result, [0, 2, 1, 3]), [batch, tokens, width]);
}

function laid(site: Site, b: Build, scores: string, { name, is }: Mask): string {
  if (is === 'added') return pointwise(b, add(x, y), [scores, name]);
  const filter = attr.float(site.node, 'mask_filter_value', -10000);
  const { shape } = b.type(name);
  if (is === 'lengths') {
    const places = constant(b, [1, 1, 1, b.type(scores).shape[3]], range(b.type(scores).shape[3]));
    const counts = reshape(b, name, [shape[0], 1, 1, 1]);
    const within = call('greater', input(2), y);
    return pointwise(b, call('choose', within, x, add(x, filter)), [scores, places, counts]);
  }
  const marks = reshape(
    b,
    name,
    shape.length === 2 ? [shape[0], 1, 1, shape[1]] : [shape[0], 1, shape[1], shape[2]],
  );
  return pointwise(b, add(x, mul(sub(1, y), filter)), [scores, marks]);
}

/** A token looks at none that come after it; keys of the past stand before all. */
function causal(b: Build, scores: string): string {
  const [rows, columns] = b.type(scores).shape.slice(-2);
  const past = columns - rows;
  const seen = range(rows * columns).map((at) => Number(at % columns <= Math.floor(at / columns) + past));
  return pointwise(b, call('choose', y, x, lowest), [scores, constant(b, [rows, columns], seen)]);
}

const refuse = (site: Site, what: string): never =>
  fail(`${describe(site.node)} ${what}, which espalier does not compute.`, Unsupported);

/** A mask by its shape: [batch] lengths, [batch, keys] or [batch, queries, keys] marks. */
function maskAt(site: Site, index: number, name: string): Mask[] {
  if (!name) return [];
  const { shape } = required(site, index);
  const [batch] = shapeAt(site, 0);
  if (shape.length === 1 && shape[0] === batch) return [{ name, is: 'lengths' }];
  if (shape.length === 2 || shape.length === 3) return [{ name, is: 'marks' }];
  return refuse(site, `has a mask of shape [${shape}]`);
}

const biasAt = (name: string): Mask[] => (name ? [{ name, is: 'added' }] : []);

/** Past keys or values [batch, heads, tokens, size] before the new ones. */
const after = (b: Build, past: string | undefined, value: string): string =>
  past ? b.emit('concat', [past, value], { axis: 2 })[0] : value;

/** Columns of queries, keys and values. */
function widths(site: Site): number[] {
  const [, columns] = shapeAt(site, 1);
  const all = attr.ints(site.node, 'qkv_hidden_sizes', [columns / 3, columns / 3, columns / 3]);
  return all.length === 3 ? all : unfit(site, `has ${all.length} qkv_hidden_sizes`);
}

/** Once heads, or numbers of every head, are gone: how many heads there are, and the scale that was. */
function resized(site: Site, [, weights]: readonly (Kept | undefined)[]): Resized {
  const heads = countOf(site, 'num_heads');
  const [q, k] = widths(site);
  const columns = weights![1];
  const sizes = [
    columns.filter((at) => at < q).length,
    columns.filter((at) => at >= q && at < q + k).length,
    columns.filter((at) => at >= q + k).length,
  ];
  const left = new Set(columns.filter((at) => at < q).map((at) => Math.floor(at / (q / heads))));
  const scale = attr.float(site.node, 'scale', 0) || 1 / Math.sqrt(q / heads);
  return {
    attributes: { num_heads: int(left.size), qkv_hidden_sizes: intList(sizes), scale: float(scale) },
  };
}

const attention: Operator = define({
  takes: 'F F F? I? F? F? I? -> 1..2',
  check(site) {
    ranked(site, 0, 3, 3);
    ranked(site, 1, 2, 2);
    const [rows, columns] = shapeAt(site, 1);
    const heads = countOf(site, 'num_heads');
    const all = widths(site);
    if (rows !== shapeAt(site, 0)[2] || all.reduce((sum, width) => sum + width, 0) !== columns)
      unfit(site, `has weights of shape [${shapeAt(site, 1)}] for an input of shape [${shapeAt(site, 0)}]`);
    if (all.some((width) => width % heads !== 0) || all[0] !== all[1])
      unfit(site, `parts [${all}] columns into ${heads} heads`);
    vectors(site, [2], columns, 'columns');
    if (site.inputs[4]) ranked(site, 4, 5, 5);
  },
  roles: { 1: { is: 'weight', outputAxis: () => 1, channelAxis: 'last' }, 2: bias },
  dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
  macs(site) {
    const [batch, tokens, from] = shapeAt(site, 0);
    const [q, , v] = widths(site);
    const all = tokens + (site.inputs[4]?.shape[3] ?? 0);
    return batch * tokens * (from * shapeAt(site, 1)[1] + all * (q + v));
  },
  resize: resized,
  expand(site, [value, weights, offsets, mask, past, added, length], b) {
    const { node } = site;
    if (length || attr.int(node, 'past_present_share_buffer', 0))
      refuse(site, 'shares its past with its present');
    if (attr.int(node, 'do_rotary', 0)) refuse(site, 'turns by positions (do_rotary)');
    const heads = countOf(site, 'num_heads');
    const product = multiply(b, value, weights);
    const all = offsets ? pointwise(b, add(x, y), [product, offsets]) : product;
    const sizes = widths(site);
    const [queries, keys, values] = sizes.map((size, k) => {
      const from = sizes.slice(0, k).reduce((sum, width) => sum + width, 0);
      return parted(b, cut(b, all, 2, from, size), heads);
    });
    const before = (k: number) => past && reshape(b, cut(b, past, 0, k, 1), b.type(past).shape.slice(1));
    const [allKeys, allValues] = [after(b, before(0), keys), after(b, before(1), values)];
    const masks = [...maskAt(site, 3, mask), ...biasAt(added)];
    const result = mixed(site, b, { queries, keys: allKeys, values: allValues, masks });
    if (node.outputs.length < 2) return [result];
    if (sizes[1] !== sizes[2]) refuse(site, 'gives out keys and values of different sizes');
    const lifted = [allKeys, allValues].map((name) => reshape(b, name, [1, ...b.type(name).shape]));
    return [result, b.emit('concat', lifted, { axis: 0 })[0]];
  },
});

const several: Operator = define({
  takes: 'F F F F? I? F? F? F? I? I? -> 1..3',
  check(site) {
    for (const index of [0, 1, 2]) ranked(site, index, 3, 3);
    const heads = countOf(site, 'num_heads');
    const all = [0, 1, 2].map((index) => shapeAt(site, index)[2]);
    if (all.some((width) => width % heads !== 0) || all[0] !== all[1])
      unfit(site, `parts [${all}] columns into ${heads} heads`);
    vectors(site, [3], all[0] + all[1] + all[2], 'columns');
    for (const index of [6, 7]) if (site.inputs[index]) ranked(site, index, 4, 4);
  },
  roles: { 3: bias },
  dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
  macs(site) {
    const [q, k, v] = [0, 1, 2].map((index) => shapeAt(site, index));
    return q[0] * q[1] * (k[1] + (site.inputs[6]?.shape[2] ?? 0)) * (q[2] + v[2]);
  },
  resize(site, [q]) {
    const heads = countOf(site, 'num_heads');
    const size = shapeAt(site, 0)[2] / heads;
    const left = new Set(q![2].map((at) => Math.floor(at / size))).size;
    return {
      attributes: {
        num_heads: int(left),
        scale: float(attr.float(site.node, 'scale', 0) || 1 / Math.sqrt(size)),
      },
    };
  },
  expand(site, [q, k, v, offsets, padding, added, pastKeys, pastValues, length, indirect], b) {
    if (length || indirect) refuse(site, 'shares its past with its present');
    const heads = countOf(site, 'num_heads');
    let from = 0;
    const [queries, keys, values] = [q, k, v].map((name) => {
      const width = b.type(name).shape[2];
      const own = offsets && cut(b, offsets, 0, from, width);
      from += width;
      return parted(b, own ? pointwise(b, add(x, y), [name, own]) : name, heads);
    });
    const [allKeys, allValues] = [after(b, pastKeys, keys), after(b, pastValues, values)];
    const masks = [...maskAt(site, 4, padding), ...biasAt(added)];
    const result = mixed(site, b, { queries, keys: allKeys, values: allValues, masks });
    return [result, allKeys, allValues].slice(0, Math.max(1, site.node.outputs.length));
  },
});

export const attentionOfMicrosoft: Record<string, Operator> = {
  Attention: attention,
  MultiHeadAttention: several,
};
