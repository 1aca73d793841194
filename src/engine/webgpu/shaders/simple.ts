/** Kernels of which a thread does one element, or a workgroup one item, by itself. Arguments as contract.yaml describes them. */
import { LANES } from '../../lowering/contract.js';
import type { Arguments } from '../arguments.js';
import { added, type Dispatch, dispatch, each, gridOf, numbered, together, tree } from '../shader.js';
import type { Site } from '../site.js';
import { declarations, types } from './functions.js';
import type { Little } from './map.js';

const THREADS = 256;

/** Thread `id` of `$total`, which takes its number apart from the last part on: `parts` are names with sizes. */
const element = `${numbered(THREADS)}
  let id = i32(group * ${THREADS}u + t);
  if (id >= $total) { return; }`;

/** The arguments of these names, to be parameters. */
function pick(a: Arguments, ...names: string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name.replace('.', '_'), a.get(name)]));
}

const INT = 'fn int(at: i32) -> i32 { return bitcast<i32>(mem[at]); }\n';
/** The row of a table that an index names, or `none` outside of it. */
const INDEX = `
fn index_of(x: f32, rows: i32) -> i32 {
  var row = -2147483647;
  if (x > -2147483648.0 && x < 2147483648.0) { row = i32(x); }
  if (row < 0) { row += rows; }
  return row;
}
`;

export function fill(a: Arguments): Dispatch[] {
  const total = a.get('floats');
  const body = `${element}
  mem[$target * 16 + id] = $value.f;
}`;
  return [
    dispatch({
      body,
      mem: 'f32',
      ints: { total, target: a.get('target') },
      floats: { value: a.float('value') },
      grid: each(total),
    }),
  ];
}

export function uniform(a: Arguments): Dispatch[] {
  const total = a.get('elements');
  const body = `
fn mixed(x: u32) -> u32 {
  var h = x;
  h = (h ^ (h >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}
${element}
  let seed = bitcast<u32>(mem[$seed * 16]);
  let step = bitcast<u32>(mem[$seed * 16 + 1]);
  let key = mixed(seed ^ mixed((u32($stream) * 0x9e3779b1u) ^ mixed(step + 0x85a308d3u)));
  let key2 = mixed(key ^ 0x3c6ef372u);
  mem[$target * 16 + id] = f32(mixed(mixed(key + u32(id) * 0x9e3779b1u) ^ key2) >> 8u) * (1.0 / 16777216.0);
}`;
  return [
    dispatch({
      body,
      mem: 'f32',
      ints: { total, ...pick(a, 'target', 'seed', 'stream') },
      grid: each(total),
    }),
  ];
}

export function maxPool(a: Arguments): Dispatch[] {
  const total = a.get('rows') * a.get('blocks') * a.get('positions') * LANES;
  const body = `${INT}${types(false)}${declarations([])}${element}
  let lane = id & 15;
  let q = (id >> 4) % $positions;
  let i = (id >> 4) / $positions;
  let row = i % $rows;
  let block = i / $rows;
  let x = ($x + block * $x_by_block + row * $x_by_row) * 16 + lane;
  var best = -inf();
  var winner = 0.0;
  let first = int($start * 16 + q);
  let last = int($start * 16 + q + 1);
  for (var k = first; k < last; k++) {
    let v = mem[x + int($from * 16 + k) * 16];
    if (v > best || is_nan(v)) { best = v; winner = f32(k - first); }
  }
  mem[($y + block * $y_by_block + row * $y_by_row + int($to * 16 + q)) * 16 + lane] = best;
  mem[($winner + block * $winner_by_block + row * $winner_by_row + q) * 16 + lane] = winner;
}`;
  const strides = ['x', 'y', 'winner'].flatMap((name) => [`${name}_by.row`, `${name}_by.block`]);
  const names = ['x', 'y', 'winner', 'start', 'from', 'to', 'rows', 'positions'];
  return [
    dispatch({ body, mem: 'f32', ints: { total, ...pick(a, ...names, ...strides) }, grid: each(total) }),
  ];
}

export function maxPoolInput(a: Arguments): Dispatch[] {
  const total = a.get('rows') * a.get('blocks') * a.get('positions') * LANES;
  const body = `${INT}${element}
  let lane = id & 15;
  let q = (id >> 4) % $positions;
  let i = (id >> 4) / $positions;
  let row = i % $rows;
  let block = i / $rows;
  let dy = ($dy + block * $dy_by_block + row * $dy_by_row) * 16 + lane;
  let w = ($winner + block * $winner_by_block + row * $winner_by_row) * 16 + lane;
  var sum = 0.0;
  let last = int($start * 16 + q + 1);
  for (var k = int($start * 16 + q); k < last; k++) {
    if (mem[w + int($taps * 16 + 2 * k) * 16] == f32(int($taps * 16 + 2 * k + 1))) {
      sum += mem[dy + int($from * 16 + k) * 16];
    }
  }
  mem[($dx + block * $dx_by_block + row * $dx_by_row + int($to * 16 + q)) * 16 + lane] = sum;
}`;
  const strides = ['dx', 'dy', 'winner'].flatMap((name) => [`${name}_by.row`, `${name}_by.block`]);
  const names = ['dx', 'dy', 'winner', 'start', 'from', 'to', 'taps', 'rows', 'positions'];
  return [
    dispatch({ body, mem: 'f32', ints: { total, ...pick(a, ...names, ...strides) }, grid: each(total) }),
  ];
}

export function positions(a: Arguments): Dispatch[] {
  const total = a.get('rows') * a.get('blocks') * a.get('positions') * a.get('inner') * LANES;
  const body = `${INT}${element}
  let lane = id & 15;
  var rest = id >> 4;
  let j = rest % $inner;
  rest = rest / $inner;
  let q = rest % $positions;
  rest = rest / $positions;
  let row = rest % $rows;
  let block = rest / $rows;
  let x = ($x + block * $x_by_block + row * $x_by_row + j * $x_by_inner) * 16 + lane;
  var sum = 0.0;
  let last = int($start * 16 + q + 1);
  for (var k = int($start * 16 + q); k < last; k++) {
    sum = fma(mem[x + int($from * 16 + k) * $x_by_position * 16], mem[$weight * 16 + k], sum);
  }
  mem[($y + block * $y_by_block + row * $y_by_row + q * $y_by_position + j * $y_by_inner) * 16 + lane] = sum;
}`;
  const strides = ['x', 'y'].flatMap((name) =>
    ['row', 'position', 'inner', 'block'].map((by) => `${name}_by.${by}`),
  );
  const names = ['x', 'y', 'start', 'from', 'weight', 'rows', 'positions', 'inner'];
  return [
    dispatch({ body, mem: 'f32', ints: { total, ...pick(a, ...names, ...strides) }, grid: each(total) }),
  ];
}

export function matmul(a: Arguments): Dispatch[] {
  const total = a.get('leading') * a.get('blocks') * a.get('rows') * a.get('columns') * 4;
  const side = (name: string, laned: number) =>
    laned
      ? `fn load_${name}(at: i32, quad: i32) -> vec4f { return mem[at * 4 + quad]; }`
      : `fn load_${name}(at: i32, quad: i32) -> vec4f { return vec4f(mem[at >> 2][at & 3]); }`;
  const line = (laned: number, name: string) => (laned ? `$${name}` : `$${name} * 16`);
  const body = `${side('a', a.get('a_laned'))}
${side('b', a.get('b_laned'))}
${element}
  let quad = id & 3;
  var rest = id >> 2;
  let n = rest % $columns;
  rest = rest / $columns;
  let m = rest % $rows;
  rest = rest / $rows;
  let lead = rest % $leading;
  let block = rest / $leading;
  let left = ${line(a.get('a_laned'), 'a')} + block * $a_by_block + lead * $a_by_leading + m * $a_by_row;
  let right = ${line(a.get('b_laned'), 'b')} + block * $b_by_block + lead * $b_by_leading + n * $b_by_column;
  var sum = vec4f(0.0);
  for (var k = 0; k < $inner; k++) {
    sum = fma(load_a(left + k * $a_by_column, quad), load_b(right + k * $b_by_row, quad), sum);
  }
  mem[($c + block * $c_by_block + lead * $c_by_leading + m * $c_by_row + n * $c_by_column) * 4 + quad] = sum;
}`;
  const strides = ['a', 'b', 'c'].flatMap((name) =>
    ['leading', 'row', 'column', 'block'].map((by) => `${name}_by.${by}`),
  );
  const ints = { total, ...pick(a, 'a', 'b', 'c', 'leading', 'rows', 'inner', 'columns', ...strides) };
  return [dispatch({ body, mem: 'vec4f', ints, grid: each(total) })];
}

export function gather(a: Arguments): Dispatch[] {
  const total = a.get('count') * a.get('blocks') * a.get('width') * LANES;
  const body = `${INDEX}${element}
  let lane = id & 15;
  var rest = id >> 4;
  let d = rest % $width;
  rest = rest / $width;
  let i = rest % $count;
  let block = rest / $count;
  let index = mem[($index + block * $index_block + i * $index_step) * 16 + lane];
  let row = clamp(index_of(index, $rows), 0, $rows - 1);
  mem[($y + block * $y_block + i * $y_step + d * $y_column) * 16 + lane] =
    mem[$table * 16 + row * $table_row + d * $table_column];
}`;
  const names =
    'table index y rows width count table_row table_column index_step index_block y_step y_column y_block';
  return [
    dispatch({ body, mem: 'f32', ints: { total, ...pick(a, ...names.split(' ')) }, grid: each(total) }),
  ];
}

/** Each thread has one element of the table, and goes through all indices for it. */
export function scatterSum(a: Arguments): Dispatch[] {
  const total = a.get('rows') * a.get('width');
  const body = `${INDEX}${element}
  let d = id % $width;
  let r = id / $width;
  let valid = i32(mem[$valid * 16]);
  var sum = 0.0;
  for (var block = 0; block * 16 < valid; block++) {
    let live = min(16, valid - block * 16);
    for (var i = 0; i < $count; i++) {
      let index = ($index + block * $index_block + i * $index_step) * 16;
      let dy = ($dy + block * $dy_block + i * $dy_step + d * $dy_column) * 16;
      for (var l = 0; l < live; l++) {
        if (index_of(mem[index + l], $rows) == r) { sum += mem[dy + l]; }
      }
    }
  }
  mem[$table * 16 + id] = sum;
}`;
  const names = 'table index dy valid rows width count index_step index_block dy_step dy_column dy_block';
  return [
    dispatch({ body, mem: 'f32', ints: { total, ...pick(a, ...names.split(' ')) }, grid: each(total) }),
  ];
}

/** As text for one of the little passes of {@link littleSteps}. */
export function normalizeInput(a: Arguments): Little {
  const text = `let count = mem[$valid * 16] * f32($pixels);
    let factor = mem[$a * 16 + id];
    let p = -factor * mem[$inverse * 16 + id] * mem[$product * 16 + id] / count;
    mem[$p * 16 + id] = p;
    mem[$q * 16 + id] = -factor * mem[$sum * 16 + id] / count - p * mem[$mean * 16 + id];`;
  const names = 'sum product a mean inverse p q valid pixels';
  return {
    functions: [],
    text,
    ints: { total: a.get('channels'), ...pick(a, ...names.split(' ')) },
    floats: {},
  };
}

/**
 * A workgroup for each channel. Deviations are taken from the mean of its first line, so that nothing is lost where the mean is large;
 * the sums of all threads meet as a tree.
 */
export function normalize(site: Site, a: Arguments): Dispatch[] {
  const threads = together(site, a.get('pixels') * a.get('blocks') >= 4096 ? 1024 : THREADS);
  const body = `
var<workgroup> sums: array<vec2f, ${threads}>;
${numbered(threads, site)}
  let c = i32(group);
  if (c >= $channels) { return; }
  let valid = i32(mem[$valid * 4].x);
  let x = ($x + c * $x_channel) * 4;
  let lives = clamp(valid, 1, 16);
  var centre = 0.0;
  for (var l = 0; l < lives; l++) { centre += mem[x + (l >> 2)][l & 3]; }
  centre = centre / f32(lives);
  let quad = i32(t) & 3;
  let lanes = vec4i(quad * 4) + vec4i(0, 1, 2, 3);
  var sum = vec4f(0.0);
  var square = vec4f(0.0);
  for (var block = 0; block * 16 < valid; block++) {
    let alive = lanes < vec4i(valid - block * 16);
    let first = x + block * $x_block * 4 + quad;
    for (var i = i32(t) >> 2; i < $pixels; i += ${threads / 4}) {
      let d = select(vec4f(0.0), mem[first + i * $x_pixel * 4] - centre, alive);
      sum += d;
      square = fma(d, d, square);
    }
  }
  sums[t] = vec2f((sum.x + sum.y) + (sum.z + sum.w), (square.x + square.y) + (square.z + square.w));
  ${tree(site, threads, [{ array: 'sums', join: added }])}
  if (t > 0u || valid <= 0) { return; }
  ${NORMALIZED}
}`;
  return [
    dispatch({
      body,
      mem: 'vec4f',
      ints: pick(a, ...normalizeNames),
      floats: normalizeFloats(a),
      subgroups: site.subgroup !== undefined,
      grid: gridOf(a.get('channels')),
    }),
  ];
}

const normalizeNames =
  'x scale bias running_mean running_variance a b mean inverse valid x_channel x_block x_pixel channels pixels'.split(
    ' ',
  );
const normalizeFloats = (a: Arguments) => ({ epsilon: a.float('epsilon'), momentum: a.float('momentum') });

/** What becomes of `all_sums`, the sums of deviations from `centre` and of their squares, in channel c. */
const NORMALIZED = `
  let count = f32(valid) * f32($pixels);
  let off = all_sums.x / count;
  let mean = centre + off;
  let spread = max(0.0, all_sums.y - off * all_sums.x);
  let variance = spread / count;
  let inverse = 1.0 / sqrt(variance + $epsilon.f);
  let keep = $momentum.f;
  let running_mean = $running_mean * 16 + c;
  let running_variance = $running_variance * 16 + c;
  mem[running_mean >> 2][running_mean & 3] = keep * mem[running_mean >> 2][running_mean & 3] + (1.0 - keep) * mean;
  mem[running_variance >> 2][running_variance & 3] =
    keep * mem[running_variance >> 2][running_variance & 3] + (1.0 - keep) * (spread / max(1.0, count - 1.0));
  let k = c >> 2;
  let j = c & 3;
  let factor = mem[$scale * 4 + k][j] * inverse;
  mem[$a * 4 + k][j] = factor;
  mem[$b * 4 + k][j] = mem[$bias * 4 + k][j] - mean * factor;
  mem[$mean * 4 + k][j] = mean;
  mem[$inverse * 4 + k][j] = inverse;`;

/** One workgroup; a thread for each lane of the batch, in turns. */
export function crossEntropy(site: Site, a: Arguments): Dispatch[] {
  const threads = together(site, THREADS);
  const taught = a.get('teacher') >= 0;
  const distil = `
    let warm = $temperature.f;
    let cool = 1.0 / warm;
    let tz = ($teacher + block * $teacher_by_block) * 16 + lane;
    var teacher_top = mem[tz];
    for (var k = 1; k < $classes; k++) { teacher_top = max(teacher_top, mem[tz + k * $teacher_by_class * 16]); }
    var own_sum = 0.0;
    var teacher_sum = 0.0;
    for (var k = 0; k < $classes; k++) {
      own_sum += f_exp((mem[z + k * zs] - top) * cool);
      teacher_sum += f_exp((mem[tz + k * $teacher_by_class * 16] - teacher_top) * cool);
    }
    let own_log = f_log(own_sum);
    let teacher_log = f_log(teacher_sum);
    var gap = 0.0;
    for (var k = 0; k < $classes; k++) {
      let log_s = (mem[z + k * zs] - top) * cool - own_log;
      let log_q = (mem[tz + k * $teacher_by_class * 16] - teacher_top) * cool - teacher_log;
      let q = f_exp(log_q);
      gap += q * (log_q - log_s);
      let slope = (f_exp(log_s) - q) * ($weight.f * warm / n);
      mem[d + k * ds] = mem[d + k * ds] * (1.0 - $weight.f) + select(0.0, slope, live);
    }
    loss = loss * (1.0 - $weight.f) + gap * (warm * warm) * $weight.f;`;
  const body = `${types(false)}${declarations(['exp', 'log'])}
var<workgroup> losses: array<f32, ${threads}>;
var<workgroup> rights: array<f32, ${threads}>;
${numbered(threads, site)}
  let valid = i32(mem[$valid * 16]);
  let n = mem[$whole * 16];
  let smooth_ = $smoothing.f;
  let zs = $logits_by_class * 16;
  let ds = $dlogits_by_class * 16;
  var own_loss = 0.0;
  var own_rights = 0.0;
  for (var sample = i32(t); sample < $blocks * 16; sample += ${threads}) {
    let block = sample >> 4;
    let lane = sample & 15;
    let live = sample < valid;
    let z = ($logits + block * $logits_by_block) * 16 + lane;
    let d = ($dlogits + block * $dlogits_by_block) * 16 + lane;
    let answer = mem[$labels * 16 + sample];
    var top = mem[z];
    var best = 0;
    for (var k = 1; k < $classes; k++) {
      let v = mem[z + k * zs];
      if (v > top) { top = v; best = k; }
    }
    var sum = 0.0;
    var total = 0.0;
    var mine = 0.0;
    for (var k = 0; k < $classes; k++) {
      let v = mem[z + k * zs] - top;
      sum += f_exp(v);
      total += v;
      if (answer == f32(k)) { mine = v; }
    }
    let log_sum = f_log(sum);
    var loss = (log_sum - mine) * (1.0 - smooth_) + (log_sum - total / f32($classes)) * smooth_;
    for (var k = 0; k < $classes; k++) {
      let share = f_exp(mem[z + k * zs] - top) / sum;
      let slope = share - select(0.0, 1.0 - smooth_, answer == f32(k)) - smooth_ / f32($classes);
      mem[d + k * ds] = select(0.0, slope * (1.0 / n), live);
    }
    ${taught ? distil : ''}
    if (live) {
      own_loss += loss;
      own_rights += select(0.0, 1.0, f32(best) == answer);
    }
  }
  losses[t] = own_loss;
  rights[t] = own_rights;
  ${tree(site, threads, [
    { array: 'losses', join: added },
    { array: 'rights', join: added },
  ])}
  if (t == 0u) {
    mem[$loss * 16] = all_losses / n;
    mem[$correct * 16] = all_rights;
  }
}`;
  const names = 'logits labels loss correct dlogits valid whole teacher classes blocks'.split(' ');
  const strides = ['logits', 'dlogits', 'teacher'].flatMap((name) => [
    `${name}_by.class`,
    `${name}_by.block`,
  ]);
  const floats = {
    smoothing: a.float('smoothing'),
    temperature: a.float('temperature'),
    weight: a.float('weight'),
  };
  return [
    dispatch({
      body,
      mem: 'f32',
      ints: pick(a, ...names, ...strides),
      floats,
      grid: [1, 1, 1],
      subgroups: site.subgroup !== undefined,
    }),
  ];
}
