/**
 * The weight gradient (kernels/conv.c) as a product of matrices, outputs × (tap, channel), over all lanes of all pixels. The pixels are
 * split into parts, which workgroups sum by themselves; a second pass adds the parts in their order and applies the mask.
 */
import { LANES } from '../../lowering/contract.js';
import type { Arguments } from '../arguments.js';
import {
  added,
  type Dispatch,
  dispatch,
  dispatchList,
  laneParameter,
  numbered,
  together,
  tree,
} from '../shader.js';
import type { Site } from '../site.js';

interface Tile {
  outputs: number;
  pairs: number;
  /** Pixels at a time. */
  lines: number;
}
const TILES: readonly Tile[] = [
  { outputs: 16, pairs: 64, lines: 2 },
  { outputs: 32, pairs: 64, lines: 2 },
  { outputs: 64, pairs: 64, lines: 1 },
];
const tileFor = (outputs: number): Tile =>
  TILES.find((tile) => outputs <= tile.outputs) ?? TILES[TILES.length - 1];

/** Workgroups that fill a large GPU. */
const FILLING = 1536;
/** Pixels of a part at least. */
const LEAST_LINES = 16;
/** Outputs and (tap, channel) pairs of a group, at least, for tiles to pay. */
const WORTH_OUTPUTS = 4;
const WORTH_PAIRS = 16;

/** What the second pass has to add up. */
export interface Parts {
  a: Arguments;
  at: number;
  count: number;
  size: number;
}

const names = ['x', 'dy', 'channels', 'outputs', 'window'];
const strides = ['x', 'dy'].flatMap((name) => ['channel', 'block', 'group'].map((by) => `${name}_by.${by}`));
const pick = (a: Arguments, list: readonly string[]): Record<string, number> =>
  Object.fromEntries(list.map((name) => [name.replace('.', '_'), a.get(name)]));

/** Weights of the gradient. */
export const weightsOf = (a: Arguments): number =>
  ['groups', 'outputs', 'channels', 'window'].reduce((n, name) => n * a.get(name), 1);

export function convWeight(site: Site, a: Arguments): { dispatches: Dispatch[]; parts: Parts } {
  const [outputs, channels, window, groups] = ['outputs', 'channels', 'window', 'groups'].map(a.get);
  const table = `weight:${a.get('table')}:${a.get('blocks_per_part')}`;
  const { pixels, sources, targets } = site.memo(table, () => geometry(site, a));
  const lines = pixels * a.get('blocks');
  const tiled = outputs >= WORTH_OUTPUTS && window * channels >= WORTH_PAIRS;
  const tile = tileFor(outputs);
  const [down, across] = [Math.ceil(outputs / tile.outputs), Math.ceil((channels * window) / tile.pairs)];
  const most = Math.max(1, Math.floor(lines / LEAST_LINES));
  const wanted = tiled ? Math.min(most, Math.ceil(FILLING / (down * across * groups))) : 1;
  const per = Math.ceil(Math.ceil(lines / wanted) / tile.lines) * tile.lines;
  const count = Math.max(1, Math.ceil(lines / per));
  const size = weightsOf(a);
  const at = site.scratch(count * size);
  const ints = { ...pick(a, [...names, ...strides]), pixels, sources, targets, lines, per, at, size, count };
  const body = tiled ? tileText(tile) : direct(site);
  const grid: [number, number, number] = tiled
    ? [across, down, groups * count]
    : [channels * window, outputs, groups];
  return {
    dispatches: [dispatch({ body, mem: 'vec4f', ints, grid, subgroups: site.subgroup !== undefined })],
    parts: { a, at, count, size },
  };
}

/** Of each pixel of a block where its sources are, by the taps of the window, and its target. */
function geometry(site: Site, a: Arguments) {
  const window = a.get('window');
  const all = site
    .classes(a.get('table'), a.get('blocks_per_part'))
    .flatMap(({ taps, pixels }) => pixels.map((pixel) => ({ ...pixel, taps })))
    .sort((p, q) => p.target - q.target);
  const sources = new Int32Array(all.length * window).fill(-1);
  for (const [i, { taps, sources: own }] of all.entries())
    for (const [k, tap] of taps.entries()) sources[i * window + tap] = own[k];
  return {
    pixels: all.length,
    sources: site.table(sources),
    targets: site.table(Int32Array.from(all, ({ target }) => target)),
  };
}

const list = (n: number, text: (i: number) => string, by = '\n  '): string =>
  Array.from({ length: n }, (_, i) => text(i)).join(by);

function tileText({ outputs, pairs, lines }: Tile): string {
  const threads = (outputs / 4) * (pairs / 4);
  const depth = lines * 4;
  const across = pairs / 4;
  const down = outputs / 4;
  const loads = (rows: number) => Math.ceil((rows * depth) / threads);
  // Each of a thread's loads is of the same quarter of the same pixel, for the threads are a multiple of those.
  const row = (i: number) => `let row = first + ${(i * threads) / depth};`;
  const guarded = (rows: number, i: number, text: string) =>
    (i + 1) * threads > rows * depth ? `if (row < ${rows}) { ${text} }` : text;
  return `
var<workgroup> left: array<vec4f, ${depth * (outputs + 1)}>;
var<workgroup> right: array<vec4f, ${depth * (pairs + 1)}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  let group = i32(at.z) / $count;
  let part = i32(at.z) % $count;
  let o0 = i32(at.y) * ${outputs};
  let j0 = i32(at.x) * ${pairs};
  let begin = part * $per;
  let end = min(begin + $per, $lines);
  let tx = t % ${across};
  let ty = t / ${across};
  let k = t % ${depth};
  let first = t / ${depth};
  ${list(16, (i) => `var s${i} = 0.0;`, ' ')}
  ${list(loads(pairs), (i) => `let tap${i} = (j0 + (t + ${i * threads}) / ${depth}) / $channels; let channel${i} = ((j0 + (t + ${i * threads}) / ${depth}) % $channels) * $x_by_channel;`)}
  for (var line = begin; line < end; line += ${lines}) {
    let own = line + (k >> 2);
    let block = own / $pixels;
    let pixel = own - block * $pixels;
    let there = own < end;
    let image = ($x + group * $x_by_group + block * $x_by_block) * 4 + (k & 3);
    let sources = $sources + pixel * $window;
    let slopes = ($dy + group * $dy_by_group + block * $dy_by_block + extra[$targets + pixel]) * 4 + (k & 3);
    ${list(
      loads(outputs),
      (i) => `{
      ${row(i)}
      var v = vec4f(0.0);
      if (there && o0 + row < $outputs) { v = mem[slopes + (o0 + row) * $dy_by_channel * 4]; }
      ${guarded(outputs, i, `left[k * ${outputs + 1} + row] = v;`)}
    }`,
      '\n    ',
    )}
    ${list(
      loads(pairs),
      (i) => `{
      ${row(i)}
      var v = vec4f(0.0);
      if (there && tap${i} < $window) {
        let source = extra[sources + tap${i}];
        if (source >= 0) { v = mem[image + (source + channel${i}) * 4]; }
      }
      ${guarded(pairs, i, `right[k * ${pairs + 1} + row] = v;`)}
    }`,
      '\n    ',
    )}
    workgroupBarrier();
    for (var k = 0; k < ${depth}; k++) {
      ${list(4, (i) => `let a${i} = left[k * ${outputs + 1} + ty + ${i * down}];`, ' ')}
      ${list(4, (i) => `let b${i} = right[k * ${pairs + 1} + tx + ${i * across}];`, ' ')}
      ${list(
        16,
        (i) => {
          const [a, b] = [`a${i >> 2}`, `b${i & 3}`];
          return `s${i} = fma(${a}.x, ${b}.x, fma(${a}.y, ${b}.y, fma(${a}.z, ${b}.z, fma(${a}.w, ${b}.w, s${i}))));`;
        },
        '\n      ',
      )}
    }
    workgroupBarrier();
  }
  ${list(
    16,
    (i) => `{
    let o = o0 + ty + ${(i >> 2) * down};
    let j = j0 + tx + ${(i & 3) * across};
    if (o < $outputs && j < $channels * $window) {
      scratch[$at + part * $size + ((group * $outputs + o) * $channels + j % $channels) * $window + j / $channels] = s${i};
    }
  }`,
  )}
}`;
}

/** A workgroup for one weight. */
const direct = (site: Site): string => `
var<workgroup> sums: array<f32, ${together(site, 256)}>;
@compute @workgroup_size(${together(site, 256)})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(local_invocation_index) thread: u32${laneParameter(site)}) {
  let t = i32(thread);
  let group = i32(at.z);
  let o = i32(at.y);
  let c = i32(at.x) / $window;
  let tap = i32(at.x) % $window;
  let quad = t & 3;
  var sum = vec4f(0.0);
  for (var line = t >> 2; line < $lines; line += ${together(site, 256) / 4}) {
    let block = line / $pixels;
    let pixel = line - block * $pixels;
    let source = extra[$sources + pixel * $window + tap];
    if (source >= 0) {
      let d = mem[($dy + group * $dy_by_group + block * $dy_by_block + extra[$targets + pixel] + o * $dy_by_channel) * 4 + quad];
      let v = mem[($x + group * $x_by_group + block * $x_by_block + source + c * $x_by_channel) * 4 + quad];
      sum = fma(d, v, sum);
    }
  }
  sums[t] = (sum.x + sum.y) + (sum.z + sum.w);
  ${tree(site, together(site, 256), [{ array: 'sums', join: added }])}
  if (t == 0) { scratch[$at + ((group * $outputs + o) * $channels + c) * $window + tap] = all_sums; }
}`;

/** Weights of a workgroup where there are few parts, and where there are so many that sixteen threads share a weight. */
const FEW_PARTS = { lanes: 1, segment: 1024 };
const MANY_PARTS = { lanes: 16, segment: 16 };
const MANY = 32;

/** Adds the parts of several gradients. */
export function sumParts(site: Site, all: readonly Parts[]): Dispatch[] {
  const work: number[] = [];
  for (const { a, at, count, size } of all) {
    const mask = a.get('mask');
    const { lanes, segment } = count >= MANY ? MANY_PARTS : FEW_PARTS;
    const head = site.table(
      Int32Array.of(
        a.get('dw') * LANES,
        mask < 0 ? -1 : mask * LANES,
        a.get('every') * LANES,
        at,
        count,
        size,
        lanes,
        segment,
      ),
    );
    for (let from = 0; from < size; from += segment) work.push(head, from);
  }
  const body = `
var<workgroup> sums: array<f32, 256>;
${numbered(256)}
  if (group >= u32($groups)) { return; }
  let head = extra[$work + 2 * i32(group)];
  let begin = extra[$work + 2 * i32(group) + 1];
  let mask = extra[head + 1];
  let count = extra[head + 4];
  let size = extra[head + 5];
  let lanes = extra[head + 6];
  let wide = 256 / lanes;
  let lane = i32(t) / wide;
  let end = min(begin + extra[head + 7], size);
  let every = bitcast<i32>(mem[extra[head + 2]]) != 0;
  for (var first = begin; first < end; first += wide) {
    let i = first + i32(t) % wide;
    var sum = 0.0;
    if (i < end) {
      for (var part = lane; part < count; part += lanes) { sum += scratch[extra[head + 3] + part * size + i]; }
    }
    if (lanes > 1) {
      sums[t] = sum;
      workgroupBarrier();
      for (var half = lanes / 2; half > 0; half = half / 2) {
        if (lane < half) { sums[t] += sums[i32(t) + half * wide]; }
        workgroupBarrier();
      }
      sum = sums[t];
    }
    if (lane == 0 && i < end) {
      if (mask >= 0 && !every) { if (mem[mask + i] == 0.0) { sum = 0.0; } }
      mem[extra[head] + i] = sum;
    }
  }
}`;
  return [dispatchList(body, work, site)];
}
