/**
 * Attention (opset 23): heads side by side, in core operators. Queries may have several heads for each head of keys and values;
 * those that share one stand next to each other.
 */
import { fail } from '../../base/index.js';
import { attr, float, int } from '../../onnx/index.js';
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
import { countOf, ranked } from './check.js';
import { define } from './define.js';
import { add, div, mul } from './elementwise.js';
import { constant, expand, pointwise, range, reshape, transpose } from './emit.js';
import { softmax } from './softmax.js';

interface Heads {
  /** Of the queries, and of the keys and values. */
  queries: number;
  keys: number;
  /** Heads are folded into the last axis: [batch, tokens, heads · size]. */
  folded: boolean;
}

function headsOf(site: Site): Heads {
  const [q, k] = [required(site, 0).shape, required(site, 1).shape];
  if (q.length === 4) return { queries: q[1], keys: k[1], folded: false };
  const queries = countOf(site, 'q_num_heads');
  return { queries, keys: countOf(site, 'kv_num_heads', queries), folded: true };
}

/** @throws UserError where heads do not come out even. */
function checkHeads(site: Site, { queries, keys, folded }: Heads): void {
  const [q, k, v] = [0, 1, 2].map((i) => required(site, i).shape);
  const rank = folded ? 3 : 4;
  const even = folded ? q[2] % queries === 0 && k[2] % keys === 0 && v[2] % keys === 0 : v[1] === keys;
  if (queries % keys === 0 && even && [q, k, v].every(({ length }) => length === rank)) return;
  fail(
    `${describe(site.node)} has ${queries} heads of queries and ${keys} of keys, which inputs of shapes [${q}], [${k}], [${v}] do not come to; the model is damaged.`,
  );
}

/** Numbers that a head of the queries has. */
const headSize = (site: Site, { queries, folded }: Heads): number => {
  const { shape } = required(site, 0);
  return folded ? shape[2] / queries : shape[3];
};

const scaleOf = (site: Site, heads: Heads): number =>
  attr.float(site.node, 'scale', 0) || 1 / Math.sqrt(headSize(site, heads));

/** [batch, key heads, query heads for each, tokens, size] */
function parted(b: Build, x: string, { queries, keys, folded }: Heads, own: number): string {
  const [batch, second, third, last] = b.type(x).shape;
  const each = own === keys ? 1 : queries / keys;
  if (!folded) return reshape(b, x, [batch, keys, each, third, last]);
  return transpose(b, reshape(b, x, [batch, second, keys, each, third / own]), [0, 2, 3, 1, 4]);
}

/** Past keys or values, [batch, heads, tokens, size], stand before the new ones. */
function after(b: Build, past: string | undefined, x: string): string {
  if (!past) return x;
  const [batch, heads, tokens, size] = b.type(past).shape;
  return b.emit('concat', [reshape(b, past, [batch, heads, 1, tokens, size]), x], { axis: 3 })[0];
}

/** Bools choose, numbers are added; heads of the mask are laid out like those of the queries. */
function masked(b: Build, scores: string, mask: string, site: Site, { queries, keys }: Heads): string {
  const { shape } = b.type(mask);
  const [batch, heads, rows, columns] = [...range(4 - shape.length).map(() => 1), ...shape];
  const lead = heads === 1 ? [batch, 1, 1] : [batch, keys, queries / keys];
  const laid = reshape(b, mask, [...lead, rows, columns]);
  const formula =
    required(site, 3).dtype === 'bool' ? call('choose', input(1), input(0), lowest) : add(input(0), input(1));
  return pointwise(b, formula, [scores, laid]);
}

/** What softmax makes 0 of, unless there is nothing else. */
const lowest = -3.4028234663852886e38;

/** A token looks at none that come after it. */
function causal(b: Build, scores: string): string {
  const [rows, columns] = b.type(scores).shape.slice(-2);
  const seen = range(rows * columns).map((at) => Number(at % columns <= Math.floor(at / columns)));
  return pointwise(b, call('choose', input(1), input(0), lowest), [
    scores,
    constant(b, [rows, columns], seen),
  ]);
}

function refuseRest(site: Site): void {
  const { node, inputs } = site;
  const what = node.outputs[3]
    ? 'gives out its scores'
    : inputs[6]
      ? 'is told how many keys count'
      : inputs[4] && attr.int(node, 'is_causal', 0)
        ? 'is causal behind past keys'
        : undefined;
  if (what) fail(`${describe(node)} ${what}, which espalier does not compute.`, Unsupported);
}

/** Once heads, or numbers of every head, are gone: how many heads there are, and the scale that was. */
function resized(site: Site, [q, k]: readonly (Kept | undefined)[]): Resized {
  const heads = headsOf(site);
  const scale = float(scaleOf(site, heads));
  if (!heads.folded) return { attributes: { scale } };
  const left = (kept: Kept, size: number) => new Set(kept[2].map((at) => Math.floor(at / size))).size;
  const size = headSize(site, heads);
  return {
    attributes: { scale, q_num_heads: int(left(q!, size)), kv_num_heads: int(left(k!, size)) },
  };
}

export const attentionOperators: Record<string, Operator> = {
  Attention: define({
    takes: 'F F F1 V? F? F1? I? -> 1..4',
    check(site) {
      for (const index of [0, 1, 2]) ranked(site, index, 3, 4);
      for (const index of [4, 5]) if (site.inputs[index]) ranked(site, index, 4, 4);
      if (site.inputs[3]) ranked(site, 3, 0, 4);
      checkHeads(site, headsOf(site));
    },
    dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
    macs(site) {
      const heads = headsOf(site);
      const [q, k, v] = [0, 1, 2].map((i) => required(site, i).shape);
      const tokens = heads.folded ? 1 : 2;
      const all = k[tokens] + (site.inputs[4]?.shape[2] ?? 0);
      const value = heads.folded ? v[2] / heads.keys : v[3];
      return heads.queries * q[tokens] * all * (headSize(site, heads) + value);
    },
    resize: (site, inputs) => resized(site, inputs),
    expand(site, [q, k, v, mask, pastKeys, pastValues], b) {
      refuseRest(site);
      const heads = headsOf(site);
      const { queries, keys, folded } = heads;
      const queried = parted(b, q, heads, queries);
      const [allKeys, allValues] = [
        after(b, pastKeys, parted(b, k, heads, keys)),
        after(b, pastValues, parted(b, v, heads, keys)),
      ];
      const spread = (x: string) => {
        const { shape } = b.type(x);
        return expand(b, x, [...shape.slice(0, 2), queries / keys, ...shape.slice(3)]);
      };
      const turned = transpose(b, allKeys, [0, 1, 2, 4, 3]);
      const [product] = b.emit('matmul', [queried, spread(turned)], {});
      const scaled = pointwise(b, mul(input(0), scaleOf(site, heads)), [product]);
      const told = mask ? masked(b, scaled, mask, site, heads) : scaled;
      const seen = attr.int(site.node, 'is_causal', 0) ? causal(b, told) : told;
      const cap = attr.float(site.node, 'softcap', 0);
      const capped = cap ? pointwise(b, mul(call('tanh', div(input(0), cap)), cap), [seen]) : seen;
      const [mixed] = b.emit('matmul', [softmax(b, capped, [4]), spread(allValues)], {});
      const [batch, , , rows, size] = b.type(mixed).shape;
      const y = folded
        ? reshape(b, transpose(b, mixed, [0, 3, 1, 2, 4]), [batch, rows, queries * size])
        : reshape(b, mixed, [batch, queries, rows, size]);
      const present = (x: string) => {
        const { shape } = b.type(x);
        return reshape(b, x, [...shape.slice(0, 2), ...shape.slice(3)]);
      };
      return [y, present(allKeys), present(allValues)].slice(0, Math.max(1, site.node.outputs.length));
    },
  }),
};
