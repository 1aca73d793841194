/** The classes of taps, beside a plain enumeration of all products of a convolution. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Window, windowOutput } from '../../graph/index.js';
import { rowMajor } from './place.js';
import { type Class, classesOf, forwardAxis, repeated, tapTable, transposedAxis } from './taps.js';

const axis = fc.record({
  size: fc.integer({ min: 1, max: 8 }),
  kernel: fc.integer({ min: 1, max: 5 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 3 }),
  before: fc.integer({ min: 0, max: 4 }),
  after: fc.integer({ min: 0, max: 4 }),
});
const geometry = fc
  .array(axis, { minLength: 1, maxLength: 3 })
  .map((axes) => {
    const window: Window = {
      kernel: axes.map((a) => a.kernel),
      strides: axes.map((a) => a.stride),
      dilations: axes.map((a) => a.dilation),
      padsBefore: axes.map((a) => a.before),
      padsAfter: axes.map((a) => a.after),
    };
    const input = axes.map((a) => a.size);
    return { window, input, output: windowOutput(input, window) };
  })
  .filter(({ output }) => output.every((n) => n > 0));

/** All (output, input, tap) of a convolution, as row-major indices. */
function products(w: Window, input: readonly number[], output: readonly number[]): string[] {
  let all = [{ o: 0, i: 0, k: 0 }];
  input.forEach((size, a) => {
    const here: typeof all = [];
    for (let o = 0; o < output[a]; o++)
      for (let k = 0; k < w.kernel[a]; k++) {
        const i = o * w.strides[a] - w.padsBefore[a] + k * w.dilations[a];
        if (i >= 0 && i < size) here.push({ o, i, k });
      }
    all = all.flatMap((x) =>
      here.map((y) => ({ o: x.o * output[a] + y.o, i: x.i * size + y.i, k: x.k * w.kernel[a] + y.k })),
    );
  });
  return all.map(({ o, i, k }) => `${o} ${i} ${k}`).sort();
}

const pairs = (classes: readonly Class[], name: (target: number, source: number, tap: number) => string) =>
  classes
    .flatMap((c) => c.pixels.flatMap((p) => c.taps.map((t) => name(p.target, p.source + t.offset, t.index))))
    .sort();

test('forward and transposed classes hold every product once', () =>
  fc.assert(
    fc.property(geometry, ({ window, input, output }) => {
      const all = products(window, input, output);
      const [from, to] = [rowMajor(input), rowMajor(output)];
      const forward = classesOf(
        input.map((n, a) => forwardAxis(window, a, n, output[a])),
        window.kernel,
        from,
        to,
      );
      assert.deepEqual(
        pairs(forward, (o, i, k) => `${o} ${i} ${k}`),
        all,
      );
      const backward = classesOf(
        input.map((n, a) => transposedAxis(window, a, n, output[a])),
        window.kernel,
        to,
        from,
      );
      assert.deepEqual(
        pairs(backward, (i, o, k) => `${o} ${i} ${k}`),
        all,
      );
      for (const [classes, shape] of [
        [forward, output],
        [backward, input],
      ] as const) {
        const targets = classes.flatMap((c) => c.pixels.map((p) => p.target)).sort((a, b) => a - b);
        assert.deepEqual(
          targets,
          targets.map((_, n) => n),
          'every target is written once',
        );
        assert.equal(
          targets.length,
          shape.reduce((a, b) => a * b, 1),
        );
      }
    }),
    { numRuns: 200, seed: 1 },
  ));

test('repeating over samples shifts sources and targets', () => {
  const classes: Class[] = [
    {
      taps: [{ index: 4, offset: 2 }],
      pixels: [
        { source: 1, target: 0 },
        { source: 3, target: 5 },
      ],
    },
  ];
  const [c] = repeated(classes, [
    [2, 100, 1000],
    [2, 10, 20],
  ]);
  assert.deepEqual(c.taps, classes[0].taps);
  assert.deepEqual(
    c.pixels.map((p) => [p.source, p.target]),
    [
      [1, 0],
      [3, 5],
      [11, 20],
      [13, 25],
      [101, 1000],
      [103, 1005],
      [111, 1020],
      [113, 1025],
    ],
  );
});

test('the table is what the kernels read', () => {
  const classes: Class[] = [
    { taps: [{ index: 4, offset: 2 }], pixels: [{ source: 1, target: 0 }] },
    {
      taps: [],
      pixels: [
        { source: 0, target: 7 },
        { source: 0, target: 8 },
      ],
    },
  ];
  const table = tapTable(classes);
  const read = Array.from({ length: table[0] }, (_, n) => {
    const [taps, firstTap, pixels, firstPixel] = table.subarray(1 + 4 * n);
    const two = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => [...table.subarray(from + 2 * i, from + 2 * i + 2)]);
    return { taps: two(firstTap, taps), pixels: two(firstPixel, pixels) };
  });
  assert.deepEqual(read, [
    { taps: [[2, 4]], pixels: [[1, 0]] },
    {
      taps: [],
      pixels: [
        [0, 7],
        [0, 8],
      ],
    },
  ]);
});
