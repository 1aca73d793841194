/** The memory plan: what is needed at the same time lies apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Buffer } from './place.js';
import { linesOf, planMemory } from './plan.js';
import type { Step } from './steps.js';

const buffers = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 300 }),
    laned: fc.boolean(),
    given: fc.boolean(),
    kept: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
);
const uses = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 40 });

test('no two buffers that live at the same time overlap', () => {
  fc.assert(
    fc.property(buffers, uses, fc.integer({ min: 1, max: 4 }), (all: Buffer[], steps, blocks) => {
      const program = steps.map(
        (used): Step => ({
          kernel: 'map',
          items: 1,
          words: [7, ...used.map((k) => ({ buffer: all[k % all.length], plus: k % 3 })), { float: 1 }],
        }),
      );
      const { offsets, lines } = planMemory(program, blocks);
      const lives = [...offsets].map(([buffer, from]) => {
        const at = program.flatMap((step, i) =>
          step.words.some((w) => typeof w === 'object' && 'buffer' in w && w.buffer === buffer) ? [i] : [],
        );
        return {
          from,
          to: from + linesOf(buffer, blocks),
          first: buffer.given ? -1 : at[0],
          last: buffer.kept ? steps.length : at.at(-1)!,
        };
      });
      for (const a of lives) {
        assert.ok(a.from >= 0 && a.to <= lines);
        for (const b of lives) {
          if (a === b || a.last < b.first || b.last < a.first) continue;
          assert.ok(a.to <= b.from || b.to <= a.from, 'two live buffers overlap');
        }
      }
      assert.equal(lines, Math.max(0, ...lives.map((life) => life.to)));
    }),
    { seed: 1 },
  );
});

test('a chain needs the memory of two of its links, and fixed buffers none', () => {
  const chain = Array.from({ length: 10 }, (): Buffer => ({ laned: true, size: 100 }));
  const fixed: Buffer = { laned: true, size: 1000, fixed: 5 };
  const steps = chain.slice(1).map((buffer, i) => ({
    kernel: 'map',
    items: 1,
    words: [{ buffer: chain[i] }, { buffer }, { buffer: fixed }],
  }));
  const { offsets, lines } = planMemory(steps, 3);
  assert.equal(lines, 2 * 100 * 3);
  assert.ok(!offsets.has(fixed));
});

test('what is read after the run has memory though no step knows of it', () => {
  const buffer: Buffer = { laned: true, size: 4, given: true };
  assert.equal(planMemory([], 2, [buffer]).lines, 8);
});
