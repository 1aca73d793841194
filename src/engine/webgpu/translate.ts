/**
 * From a program's words to dispatches. Most steps are one each. Steps over the elements of parameters that do not depend on one another
 * go together; weights are packed for all convolutions at once, where the program does not change them before; and the parts of
 * all weight gradients are added up at the end, or before something reads one of them.
 */
import { LANES, NO_BARRIER, PROGRAM_HEAD, STEP, STEP_HEAD } from '../lowering/contract.js';
import { type Arguments, argumentsOf } from './arguments.js';
import { classesAt } from './classes.js';
import type { Dispatch } from './shader.js';
import { conv, type Packed, packAll, packedWidth } from './shaders/conv.js';
import { type Little, littleMap, littleSteps, mapStep } from './shaders/map.js';
import * as simple from './shaders/simple.js';
import { elementSteps, goesTogether } from './shaders/update.js';
import { convWeight, type Parts, sumParts } from './shaders/weight.js';
import type { Site } from './site.js';

/** Kernels of which a step is a dispatch by itself. */
const alone: Record<string, (a: Arguments, site: Site) => Dispatch[]> = {
  fill: simple.fill,
  map: (a, site) => mapStep(site, a),
  max_pool: simple.maxPool,
  max_pool_input: simple.maxPoolInput,
  positions: simple.positions,
  normalize: (a, site) => simple.normalize(site, a),
  normalize_input: (a, site) => littleSteps(site, [simple.normalizeInput(a)]),
  matmul: simple.matmul,
  gather: simple.gather,
  scatter_sum: simple.scatterSum,
  uniform: simple.uniform,
  cross_entropy: (a, site) => simple.crossEntropy(site, a),
};
const convolutions = ['conv', 'conv_pack', 'conv_weight'];
const elements = [
  'sgd',
  'adam',
  'accumulate',
  'square_sum',
  'clip_sum',
  'clip',
  'magnitude_counts',
  'magnitude_marks',
];

/** The kernels, by their numbers in programs. */
export const kernelNames: readonly string[] = [...Object.keys(alone), ...convolutions, ...elements];

/** What kernels/espalier.c says of an instruction set; a GPU has no register tiles that lowering must know. */
export const TOLD = 'VL=16,CONV_MR=8,CW_MO=8,PLANE_MR=8,PLANE_NV=1,PLANE_POINTS=1,CHECKED=0,';

/** Little passes of one dispatch, at most: their parameters are in one piece. */
const LITTLE_STEPS = 4;

/** A dispatch and the step that it is put down to. */
export type Placed = Dispatch & { step: number };

export interface Translated {
  dispatches: readonly Placed[];
  /** The program's tables. */
  tables: Int32Array;
  /** Bytes of its scratch memory. */
  scratch: number;
}

interface Step {
  number: number;
  a: Arguments;
  flags: number;
}

/** Words of the program that begins there. */
export function programLength(words: Int32Array): number {
  let at = PROGRAM_HEAD;
  for (let i = 0; i < words[0]; i++) at += words[at + STEP.words];
  return at;
}

function stepsOf(words: Int32Array): Step[] {
  const steps: Step[] = [];
  let at = PROGRAM_HEAD;
  for (let number = 0; number < words[0]; number++) {
    const end = at + words[at + STEP.words];
    const kernel = kernelNames[words[at + STEP.kernel]];
    if (words[at + STEP.items] > 0)
      steps.push({
        number,
        a: argumentsOf(kernel, words.subarray(at + STEP_HEAD, end)),
        flags: words[at + STEP.flags],
      });
    at = end;
  }
  return steps;
}

/** What is known of the machine: its memory's words, as the host sees them, and what {@link Site} says of workgroups and subgroups. */
export interface Target extends Pick<Site, 'threads' | 'subgroup'> {
  memory(line: number): Int32Array;
}

export function translate(words: Int32Array, target: Target): Translated {
  const { site, tables, bytes } = openSite(target);
  const steps = stepsOf(words);
  const first: { pack: Arguments; packed: Packed }[] = [];
  const body: Placed[] = [];
  const writtenLines: number[] = [];
  const packs = new Map<number, Packed>();
  let parts: (Parts & { step: number })[] = [];
  let together: Step[] = [];
  let little: { number: number; pass: Little }[] = [];

  const emit = (step: number, dispatches: readonly Dispatch[]) =>
    body.push(...dispatches.map((d) => ({ ...d, step })));
  const addUp = () => {
    if (parts.length > 0) emit(parts.at(-1)!.step, sumParts(site, parts));
    parts = [];
  };
  const flush = () => {
    if (together.length > 0)
      emit(
        together[0].number,
        elementSteps(
          site,
          together.map(({ a }) => a),
        ),
      );
    together = [];
    if (little.length > 0)
      emit(
        little[0].number,
        littleSteps(
          site,
          little.map(({ pass }) => pass),
        ),
      );
    little = [];
  };
  const littleOf = (a: Arguments): Little | undefined => {
    if (a.kernel === 'normalize_input') return simple.normalizeInput(a);
    return a.kernel === 'map' ? littleMap(site, a) : undefined;
  };

  for (const step of steps) {
    const { a, number } = step;
    const touches = (from: number, words: number) =>
      a.lines.some(({ line }) => line >= from && line < from + Math.ceil(words / LANES));
    if (parts.some((p) => touches(p.a.get('dw'), p.size))) addUp();
    const pass = littleOf(a);
    if (pass) {
      if (together.length > 0 || little.length === LITTLE_STEPS) flush();
      little.push({ number, pass });
    } else if (goesTogether(a.kernel)) {
      if (little.length > 0) flush();
      const last = together.at(-1);
      if (last && (last.a.kernel !== a.kernel || !(last.flags & NO_BARRIER))) flush();
      together.push(step);
    } else {
      flush();
      switch (a.kernel) {
        case 'conv_pack': {
          const width = packedWidth(a);
          const sizes = ['groups', 'window', 'channels'].map(a.get);
          const packed = { width, at: site.scratch(sizes.reduce((n, size) => n * size, width)) };
          if (changed(a, writtenLines)) emit(number, packAll(site, [{ pack: a, packed }]));
          else first.push({ pack: a, packed });
          packs.set(a.get('packed'), packed);
          break;
        }
        case 'conv':
          emit(number, conv(site, a, packs.get(a.get('weights'))!));
          break;
        case 'conv_weight': {
          const made = convWeight(site, a);
          emit(number, made.dispatches);
          parts.push({ ...made.parts, step: number });
          // The memory of a mask that the program computes is that of other values after this step.
          if (writtenLines.includes(a.get('mask'))) addUp();
          break;
        }
        default:
          emit(number, alone[a.kernel](a, site));
      }
    }
    for (const { line, writes } of a.lines) if (writes) writtenLines.push(line);
  }
  flush();
  addUp();
  const packing = first.length > 0 ? packAll(site, first).map((d) => ({ ...d, step: 0 })) : [];
  return { dispatches: [...packing, ...body], tables: tables(), scratch: bytes() };
}

/** Whether the program has written the weights that a pack reads. */
function changed(pack: Arguments, written: readonly number[]): boolean {
  const from = pack.get('weights');
  const [groups, outputs, channels, window] = ['groups', 'outputs', 'channels', 'window'].map(pack.get);
  const last =
    pack.get('offset') +
    (groups - 1) * pack.get('by.group') +
    (outputs - 1) * pack.get('by.output') +
    (channels - 1) * pack.get('by.channel') +
    window;
  const end = from + Math.ceil(last / LANES);
  return written.some((line) => line >= from && line < end);
}

function openSite({ memory, threads, subgroup }: Target) {
  const tables: Int32Array[] = [];
  let words = 0;
  let floats = 0;
  const made = new Map<string, unknown>();
  const memo = <Value>(name: string, make: () => Value): Value => {
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as Value;
  };
  const site: Site = {
    threads,
    subgroup,
    memo,
    table(data) {
      const at = words;
      tables.push(data);
      words += data.length;
      return at;
    },
    scratch(count) {
      const at = floats;
      floats += Math.ceil(count / 4) * 4;
      return at;
    },
    classes: (line, blocks) => memo(`classes:${line}:${blocks}`, () => classesAt(memory(line), blocks)),
  };
  return {
    site,
    bytes: () => floats * 4,
    tables() {
      const all = new Int32Array(Math.max(4, words));
      let at = 0;
      for (const table of tables) {
        all.set(table, at);
        at += table.length;
      }
      return all;
    },
  };
}
