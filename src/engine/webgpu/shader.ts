/** A compute shader and one dispatch of it: how text, parameters and grid come together. */
import type { Site } from './site.js';

/** Where in a shader's text a parameter stands: `$name` is an integer, `$name.f` a float. */
const PARAMETER = /\$(\w+)(\.f)?/g;

/** Words that the parameters of one dispatch may have; uniform memory is bound in so large pieces. */
export const PARAMETER_WORDS = 256;
/** Workgroups along one axis of a grid, at most. */
const MOST_GROUPS = 65535;

export interface Kernel {
  /** The text of the shader, from `@compute` on with what it needs before, `$name` for parameters. */
  body: string;
  /** What `mem` is an array of. */
  mem: 'f32' | 'vec4f';
  /** What `scratch` is an array of. */
  scratch?: 'f32' | 'vec4f';
  /** Parameters by name: integers, and floats. */
  ints: Readonly<Record<string, number>>;
  floats?: Readonly<Record<string, number>>;
  /** It has a {@link tree} that may use subgroups. */
  subgroups?: boolean;
  /** Workgroups. */
  grid: readonly [number, number, number];
}

/** A dispatch: pipelines are known by their text, so that steps of the same kind share one. */
export interface Dispatch {
  code: string;
  parameters: Int32Array;
  grid: readonly [number, number, number];
}

const HEAD = (mem: string, scratch: string) => `
@group(0) @binding(0) var<storage, read_write> mem: array<${mem}>;
@group(0) @binding(1) var<uniform> parameters: array<vec4i, ${PARAMETER_WORDS / 4}>;
@group(0) @binding(2) var<storage, read> extra: array<i32>;
@group(0) @binding(3) var<storage, read_write> scratch: array<${scratch}>;
`;

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const bitsOf = (x: number): number => {
  float[0] = x;
  return bits[0];
};

/** Threads of a workgroup: as many as are wanted, if the device has them. */
export const together = ({ threads }: { threads: number }, wanted: number): number =>
  Math.min(threads, wanted);

/** An array of a workgroup, of which each thread has filled its element, and how two elements become one. */
interface Gathered {
  array: string;
  join(a: string, b: string): string;
}

/** Text of a sum. */
export const added = (a: string, b: string): string => `${a} + ${b}`;

/**
 * Text that joins the elements of arrays of `threads` as a tree, until `least` are left: `all_ARRAY` is then what element `t % least` has become, in
 * the threads below `least`. The last levels are done by subgroups where there are any, each of which does the same: so it does not matter which
 * threads they consist of, and the elements that meet, and with them the bits, are the same as without.
 */
export function tree(
  { subgroup = 1 }: Pick<Site, 'subgroup'>,
  threads: number,
  arrays: readonly Gathered[],
  least = 1,
): string {
  const inMemory = Math.max(least, Math.min(threads, subgroup));
  const each = (text: (one: Gathered) => string) => arrays.map(text).join('\n    ');
  const levels = `workgroupBarrier();
  for (var half = ${threads / 2}u; half >= ${inMemory}u; half = half / 2u) {
    if (u32(t) < half) {
      ${each(({ array, join }) => `${array}[t] = ${join(`${array}[t]`, `${array}[u32(t) + half]`)};`)}
    }
    workgroupBarrier();
  }`;
  if (inMemory === least)
    return `${levels}\n  ${each(({ array }) => `let all_${array} = ${array}[u32(t) % ${least}u];`)}`;
  const shuffles = ({ array, join }: Gathered): string => {
    let text = `var lane_${array} = ${array}[lane % ${inMemory}u];`;
    for (let half = inMemory / 2; half >= least; half /= 2)
      text += `\n  lane_${array} = ${join(`lane_${array}`, `subgroupShuffleDown(lane_${array}, ${half}u)`)};`;
    return `${text}\n  let all_${array} = subgroupShuffle(lane_${array}, u32(t) % ${least}u);`;
  };
  return `${levels}\n  ${each(shuffles)}`;
}

/** The dispatch of a kernel. */
export function dispatch({
  body,
  mem,
  scratch = 'f32',
  ints,
  floats = {},
  subgroups = false,
  grid,
}: Kernel): Dispatch {
  const values = [...Object.values(ints), ...Object.values(floats).map(bitsOf)];
  if (values.length > PARAMETER_WORDS) throw new Error('A dispatch has too many parameters');
  const places = new Map([...Object.keys(ints), ...Object.keys(floats)].map((name, i) => [name, i]));
  const text = body.replace(PARAMETER, (_, name: string, isFloat?: string) => {
    const i = places.get(name);
    if (i === undefined) throw new Error(`A shader asks for '${name}', which is no parameter`);
    const word = `parameters[${i >> 2}].${'xyzw'[i & 3]}`;
    return isFloat ? `bitcast<f32>(${word})` : word;
  });
  const enabled = subgroups ? 'enable subgroups;\n' : '';
  return { code: enabled + HEAD(mem, scratch) + text, parameters: Int32Array.from(values), grid };
}

/**
 * The dispatch of a shader whose workgroups have a list of their own: each does the part `$work + 2 · group` names, which is where its record in
 * the tables begins, and which stretch of it.
 */
export function dispatchList(body: string, work: readonly number[], site: Site): Dispatch {
  const groups = work.length / 2;
  return dispatch({
    body,
    mem: 'f32',
    ints: { groups, work: site.table(Int32Array.from(work)) },
    subgroups: site.subgroup !== undefined,
    grid: gridOf(groups),
  });
}

/** A grid for so many workgroups, which find their number by {@link GROUP}. */
export function gridOf(groups: number): [number, number, number] {
  if (groups <= MOST_GROUPS) return [Math.max(1, groups), 1, 1];
  const rows = Math.ceil(groups / MOST_GROUPS);
  return [Math.ceil(groups / rows), rows, 1];
}

/** What a shader with a {@link tree} is given beside, as the last of the parameters of its entry. */
export const laneParameter = ({ subgroup }: Pick<Site, 'subgroup'>): string =>
  subgroup === undefined ? '' : ', @builtin(subgroup_invocation_id) lane: u32';

/** The head of a shader whose workgroups are numbered through: `group`, and the thread `t` of `threads`; for a {@link tree} with the site. */
export const numbered = (threads: number, site: Pick<Site, 'subgroup'> = {}): string => `
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) all: vec3u, @builtin(local_invocation_index) t: u32${laneParameter(site)}) {
  let group = at.x + at.y * all.x;`;

/** The grid of a shader with a thread for each of `count` elements, of which thread `id` does one. */
export const each = (count: number, threads = 256): [number, number, number] =>
  gridOf(Math.ceil(count / threads));
