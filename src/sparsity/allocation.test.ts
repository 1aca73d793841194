import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { allocate, claims } from './allocation.js';

const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

function vgg19(): number[][] {
  const widths = [64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512];
  return [...widths.map((width, l) => [width, widths[l - 1] ?? 3, 3, 3]), [10, 512]];
}

function bottleneckResnet50(): number[][] {
  const shapes = [[64, 3, 3, 3]];
  let input = 64;
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const width = 64 << stage;
    for (let block = 0; block < blocks; block++) {
      shapes.push([width, input, 1, 1], [width, width, 3, 3], [4 * width, width, 1, 1]);
      if (block === 0) shapes.push([4 * width, input, 1, 1]);
      input = 4 * width;
    }
  });
  return [...shapes, [10, 2048]];
}

function erk(shapes: number[][], density: number) {
  const sizes = shapes.map(claims.uniform);
  const total = Math.round(density * sizes.reduce((a, b) => a + b));
  const shares = shapes.map((shape, l) => ({ shape, available: sizes[l] }));
  const { kept, epsilon } = allocate('erk', shares, total);
  assert.equal(
    kept.reduce((a, b) => a + b),
    total,
  );
  const densities = kept.map((n, l) => n / sizes[l]);
  const dense = densities.flatMap((d, l) => (d === 1 ? [l] : []));
  return { epsilon, densities, dense, size: sizes.reduce((a, b) => a + b) };
}

test('ERK of VGG-19 at density 0.5', () => {
  const { epsilon, densities, dense, size } = erk(vgg19(), 0.5);
  assert.equal(size, 20_024_000);
  near(epsilon, 991.0036, 1e-3);
  assert.deepEqual(dense, [0, 1, 2, 3, 4, 16]);
  [5, 6, 7].forEach((l) => {
    near(densities[l], 0.8703, 5e-5);
  });
  near(densities[8], 0.6502, 5e-5);
  for (let l = 9; l < 16; l++) near(densities[l], 0.4326, 5e-5);
});

test('ERK of VGG-19 at density 0.1', () => {
  const { epsilon, densities, dense } = erk(vgg19(), 0.1);
  near(epsilon, 189.6552, 1e-3);
  assert.deepEqual(dense, [0, 16]);
  [0.6894, 0.5093, 0.337, 0.2508, 0.1666, 0.1666, 0.1666, 0.1244].forEach((expected, l) => {
    near(densities[l + 1], expected, 6e-5);
  });
  for (let l = 9; l < 16; l++) near(densities[l], 0.0828, 5e-5);
});

test('ERK of the bottleneck ResNet-50', () => {
  const half = erk(bottleneckResnet50(), 0.5);
  assert.equal(half.size, 23_467_712);
  near(half.epsilon, 299.985, 1e-3);
  assert.equal(half.dense.length, 33);
  near(Math.min(...half.densities), 0.131, 5e-5);
  const tenth = erk(bottleneckResnet50(), 0.1);
  near(tenth.epsilon, 47.2966, 1e-3);
  assert.equal(tenth.dense.length, 3);
  assert.equal(erk(bottleneckResnet50(), 0.02).dense.length, 0);
});

test('uniform gives every layer the same density', () => {
  const shares = [
    { shape: [10, 10], available: 100 },
    { shape: [5, 4, 2, 1], available: 40 },
  ];
  assert.deepEqual(allocate('uniform', shares, 35).kept, [25, 10]);
});

test('what cannot be kept is a defect of the caller', () => {
  assert.throws(() => allocate('uniform', [{ shape: [4], available: 3 }], 4), RangeError);
});

test('counts add up, respect what is there, and lie within one of ε times the claim', () => {
  const layer = fc.tuple(
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  const arbitrary = fc.record({
    name: fc.constantFrom('uniform' as const, 'erk' as const),
    layers: fc.array(layer, { minLength: 1, maxLength: 8 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(arbitrary, ({ name, layers, share }) => {
      const shares = layers.map(([shape, left]) => ({
        shape,
        available: Math.round(left * claims.uniform(shape)),
      }));
      const total = Math.round(share * shares.reduce((sum, s) => sum + s.available, 0));
      const { kept, epsilon } = allocate(name, shares, total);
      assert.equal(
        kept.reduce((a, b) => a + b),
        total,
      );
      kept.forEach((n, l) => {
        const { shape, available } = shares[l];
        assert.ok(Number.isInteger(n) && n >= 0 && n <= available);
        near(n, Math.min(available, epsilon * claims[name](shape)), 1 + 1e-9);
      });
    }),
    { numRuns: 500 },
  );
});
