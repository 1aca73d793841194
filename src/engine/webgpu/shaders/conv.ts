/**
 * Convolutions (kernels/conv.c) as implicit products of matrices: outputs × columns, a column being a lane of a pixel. A workgroup
 * computes a tile of them, tap after tap and some channels at a time, both operands brought into workgroup memory. Where a group has few
 * channels or outputs, a thread computes its pixel by itself.
 */
import { LANES } from '../../lowering/contract.js';
import type { Arguments } from '../arguments.js';
import type { Class } from '../classes.js';
import { type Dispatch, dispatch, dispatchList, each, numbered } from '../shader.js';
import type { Site } from '../site.js';

/** A pack of weights that conv is given: what conv_pack was called with. */
export type Pack = Arguments;

/** Tiles: outputs × columns of a workgroup, those of a thread, and channels at a time. */
interface Tile {
  outputs: number;
  columns: number;
  rows: number;
  quads: number;
  depth: number;
}
/** For so many outputs of a group, large ones first. */
const TILES: readonly { most: number; tiles: readonly Tile[] }[] = [
  {
    most: 16,
    tiles: [
      { outputs: 16, columns: 256, rows: 4, quads: 2, depth: 8 },
      { outputs: 16, columns: 64, rows: 4, quads: 1, depth: 16 },
    ],
  },
  {
    most: 32,
    tiles: [
      { outputs: 32, columns: 128, rows: 4, quads: 2, depth: 16 },
      { outputs: 32, columns: 64, rows: 4, quads: 1, depth: 16 },
    ],
  },
  {
    most: Number.POSITIVE_INFINITY,
    tiles: [
      { outputs: 64, columns: 128, rows: 8, quads: 2, depth: 16 },
      { outputs: 64, columns: 64, rows: 8, quads: 1, depth: 16 },
    ],
  },
];
/** Workgroups that fill a large GPU. */
const FILLING = 256;
/** Channels of all taps that a part of a sum should have, at least. */
const PART = 512;
/** Parts of a sum, at most. */
const MOST_PARTS = 8;

const tilesFor = (outputs: number): readonly Tile[] => TILES.find(({ most }) => outputs <= most)!.tiles;

/** Outputs and channels of a group, at least, for tiles to pay. */
const WORTH = 8;
/** Outputs that a thread of the direct kernel computes. */
const DIRECT = 4;

/** Where conv's packed weights lie: [group][tap][channel][outputs, rounded up]. */
export interface Packed {
  at: number;
  width: number;
}

const usesTiles = (a: Arguments): boolean => a.get('outputs') >= WORTH && a.get('channels') >= WORTH;

/** Outputs of a packed row: whole tiles of them, where there are tiles. Of conv, or of its conv_pack. */
export const packedWidth = (a: Arguments): number => {
  const outputs = a.get('outputs');
  if (!usesTiles(a)) return outputs;
  const [{ outputs: tile }] = tilesFor(outputs);
  return Math.ceil(outputs / tile) * tile;
};

/**
 * y = conv(x, packed weights) + bias. Weights are only read packed: those that a program computes may share their memory with y, for
 * the plan takes conv_pack to be the last to read them.
 */
export const conv = (site: Site, a: Arguments, packed: Packed): Dispatch[] =>
  usesTiles(a) ? convTiles(site, a, packed) : convDirect(site, a, packed);

const names = ['x', 'y', 'bias', 'channels', 'outputs', 'groups', 'window', 'blocks'];
const strides = ['x', 'y'].flatMap((name) => ['channel', 'block', 'group'].map((by) => `${name}_by.${by}`));
const pick = (a: Arguments, list: readonly string[]): Record<string, number> =>
  Object.fromEntries(list.map((name) => [name.replace('.', '_'), a.get(name)]));

/** Writes classes as a table: per class [tiles, taps, pixels, sources, taps' indices, targets], and what these point at. */
function tableOf(site: Site, classes: readonly Class[], tilesOf: (pixels: number) => number): number {
  const heads: number[] = [];
  for (const { taps, pixels } of classes) {
    const sources = new Int32Array(pixels.length * taps.length);
    for (const [i, pixel] of pixels.entries()) sources.set(pixel.sources, i * taps.length);
    heads.push(
      tilesOf(pixels.length),
      taps.length,
      pixels.length,
      site.table(sources),
      site.table(Int32Array.from(taps)),
      site.table(Int32Array.from(pixels, ({ target }) => target)),
    );
  }
  return site.table(Int32Array.from(heads));
}

/** Finds the class that a tile is in: `kind` is where its head lies, `tile` the number of the tile in it. */
const FIND = `
  var kind = $classes;
  var tile = i32(at.x);
  for (var k = 1; k < $kinds && tile >= extra[kind]; k++) {
    tile -= extra[kind];
    kind += 6;
  }
  let taps = extra[kind + 1];
  let pixels = extra[kind + 2];`;

/** Where the tiles are too few to fill a GPU, the channels are split into parts, whose sums lie in scratch memory until a second dispatch adds them. */
function convTiles(site: Site, a: Arguments, packed: Packed): Dispatch[] {
  const [blocks, outputs, groups, channels] = ['blocks', 'outputs', 'groups', 'channels'].map(a.get);
  const classes = site.classes(a.get('table'), a.get('blocks_per_item'));
  const down = Math.ceil(outputs / tilesFor(outputs)[0].outputs);
  const across = (tile: Tile) =>
    classes.reduce((n, { pixels }) => n + Math.ceil((pixels.length * blocks * LANES) / tile.columns), 0);
  const tile =
    tilesFor(outputs).find((one) => across(one) * down * groups >= FILLING) ?? tilesFor(outputs).at(-1)!;
  const lines = tile.columns / LANES;
  const tiles = across(tile) * down * groups;
  const deep = Math.floor((channels * classes[0].taps.length) / PART);
  const wanted = classes.length > 1 ? 1 : Math.min(MOST_PARTS, deep, Math.floor((2 * FILLING) / tiles));
  const part = Math.ceil(channels / Math.max(1, wanted) / tile.depth) * tile.depth;
  const parts = Math.ceil(channels / part);
  const columns = classes[0].pixels.length * blocks * 4;
  const at = parts > 1 ? site.scratch(4 * parts * groups * outputs * columns) / 4 : 0;
  const ints = {
    ...pick(a, [...names, ...strides]),
    classes: site.memo(`${a.get('table')}:${a.get('blocks_per_item')}:${blocks}:${lines}`, () =>
      tableOf(site, classes, (pixels) => Math.ceil((pixels * blocks) / lines)),
    ),
    kinds: classes.length,
    packed: packed.at / 4,
    width: packed.width / 4,
    part,
    parts,
    columns,
    at,
  };
  const common = { mem: 'vec4f', scratch: 'vec4f', ints } as const;
  const product = dispatch({
    ...common,
    body: tileText(tile, parts > 1),
    grid: [across(tile), down, groups * parts],
  });
  if (parts === 1) return [product];
  return [product, dispatch({ ...common, body: SUM, grid: each(groups * outputs * columns) })];
}

/** Adds the parts of a convolution whose channels were split, and the bias. */
const SUM = `${numbered(256)}
  let id = i32(group * 256u + t);
  let all_ = $groups * $outputs * $columns;
  if (id >= all_) { return; }
  var sum = scratch[$at + id];
  for (var part = 1; part < $parts; part++) { sum += scratch[$at + part * all_ + id]; }
  let o = id / $columns;
  let column = id - o * $columns;
  let own = o / $outputs;
  let pixels = extra[$classes + 2];
  let block = (column >> 2) / pixels;
  if ($bias >= 0) { let b = $bias * 16 + o; sum += mem[b >> 2][b & 3]; }
  let pixel = extra[extra[$classes + 5] + (column >> 2) - block * pixels];
  mem[($y + own * $y_by_group + block * $y_by_block + pixel + (o - own * $outputs) * $y_by_channel) * 4 + (column & 3)] = sum;
}`;

const list = (n: number, text: (i: number) => string, by = '\n  '): string =>
  Array.from({ length: n }, (_, i) => text(i)).join(by);

/** The text of a product of tiles. */
function tileText({ outputs, columns, rows, quads, depth }: Tile, split: boolean): string {
  const across = columns / 4 / quads;
  const threads = across * (outputs / rows);
  const wide = columns / 4;
  const high = outputs / 4;
  const stepB = threads / wide;
  const loadsB = depth / stepB;
  const loadsA = Math.ceil((depth * high) / threads);
  return `
var<workgroup> left: array<vec4f, ${depth * high}>;
var<workgroup> right: array<vec4f, ${depth * wide}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  ${FIND}
  let group = i32(at.z) / $parts;
  let part = i32(at.z) % $parts;
  let last = min($channels, (part + 1) * $part);
  let first = i32(at.y) * ${high};
  let column = t % ${wide};
  let depth = t / ${wide};
  let mine = tile * ${columns / LANES} + (column >> 2);
  let there = mine < pixels * $blocks;
  let block = mine / pixels;
  let sources = extra[kind + 3] + (mine - block * pixels) * taps;
  let image = ($x + group * $x_by_group + block * $x_by_block) * 4 + (column & 3);
  let tx = t % ${across};
  let ty = t / ${across};
  ${list(rows, (m) => list(quads, (q) => `var s${m}_${q} = vec4f(0.0);`, ' '))}
  for (var tap = 0; tap < taps; tap++) {
    var source = -1;
    if (there) { source = extra[sources + tap]; }
    let weights = $packed + (group * $window + extra[extra[kind + 4] + tap]) * $channels * $width + first;
    for (var c0 = part * $part; c0 < last; c0 += ${depth}) {
      ${list(
        loadsA,
        (i) => `{
        let k = t + ${i * threads};
        ${loadsA * threads > depth * high ? `if (k < ${depth * high}) {` : '{'}
          let c = c0 + k / ${high};
          var v = vec4f(0.0);
          if (c < last) { v = scratch[weights + c * $width + k % ${high}]; }
          left[k] = v;
        }
      }`,
        '\n      ',
      )}
      ${list(
        loadsB,
        (i) => `{
        let c = c0 + depth + ${i * stepB};
        var v = vec4f(0.0);
        if (source >= 0 && c < last) { v = mem[image + (source + c * $x_by_channel) * 4]; }
        right[(depth + ${i * stepB}) * ${wide} + column] = v;
      }`,
        '\n      ',
      )}
      workgroupBarrier();
      for (var k = 0; k < ${depth}; k++) {
        ${list(rows / 4, (i) => `let a${i} = left[k * ${high} + ty * ${rows / 4} + ${i}];`, ' ')}
        ${list(quads, (q) => `let b${q} = right[k * ${wide} + tx + ${q * across}];`, ' ')}
        ${list(rows, (m) => list(quads, (q) => `s${m}_${q} = fma(vec4f(a${m >> 2}.${'xyzw'[m & 3]}), b${q}, s${m}_${q});`, ' '), '\n        ')}
      }
      workgroupBarrier();
    }
  }
  ${list(
    quads,
    (q) => `{
    let column = tx + ${q * across};
    let mine = tile * ${columns / LANES} + (column >> 2);
    if (mine < pixels * $blocks) {
      let block = mine / pixels;
      let to = ($y + group * $y_by_group + block * $y_by_block + extra[extra[kind + 5] + mine - block * pixels]) * 4 + (column & 3);
      ${list(
        rows,
        (m) => `{
        let o = first * 4 + ty * ${rows} + ${m};
        if (o < $outputs) {${
          split
            ? `
          scratch[$at + ((part * $groups + group) * $outputs + o) * $columns + mine * 4 + (column & 3)] = s${m}_${q};`
            : `
          var bias = 0.0;
          if ($bias >= 0) { let b = $bias * 16 + group * $outputs + o; bias = mem[b >> 2][b & 3]; }
          mem[to + o * $y_by_channel * 4] = s${m}_${q} + bias;`
        }
        }
      }`,
        '\n      ',
      )}
    }
  }`,
  )}
}`;
}

/** The same where a thread computes some outputs of its four lanes. */
function convDirect(site: Site, a: Arguments, packed: Packed): Dispatch[] {
  const blocks = a.get('blocks');
  const classes = site.classes(a.get('table'), a.get('blocks_per_item'));
  const threads = 64;
  const lines = threads / 4;
  const own = Math.min(DIRECT, a.get('outputs'));
  const tilesOf = (pixels: number) => Math.ceil((pixels * blocks) / lines);
  const ints = {
    ...pick(a, [...names, ...strides]),
    classes: site.memo(`${a.get('table')}:${a.get('blocks_per_item')}:${blocks}:${lines}`, () =>
      tableOf(site, classes, tilesOf),
    ),
    kinds: classes.length,
    packed: packed.at,
  };
  const body = `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(local_invocation_index) thread: u32) {
  let t = i32(thread);
  ${FIND}
  let group = i32(at.z);
  let first = i32(at.y) * ${own};
  let quad = t & 3;
  let mine = tile * ${lines} + (t >> 2);
  if (mine >= pixels * $blocks) { return; }
  let block = mine / pixels;
  let pixel = mine - block * pixels;
  let image = ($x + group * $x_by_group + block * $x_by_block) * 4 + quad;
  let most = $outputs - 1;
  ${list(own, (m) => `let o${m} = min(first + ${m}, most); var s${m} = vec4f(0.0);`)}
  for (var tap = 0; tap < taps; tap++) {
    let source = extra[extra[kind + 3] + pixel * taps + tap];
    if (source < 0) { continue; }
    let weights = $packed + (group * $window + extra[extra[kind + 4] + tap]) * $channels * $outputs;
    for (var c = 0; c < $channels; c++) {
      let v = mem[image + (source + c * $x_by_channel) * 4];
      let k = weights + c * $outputs;
      ${list(own, (m) => `s${m} = fma(vec4f(scratch[k + o${m}]), v, s${m});`, ' ')}
    }
  }
  let to = ($y + group * $y_by_group + block * $y_by_block + extra[extra[kind + 5] + pixel]) * 4 + quad;
  ${list(
    own,
    (m) => `if (first + ${m} < $outputs) {
    var bias = 0.0;
    if ($bias >= 0) { let b = $bias * 16 + group * $outputs + o${m}; bias = mem[b >> 2][b & 3]; }
    mem[to + o${m} * $y_by_channel * 4] = s${m} + bias;
  }`,
  )}
}`;
  const across = classes.reduce((n, { pixels }) => n + tilesOf(pixels.length), 0);
  const grid: [number, number, number] = [across, Math.ceil(a.get('outputs') / own), a.get('groups')];
  return [dispatch({ body, mem: 'vec4f', ints, grid })];
}

const SEGMENT = 2048;

/** Packs the weights of several convolutions: a workgroup brings {@link SEGMENT} of them. */
export function packAll(site: Site, packs: readonly { pack: Pack; packed: Packed }[]): Dispatch[] {
  const work: number[] = [];
  for (const { pack, packed } of packs) {
    const [outputs, channels, window, groups] = ['outputs', 'channels', 'window', 'groups'].map(pack.get);
    const total = groups * window * channels * packed.width;
    const head = site.table(
      Int32Array.of(
        pack.get('weights') * LANES + pack.get('offset'),
        packed.at,
        packed.width,
        channels,
        window,
        outputs,
        pack.get('by.group'),
        pack.get('by.output'),
        pack.get('by.channel'),
        total,
      ),
    );
    for (let from = 0; from < total; from += SEGMENT) work.push(head, from);
  }
  const body = `${numbered(256)}
  if (group >= u32($groups)) { return; }
  let head = extra[$work + 2 * i32(group)];
  let begin = extra[$work + 2 * i32(group) + 1];
  let width = extra[head + 2];
  let channels = extra[head + 3];
  let window = extra[head + 4];
  let end = min(begin + ${SEGMENT}, extra[head + 9]);
  for (var i = begin + i32(t); i < end; i += 256) {
    let o = i % width;
    var rest = i / width;
    let c = rest % channels;
    rest = rest / channels;
    let tap = rest % window;
    let g = rest / window;
    var v = 0.0;
    if (o < extra[head + 5]) {
      v = mem[extra[head] + g * extra[head + 6] + o * extra[head + 7] + c * extra[head + 8] + tap];
    }
    scratch[extra[head + 1] + i] = v;
  }
}`;
  return [dispatchList(body, work, site)];
}
