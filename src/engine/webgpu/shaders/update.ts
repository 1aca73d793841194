/**
 * Kernels over the elements of parameters (kernels/update.c, clip.c, rank.c). Steps of the same kind that do not depend on one another
 * are one dispatch: a workgroup finds in a table whose elements it does.
 */
import { CLIP_RUN, LANES, RANK_BINS, RANK_COUNTS, RANK_RUN, UPDATE_RUN } from '../../lowering/contract.js';
import type { Arguments } from '../arguments.js';
import { added, type Dispatch, dispatchList, numbered, together, tree } from '../shader.js';
import type { Site } from '../site.js';

/** How a kernel over elements is written. */
interface Elements {
  /** Lines that it is given, by name: `at_NAME` is where each begins. */
  lines: readonly string[];
  /** Elements of a workgroup. */
  run: number;
  threads: number;
  /** Declarations before. */
  before?: string;
  /** Of a workgroup: elements `begin` to `end`, the `run_`-th run; thread `t`. */
  text: string;
}

const eachElement = (threads: number, text: string): string => `
  for (var i = begin + i32(t); i < end; i += ${threads}) {${text}
  }`;

const flushed = 'fn flushed(x: f32) -> f32 { return select(x, 0.0, abs(x) < 1e-30); }\n';

/**
 * Sums as pairs of floats, of which the second has what rounding takes from the first (Knuth's two-sum); and such pairs as the bits of a
 * double, which the host reads.
 */
const PAIRS = `
fn two_sum(a: f32, b: f32) -> vec2f {
  let s = a + b;
  let z = s - a;
  return vec2f(s, (a - (s - z)) + (b - z));
}
fn plus(x: vec2f, y: vec2f) -> vec2f {
  let s = two_sum(x.x, y.x);
  let low = s.y + (x.y + y.y);
  let sum = s.x + low;
  return vec2f(sum, low - (sum - s.x));
}
fn square(x: f32) -> vec2f {
  let p = x * x;
  return vec2f(p, fma(x, x, -p));
}
fn widened(x: f32) -> vec2u {
  let b = bitcast<u32>(x);
  let e = (b >> 23u) & 0xffu;
  if (e == 0u) { return vec2u(0u, 0u); }
  let high = (b & 0x80000000u) | (select(e + 896u, 2047u, e == 255u) << 20u) | ((b & 0x7fffffu) >> 3u);
  return vec2u((b & 7u) << 29u, high);
}
/** A pair, the second at most half a unit of the first, as the bits of the double of their sum. */
fn double_of(x: vec2f) -> vec2u {
  let first = widened(x.x);
  let e = i32((bitcast<u32>(x.x) >> 23u) & 0xffu);
  if (e == 0 || e == 255 || x.y == 0.0) { return first; }
  // Units of the last of the 52 bits that a double has behind its first.
  let shift = 52 - (e - 127);
  let b = bitcast<u32>(x.y);
  let own = i32((b >> 23u) & 0xffu);
  if (own == 0) { return first; }
  let mantissa = (b & 0x7fffffu) | 0x800000u;
  let by = own - 150 + shift;
  var low = 0u;
  if (by >= 0) { low = mantissa << u32(min(by, 31)); } else if (by > -24) { low = mantissa >> u32(-by); }
  if ((b >> 31u) == (bitcast<u32>(x.x) >> 31u)) {
    let sum = first.x + low;
    return vec2u(sum, first.y + select(0u, 1u, sum < first.x));
  }
  return vec2u(first.x - low, first.y - select(0u, 1u, low > first.x));
}
/** A double as a pair of floats. */
fn pair_of(low: u32, high: u32) -> vec2f {
  let e = i32((high >> 20u) & 0x7ffu) - 896;
  if (e <= 0) { return vec2f(0.0); }
  let sign = high & 0x80000000u;
  let first = bitcast<f32>(sign | (u32(min(e, 254)) << 23u) | ((high & 0xfffffu) << 3u) | (low >> 29u));
  let rest = f32(low & 0x1fffffffu) * select(1.0, -1.0, sign != 0u);
  // The last of the double's bits is 2^(e − 127 − 52).
  let scale = bitcast<f32>(u32(max(1, e - 52)) << 23u);
  return vec2f(first, select(rest * scale, 0.0, e <= 52));
}
`;

const pairs = { array: 'sums', join: (a: string, b: string) => `plus(${a}, ${b})` };

const kernelsOf = (n: number, site: Pick<Site, 'subgroup'> = {}): Record<string, Elements> => ({
  sgd: {
    lines: ['weight', 'gradient', 'first', 'mask', 'hyper'],
    run: 1024,
    threads: n,
    before: flushed,
    text: eachElement(
      n,
      `
    let h = at_hyper;
    let weight = mem[at_weight + i];
    let keep = mem[at_mask + i];
    let gradient = mem[at_gradient + i] * mem[h + 4] + weight * mem[h + 1];
    let velocity = flushed((mem[at_first + i] * mem[h + 2] + gradient) * keep);
    let step = select(velocity, gradient + velocity * mem[h + 2], mem[h + 3] != 0.0);
    mem[at_weight + i] = (weight - step * mem[h]) * keep;
    mem[at_first + i] = velocity;`,
    ),
  },
  adam: {
    lines: ['weight', 'gradient', 'first', 'second', 'mask', 'hyper'],
    run: 1024,
    threads: n,
    before: flushed,
    text: eachElement(
      n,
      `
    let h = at_hyper;
    let keep = mem[at_mask + i];
    var weight = mem[at_weight + i];
    var gradient = mem[at_gradient + i] * mem[h + 8];
    if (mem[h + 7] != 0.0) { weight = weight * (1.0 - mem[h] * mem[h + 1]); } else { gradient += weight * mem[h + 1]; }
    let m = flushed((mem[at_first + i] * mem[h + 2] + gradient * (1.0 - mem[h + 2])) * keep);
    let s = flushed((mem[at_second + i] * mem[h + 3] + gradient * gradient * (1.0 - mem[h + 3])) * keep);
    let step = m / (sqrt(s) / mem[h + 6] + mem[h + 4]);
    mem[at_weight + i] = (weight - step * (mem[h] / mem[h + 5])) * keep;
    mem[at_first + i] = m;
    mem[at_second + i] = s;`,
    ),
  },
  accumulate: {
    lines: ['sum', 'gradient'],
    run: 1024,
    threads: n,
    text: eachElement(n, '\n    mem[at_sum + i] += mem[at_gradient + i];'),
  },
  square_sum: {
    lines: ['x', 'mask', 'sums'],
    run: UPDATE_RUN,
    threads: n,
    before: `${PAIRS}var<workgroup> sums: array<vec2f, ${n}>;\n`,
    text: `
  var sum = vec2f(0.0);
  for (var i = begin + i32(t); i < end; i += ${n}) {
    if (mem[at_mask + i] != 0.0) { sum = plus(sum, square(mem[at_x + i])); }
  }
  sums[t] = sum;
  ${tree(site, n, [pairs])}
  if (t == 0u) {
    let d = double_of(all_sums);
    mem[at_sums + 2 * run_] = bitcast<f32>(d.x);
    mem[at_sums + 2 * run_ + 1] = bitcast<f32>(d.y);
  }`,
  },
  clip_sum: {
    lines: ['z', 'v', 'results'],
    run: CLIP_RUN,
    threads: n,
    before: `${PAIRS}var<workgroup> sums: array<vec2f, ${n}>;\nvar<workgroup> counts: array<u32, ${n}>;\n`,
    text: `
  let v = pair_of(bitcast<u32>(mem[at_v]), bitcast<u32>(mem[at_v + 1]));
  var sum = vec2f(0.0);
  var count = 0u;
  for (var i = begin + i32(t); i < end; i += ${n}) {
    let x = plus(vec2f(mem[at_z + i], 0.0), -v);
    let above = x.x > 0.0 || (x.x == 0.0 && x.y > 0.0);
    let below = x.x < 1.0 || (x.x == 1.0 && x.y < 0.0);
    if (above && below) { sum = plus(sum, x); count++; } else if (above) { sum = plus(sum, vec2f(1.0, 0.0)); }
  }
  sums[t] = sum;
  counts[t] = count;
  ${tree(site, n, [pairs, { array: 'counts', join: added }])}
  if (t == 0u) {
    let s = double_of(all_sums);
    let c = widened(f32(all_counts));
    mem[at_results + 4 * run_] = bitcast<f32>(s.x);
    mem[at_results + 4 * run_ + 1] = bitcast<f32>(s.y);
    mem[at_results + 4 * run_ + 2] = bitcast<f32>(c.x);
    mem[at_results + 4 * run_ + 3] = bitcast<f32>(c.y);
  }`,
  },
  // A thread has neighbours one after another, and gives what rounding takes from one of them to the next.
  clip: {
    lines: ['z', 'v'],
    run: 64 * n,
    threads: n,
    before: PAIRS,
    text: `
  let v = pair_of(bitcast<u32>(mem[at_v]), bitcast<u32>(mem[at_v + 1]));
  var carry = select(0.0, -2.98023223876953125e-8, v.x > 0.0);
  let first = begin + 64 * i32(t);
  for (var i = first; i < min(end, first + 64); i++) {
    let x = plus(vec2f(mem[at_z + i], 0.0), -v);
    let above = x.x > 0.0 || (x.x == 0.0 && x.y > 0.0);
    let below = x.x < 1.0 || (x.x == 1.0 && x.y < 0.0);
    var value = select(0.0, 1.0, above);
    if (above && below) {
      let y = plus(x, vec2f(carry, 0.0));
      value = clamp(y.x, 0.0, 1.0);
      carry = (y.x - value) + y.y;
    }
    mem[at_z + i] = value;
  }`,
  },
  magnitude_counts: {
    lines: ['values', 'window', 'counts'],
    run: RANK_RUN,
    threads: n,
    before: `var<workgroup> bins: array<atomic<u32>, ${RANK_COUNTS}>;\n`,
    text: `
  for (var k = t; k < ${RANK_COUNTS}u; k += ${n}u) { atomicStore(&bins[k], 0u); }
  workgroupBarrier();
  let low = bitcast<u32>(mem[at_window]);
  let shift = bitcast<u32>(mem[at_window + 1]);
  let width = ${RANK_BINS}u << shift;
  for (var i = begin + i32(t); i < end; i += ${n}) {
    let key = bitcast<u32>(mem[at_values + i]) & 0x7fffffffu;
    if (key >= low) { atomicAdd(&bins[min((key - low) >> shift, ${RANK_BINS}u)], 1u); }
  }
  workgroupBarrier();
  for (var k = t; k < ${RANK_COUNTS}u; k += ${n}u) {
    mem[at_counts + ${RANK_COUNTS} * run_ + i32(k)] = bitcast<f32>(atomicLoad(&bins[k]));
  }`,
  },
  // Each thread has a stretch; of those equal to the k-th, it marks what the stretches before it leave of the quota.
  magnitude_marks: {
    lines: ['values', 'marks', 'kth', 'quotas'],
    run: RANK_RUN,
    threads: n,
    before: `var<workgroup> equals: array<i32, ${n}>;\n`,
    text: `
  let kth = bitcast<u32>(mem[at_kth]);
  let quota = bitcast<i32>(mem[at_quotas + run_]);
  let first = begin + ${RANK_RUN / n} * i32(t);
  let last = min(end, first + ${RANK_RUN / n});
  var own = 0;
  for (var i = first; i < last; i++) { if ((bitcast<u32>(mem[at_values + i]) & 0x7fffffffu) == kth) { own++; } }
  equals[t] = own;
  workgroupBarrier();
  var left = quota;
  for (var k = 0u; k < t; k++) { left -= equals[k]; }
  for (var i = first; i < last; i++) {
    let key = bitcast<u32>(mem[at_values + i]) & 0x7fffffffu;
    var mark = select(0.0, 1.0, key > kth);
    if (key == kth) {
      if (left > 0) { mark = 1.0; }
      left--;
    }
    mem[at_marks + i] = mark;
  }`,
  },
});

/** Whether steps of this kernel go together. */
export const goesTogether = (kernel: string): boolean => names.has(kernel);
const names: ReadonlySet<string> = new Set(Object.keys(kernelsOf(256)));

/** The dispatch of steps of one kernel, of which none depends on another. */
export function elementSteps(site: Site, steps: readonly Arguments[]): Dispatch[] {
  const { lines, run, threads, before = '', text } = kernelsOf(together(site, 256), site)[steps[0].kernel];
  const work: number[] = [];
  for (const a of steps) {
    const elements = a.get('elements');
    const head = site.table(Int32Array.of(elements, ...lines.map((name) => a.get(name) * LANES)));
    for (let k = 0; k * run < elements; k++) work.push(head, k);
  }
  const body = `${before}${numbered(threads, site)}
  if (group >= u32($groups)) { return; }
  let head = extra[$work + 2 * i32(group)];
  let run_ = extra[$work + 2 * i32(group) + 1];
  let begin = run_ * ${run};
  let end = min(begin + ${run}, extra[head]);
  ${lines.map((name, i) => `let at_${name} = extra[head + ${i + 1}];`).join('\n  ')}
  ${text}
}`;
  return [dispatchList(body, work, site)];
}
