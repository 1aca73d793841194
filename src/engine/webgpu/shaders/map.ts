/**
 * map (kernels/map.c): a formula over an iteration space, stored, or summed over its inner axes. The instructions of the step become
 * the text of the shader, its strides and constants the parameters, so that passes with the same formula share a pipeline. Laned passes
 * compute four lanes in a thread.
 */
import { FUNCTIONS, LANES, MAP_ROW_AXES, RESULTS } from '../../lowering/contract.js';
import type { Arguments, Record_ } from '../arguments.js';
import { type Dispatch, dispatch, each, gridOf, numbered, together, tree } from '../shader.js';
import type { Site } from '../site.js';
import { callOf, declarations, types } from './functions.js';

const THREADS = 256;
/** Threads of a row of a reduction: as many as it has work for. */
const rowThreads = (units: number): number => (units >= 16384 ? 1024 : units >= 1024 ? 256 : 64);

interface Axis {
  size: number;
  /** Of operands, then of results. */
  strides: number[];
  block: boolean;
}

const stridesOf = (place: Record_): number[] => Array.from({ length: 7 }, (_, i) => place[`strides[${i}]`]);

/** The axes of more than one element, neighbours merged where all places walk through both in one stride. */
function axesOf(a: Arguments, from: number, to: number): Axis[] {
  const places = [...a.list('operands'), ...a.list('outputs')].map(stridesOf);
  const axes: Axis[] = [];
  for (let i = from; i < to; i++) {
    const size = i === 6 && a.get('plain') ? a.get('elements') : a.get(`sizes[${i}]`);
    const block = i === a.get('block_axis');
    const strides = places.map((own) => own[i]);
    if (size === 1 && !block) continue;
    const last = axes.at(-1);
    if (last && !last.block && !block && last.strides.every((s, k) => s === strides[k] * size)) {
      last.size *= size;
      last.strides = strides;
    } else axes.push({ size, strides, block });
  }
  return axes;
}

/** Text that takes an index apart: `i_NAME0` … for each axis, from the last on. */
function takeApart(axes: readonly Axis[], name: string, index: string): string {
  const lines = [`var rest_${name} = ${index};`];
  for (let i = axes.length - 1; i >= 0; i--)
    lines.push(
      i === 0
        ? `let i_${name}0 = rest_${name};`
        : `let i_${name}${i} = rest_${name} % $size_${name}${i}; rest_${name} = rest_${name} / $size_${name}${i};`,
    );
  return lines.join('\n  ');
}

/** Σ index · stride of a place. */
const offsetText = (axes: readonly Axis[], name: string, place: number): string =>
  axes
    .map((axis, i) => (axis.strides[place] === 0 ? '' : ` + i_${name}${i} * $step_${name}${i}_${place}`))
    .join('');

function axisParameters(axes: readonly Axis[], name: string): Record<string, number> {
  const ints: Record<string, number> = {};
  for (const [i, { size, strides }] of axes.entries()) {
    ints[`size_${name}${i}`] = size;
    for (const [k, stride] of strides.entries()) ints[`step_${name}${i}_${k}`] = stride;
  }
  return ints;
}

interface Pass {
  site: Site;
  a: Arguments;
  laned: boolean;
  outer: Axis[];
  inner: Axis[];
  operands: Record_[];
  outputs: Record_[];
}

/** The dispatch of a step of map. */
export function mapStep(site: Site, a: Arguments): Dispatch[] {
  const [operands, outputs] = [a.list('operands'), a.list('outputs')];
  const laned = !a.get('plain');
  const reducing = outputs.some((o) => o.how !== RESULTS.store);
  const pass = { site, a, laned, operands, outputs };
  if (reducing)
    return [reduction({ ...pass, outer: axesOf(a, 0, MAP_ROW_AXES), inner: axesOf(a, MAP_ROW_AXES, 7) })];
  return [store({ ...pass, outer: axesOf(a, 0, 7), inner: [] })];
}

/** Elements of a pass that a single workgroup does, beside other such. */
const LITTLE = 4096;

/** A pass over so few plain numbers that it is not worth a dispatch, as text for one thread `id` of `$total`; undefined for others. */
export function littleMap(site: Site, a: Arguments): Little | undefined {
  const [operands, outputs] = [a.list('operands'), a.list('outputs')];
  if (!a.get('plain') || outputs.some((o) => o.how !== RESULTS.store)) return undefined;
  const outer = axesOf(a, 0, 7);
  const total = outer.reduce((n, { size }) => n * size, 1);
  if (total > LITTLE) return undefined;
  const pass: Pass = { site, a, laned: false, operands, outputs, outer, inner: [] };
  const { text, floats } = formula(pass);
  return {
    functions: a.list('instructions').map((i) => i.function),
    text: `${takeApart(outer, 'o', 'id')}
    ${text}
    ${storesText(pass, '').join('\n    ')}`,
    ints: { total, ...storeParameters(pass) },
    floats,
  };
}

/** What {@link littleSteps} makes one dispatch of. */
export interface Little {
  functions: readonly number[];
  text: string;
  /** With `total`, the elements. */
  ints: Readonly<Record<string, number>>;
  floats: Readonly<Record<string, number>>;
}

/** Little passes one after another, by one workgroup. */
export function littleSteps(site: Site, all: readonly Little[]): Dispatch[] {
  const threads = together(site, THREADS);
  const own = (i: number, values: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`l${i}_${name}`, value]));
  const body = `${types(false)}${declarations(all.flatMap(({ functions }) => functions))}
${numbered(threads)}
  ${all
    .map(
      ({ text }, i) => `for (var id = i32(t); id < $l${i}_total; id += ${threads}) {
    ${text.replace(/\$(\w+)/g, `$l${i}_$1`)}
  }`,
    )
    .join('\n  storageBarrier();\n  ')}
}`;
  const merged = (pick: (little: Little) => Readonly<Record<string, number>>) =>
    Object.assign({}, ...all.map((little, i) => own(i, pick(little)))) as Record<string, number>;
  return [
    dispatch({
      body,
      mem: 'f32',
      ints: merged(({ ints }) => ints),
      floats: merged(({ floats }) => floats),
      grid: [1, 1, 1],
    }),
  ];
}

const PLACES = (list: readonly Record_[], name: string): Record<string, number> =>
  Object.fromEntries(
    list.map((place, k) => [
      `${name}${k}`,
      place.plain ? place.line * LANES + place.offset : place.line + place.offset,
    ]),
  );

/** Loads, and the instructions, on `let`s named after registers. */
function formula({ a, laned, operands, outer, inner }: Pass): {
  text: string;
  floats: Record<string, number>;
} {
  const floats: Record<string, number> = {};
  const loads = operands.map((operand, k) => {
    const at = `$in${k}${offsetText(outer, 'o', k)}${offsetText(inner, 'n', k)}`;
    if (!laned) return `let r${k} = mem[${at}];`;
    if (!operand.plain) return `let r${k} = mem[(${at}) * 4 + quad];`;
    return `let at${k} = ${at};\n  let r${k} = F(mem[at${k} >> 2][at${k} & 3]);`;
  });
  const code = a.list('instructions').map((i) => {
    if (i.function === FUNCTIONS.const) {
      floats[`c${i.to}`] = a.asFloat(i.a);
      return `let r${i.to} = F($c${i.to}.f);`;
    }
    const registers = [i.a, i.b, i.c].map((r) => `r${r}`);
    return `let r${i.to} = ${callOf(i.function, registers)};`;
  });
  return { text: [...loads, ...code].join('\n  '), floats };
}

const declared = ({ a, laned }: Pass): string =>
  types(laned) + declarations(a.list('instructions').map((i) => i.function));

/** The lanes that count of a line: `live`, from which on they do not. */
function liveText(pass: Pass): string {
  const { a, outer, inner, laned } = pass;
  const named = [
    ...outer.map((axis, i) => ({ axis, index: `i_o${i}` })),
    ...inner.map((axis, i) => ({ axis, index: `i_n${i}` })),
  ];
  const block = named.find(({ axis }) => axis.block);
  if (!laned || a.get('valid') < 0 || !block) return '';
  return `let live = i32(mem[$valid * 4].x) - ${block.index} * 16;
  let alive = (vec4i(quad * 4) + vec4i(0, 1, 2, 3)) < vec4i(live);`;
}

const storesText = ({ laned, operands, outputs, outer }: Pass, live: string): string[] =>
  outputs.map((o, q) => {
    const value = live ? `select(F(0.0), r${o.from}, alive)` : `r${o.from}`;
    const at = `$out${q}${offsetText(outer, 'o', operands.length + q)}`;
    return laned ? `mem[(${at}) * 4 + quad] = ${value};` : `mem[${at}] = ${value};`;
  });

const storeParameters = ({ operands, outputs, outer }: Pass): Record<string, number> => ({
  ...PLACES(operands, 'in'),
  ...PLACES(outputs, 'out'),
  ...axisParameters(outer, 'o'),
});

function store(pass: Pass): Dispatch {
  const { a, laned, outer } = pass;
  const total = outer.reduce((n, { size }) => n * size, 1) * (laned ? 4 : 1);
  const { text, floats } = formula(pass);
  const live = liveText(pass);
  const stores = storesText(pass, live);
  const grid = gridded(outer, laned);
  const body = `${declared(pass)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) at: vec3u, @builtin(num_workgroups) all: vec3u, @builtin(local_invocation_index) t: u32) {
  ${grid.text}
  ${live}
  ${text}
  ${stores.join('\n  ')}
}`;
  return dispatch({
    body,
    mem: laned ? 'vec4f' : 'f32',
    ints: { total, valid: a.get('valid'), ...storeParameters(pass) },
    floats,
    grid: grid.grid ?? each(total, THREADS),
  });
}

/** Three axes and fewer are axes of the grid where the last is long; else a thread takes its number apart. */
function gridded(axes: readonly Axis[], laned: boolean): { text: string; grid?: [number, number, number] } {
  const quads = laned ? 4 : 1;
  const quad = laned ? 'let quad = id & 3;' : '';
  const last = axes.at(-1);
  if (
    last &&
    axes.length <= 3 &&
    last.size * quads >= THREADS / 2 &&
    axes.slice(0, -1).every(({ size }) => size < 65536)
  ) {
    const n = axes.length - 1;
    const names = ['y', 'z'];
    const grid: [number, number, number] = [
      Math.ceil((last.size * quads) / THREADS),
      axes[n - 1]?.size ?? 1,
      axes[n - 2]?.size ?? 1,
    ];
    if (grid[0] < 65536)
      return {
        grid,
        text: `let id = i32(at.x * ${THREADS}u + t);
  if (id >= $size_o${n} * ${quads}) { return; }
  ${quad}
  let i_o${n} = id${laned ? ' >> 2' : ''};
  ${axes
    .slice(0, -1)
    .map((_, i) => `let i_o${n - 1 - i} = i32(at.${names[i]});`)
    .join('\n  ')}`,
      };
  }
  return {
    text: `let id = i32((at.x + at.y * all.x) * ${THREADS}u + t);
  if (id >= $total) { return; }
  ${quad}
  ${takeApart(axes, 'o', laned ? 'id >> 2' : 'id')}`,
  };
}

const NONE: Record<number, string> = { [RESULTS.sum]: 'F(0.0)', [RESULTS.max]: '-inf()' };
const joined = (how: number, x: string, y: string): string =>
  how === RESULTS.sum ? `${x} + ${y}` : `select(${y}, ${x}, (${x} >= ${y}) | is_nan(${x}))`;

/** A workgroup for each row: threads take turns along it, then their results meet as a tree. */
function reduction(pass: Pass): Dispatch {
  const { site, a, laned, operands, outputs, outer, inner } = pass;
  const rows = outer.reduce((n, { size }) => n * size, 1);
  const units = inner.reduce((n, { size }) => n * size, 1) * (laned ? 4 : 1);
  const threads = together(site, rowThreads(units));
  const { text, floats } = formula(pass);
  const live = liveText(pass);
  const lanes = laned ? 4 : 1;
  const trees = outputs
    .map(
      (o, q) => `
  {
    shared_[t] = sum${q};
    ${tree(laned && o.plain ? {} : site, threads, [{ array: 'shared_', join: (x, y) => joined(o.how, x, y) }], lanes)}
    ${finish(pass, o, q)}
    workgroupBarrier();
  }`,
    )
    .join('');
  const body = `${declared(pass)}
var<workgroup> shared_: array<F, ${threads}>;
${numbered(threads, site)}
  if (group >= u32($rows)) { return; }
  ${takeApart(outer, 'o', 'i32(group)')}
  ${outputs.map((o, q) => `var sum${q} = ${NONE[o.how]};`).join('\n  ')}
  for (var j = i32(t); j < $units; j += ${threads}) {
    ${laned ? 'let quad = j & 3;' : ''}
    ${takeApart(inner, 'n', laned ? 'j >> 2' : 'j')}
    ${live}
    ${text}
    ${outputs
      .map((o, q) => {
        const value = live && o.across ? `select(${NONE[o.how]}, r${o.from}, alive)` : `r${o.from}`;
        return `let v${q} = ${value};\n    sum${q} = ${joined(o.how, `sum${q}`, `v${q}`)};`;
      })
      .join('\n    ')}
  }
  ${trees}
}`;
  return dispatch({
    body,
    mem: laned ? 'vec4f' : 'f32',
    ints: {
      rows,
      units,
      valid: a.get('valid'),
      ...PLACES(operands, 'in'),
      ...PLACES(outputs, 'out'),
      ...axisParameters(outer, 'o'),
      ...axisParameters(inner, 'n'),
    },
    floats,
    subgroups: site.subgroup !== undefined,
    grid: gridOf(rows),
  });
}

/** Stores what the tree gives: a line, or one number. */
function finish({ laned, operands, outer }: Pass, o: Record_, q: number): string {
  const at = `$out${q}${offsetText(outer, 'o', operands.length + q)}`;
  if (laned && !o.plain) return `if (t < 4u) { mem[(${at}) * 4 + i32(t)] = all_shared_; }`;
  if (!laned) return `if (t == 0u) { mem[${at}] = all_shared_; }`;
  const pair = (x: string, y: string) => joined(o.how, x, y).replaceAll('is_nan', 'is_nan_one');
  return `if (t == 0u) {
    let a = ${joined(o.how, 'shared_[0]', 'shared_[1]')};
    let b = ${joined(o.how, 'shared_[2]', 'shared_[3]')};
    let c = ${joined(o.how, 'a', 'b')};
    let d = ${pair('c.x', 'c.y')};
    let e = ${pair('c.z', 'c.w')};
    let to = ${at};
    mem[to >> 2][to & 3] = ${pair('d', 'e')};
  }`;
}
