/** The memory plan: buffers whose lifetimes do not overlap share memory; and which steps need a barrier between them. */
import { LINE } from '../driver.js';
import type { Buffer } from './place.js';
import type { Step } from './steps.js';

export interface Plan {
  /** Lines from the start of the program's memory, by buffer. */
  offsets: Map<Buffer, number>;
  /** Lines of all buffers together. */
  lines: number;
  /** Blocks of samples that laned buffers have room for. */
  blocks: number;
}

/** Lines that a buffer takes. */
export const linesOf = (buffer: Buffer, blocks: number): number =>
  buffer.laned ? buffer.size * blocks : Math.ceil((buffer.size * 4) / LINE);

/** That of programs whose buffers all lie somewhere already. */
export const NOTHING_PLANNED: Plan = { offsets: new Map(), lines: 0, blocks: 1 };

/**
 * Places every buffer that has no fixed address: the largest first, each at the lowest place that is free during its
 * whole life.
 * @param kept what is read after the run; no step may know of it, where an output is an input.
 */
export function planMemory(steps: readonly Step[], blocks: number, kept: readonly Buffer[] = []): Plan {
  const lives = lifetimes(steps);
  for (const buffer of kept)
    if (buffer.fixed === undefined && !lives.has(buffer)) lives.set(buffer, [-1, steps.length]);
  const placed = crowd();
  const offsets = new Map<Buffer, number>();
  let lines = 0;
  const order = [...lives].sort(([a], [b]) => linesOf(b, blocks) - linesOf(a, blocks));
  for (const [buffer, [first, last]] of order) {
    const size = linesOf(buffer, blocks);
    const rivals = placed.during(first, last).sort((a, b) => a.from - b.from);
    let at = 0;
    for (const rival of rivals) {
      if (rival.from - at >= size) break;
      at = Math.max(at, rival.to);
    }
    placed.add({ from: at, to: at + size, first, last });
    offsets.set(buffer, at);
    lines = Math.max(lines, at + size);
  }
  return { offsets, lines, blocks };
}

interface Placed {
  from: number;
  to: number;
  first: number;
  last: number;
}

/** Steps that are looked up together. */
const STRETCH = 64;

/** Buffers by the stretches of steps that they live in, so that those of a short life are found without going through all. */
function crowd() {
  const stretches = new Map<number, Placed[]>();
  const each = (first: number, last: number, visit: (stretch: number) => void) => {
    for (let s = Math.floor(first / STRETCH); s <= Math.floor(last / STRETCH); s++) visit(s);
  };
  return {
    add: (one: Placed) =>
      each(one.first, one.last, (s) => {
        const others = stretches.get(s);
        if (others) others.push(one);
        else stretches.set(s, [one]);
      }),
    during(first: number, last: number): Placed[] {
      const found = new Set<Placed>();
      each(first, last, (s) => {
        for (const p of stretches.get(s) ?? []) if (p.first <= last && first <= p.last) found.add(p);
      });
      return [...found];
    },
  };
}

/** What a loop shares with the steps around it lives as long as all of its rounds. */
function throughLoop(life: [number, number], first: number, last: number): void {
  const [from, to] = life;
  if (to < first || from > last || (from >= first && to <= last)) return;
  life[0] = Math.min(from, first);
  life[1] = Math.max(to, last);
}

/** First and last step of every buffer without a fixed address. */
function lifetimes(steps: readonly Step[]): Map<Buffer, [number, number]> {
  const lives = new Map<Buffer, [number, number]>();
  steps.forEach((step, i) => {
    for (const word of step.words) {
      if (typeof word !== 'object' || !('buffer' in word) || word.buffer.fixed !== undefined) continue;
      const life = lives.get(word.buffer);
      if (life) life[1] = i;
      else lives.set(word.buffer, [i, i]);
    }
  });
  for (const [buffer, life] of lives) {
    if (buffer.given) life[0] = -1;
    if (buffer.kept) life[1] = steps.length;
  }
  steps.forEach(({ repeats }, i) => {
    if (repeats !== undefined) for (const life of lives.values()) throughLoop(life, i + 1, i + repeats);
  });
  return lives;
}
