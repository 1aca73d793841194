import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createSpace } from './space.js';

test('blocks lie inside, never overlap, and everything given back makes one hole again', () => {
  const step = fc.record({ lines: fc.integer({ min: 1, max: 200 }), give: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const space = createSpace(3, 1003);
      const taken: { line: number; lines: number }[] = [];
      for (const { lines, give, which } of steps) {
        if (give && taken.length) {
          const [block] = taken.splice(which % taken.length, 1);
          assert.equal(space.give(block.line), block.lines);
        } else {
          const line = space.take(lines);
          if (line === undefined) continue;
          assert.ok(line >= 3 && line + lines <= 1003);
          assert.ok(lines < 64 || line % 64 === 0);
          for (const other of taken)
            assert.ok(line + lines <= other.line || other.line + other.lines <= line, 'two blocks overlap');
          taken.push({ line, lines });
        }
        assert.equal(space.free(), 1000 - taken.reduce((sum, block) => sum + block.lines, 0));
      }
      for (const block of taken) space.give(block.line);
      assert.equal(space.take(1003 - 64), 64, 'the holes did not grow together');
    }),
  );
});

test('no hole, no block; no block, no giving back', () => {
  const space = createSpace(0, 10);
  assert.equal(space.take(11), undefined);
  assert.equal(space.take(10), 0);
  assert.equal(space.take(1), undefined);
  space.give(0);
  assert.throws(() => space.give(0), RangeError);
});
