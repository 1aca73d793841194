/** Random geometry for the operators that have much of it, against onnxruntime. */
import { test } from 'node:test';
import fc from 'fast-check';
import { type Attribute, int, intList, string } from '../../onnx/index.js';
import { caseAgrees, type Given } from './against.test.fixture.js';

const runs = { numRuns: 40, seed: 20240607 };
const f = (...shape: number[]): Given => ({ shape });
const fixed = (given: Given): Given => ({ ...given, fixed: true });
const ints = (values: number[]): Given => ({ shape: [values.length], values, dtype: 'int64', fixed: true });

const upTo = (max: number, min = 1) => fc.integer({ min, max });
const two = (max: number, min = 1) => fc.tuple(upTo(max, min), upTo(max, min)).map((pair): number[] => pair);
const four = (max: number) =>
  fc.tuple(upTo(max, 0), upTo(max, 0), upTo(max, 0), upTo(max, 0)).map((pads): number[] => pads);

/** Attributes of a window, with explicit padding or (without dilation, as in onnxruntime) an automatic one. */
const geometry = (mostPadding: number) =>
  fc.record({
    kernel: two(3, 2),
    strides: two(3),
    dilations: two(2),
    pads: four(mostPadding),
    auto: fc.constantFrom('NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
    size: two(11, 6),
  });

type Geometry = typeof geometry extends (n: number) => fc.Arbitrary<infer G> ? G : never;

function attributesOf({ strides, dilations, pads, auto }: Geometry): Record<string, Attribute> {
  const padding: Record<string, Attribute> =
    auto === 'NOTSET' ? { pads: intList(pads) } : { auto_pad: string(auto) };
  return {
    strides: intList(strides),
    ...padding,
    ...(auto === 'NOTSET' ? { dilations: intList(dilations) } : {}),
  };
}

const sweep = <T>(name: string, arbitrary: fc.Arbitrary<T>, check: (value: T) => Promise<void>): void => {
  test(name, () => fc.assert(fc.asyncProperty(arbitrary, check), runs));
};

sweep('Conv', fc.tuple(geometry(3), upTo(3), fc.boolean()), ([g, group, computed]) => {
  const w = f(3 * group, 2, ...g.kernel);
  const inputs = [f(2, 2 * group, ...g.size), computed ? w : fixed(w), fixed(f(3 * group))];
  return caseAgrees(
    { op: 'Conv', opset: 11, inputs, attributes: { ...attributesOf(g), group: int(group) } },
    2e-5,
  );
});

sweep('ConvTranspose', fc.tuple(geometry(1), upTo(2)), ([g, group]) => {
  const inputs = [f(2, 2 * group, ...g.size), fixed(f(2 * group, 3, ...g.kernel))];
  const attributes = { ...attributesOf({ ...g, dilations: [1, 1] }), group: int(group) };
  return caseAgrees({ op: 'ConvTranspose', opset: 11, inputs, attributes }, 2e-5);
});

sweep('MaxPool', fc.tuple(geometry(1), fc.boolean()), ([g, ceil]) => {
  const attributes = { ...attributesOf(g), kernel_shape: intList(g.kernel), ceil_mode: int(Number(ceil)) };
  return caseAgrees({ op: 'MaxPool', opset: 12, inputs: [f(1, 2, ...g.size)], attributes });
});

sweep('AveragePool', fc.tuple(geometry(1), fc.boolean(), fc.boolean()), ([g, ceil, counted]) => {
  const attributes = {
    ...attributesOf(g),
    kernel_shape: intList(g.kernel),
    ceil_mode: int(Number(ceil)),
    count_include_pad: int(Number(counted)),
  };
  return caseAgrees({ op: 'AveragePool', opset: 19, inputs: [f(1, 2, ...g.size)], attributes });
});

const transforms = ['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'];
const resize = fc.record({
  size: two(9, 2),
  to: two(14),
  mode: fc.constantFrom('nearest', 'linear', 'cubic'),
  transform: fc.constantFrom(...transforms),
  rounding: fc.constantFrom('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
  bySize: fc.boolean(),
});
sweep('Resize', resize, ({ size, to, mode, transform, rounding, bySize }) => {
  const attributes: Record<string, Attribute> = {
    mode: string(mode),
    coordinate_transformation_mode: string(transform),
    nearest_mode: string(rounding),
  };
  const scales = [1, 1, ...to.map((n, i) => Math.fround((n + 0.3) / size[i]))];
  const target = bySize ? [undefined, ints([1, 2, ...to])] : [{ shape: [4], values: scales, fixed: true }];
  return caseAgrees(
    { op: 'Resize', opset: 13, inputs: [f(1, 2, ...size), undefined, ...target], attributes },
    1e-4,
  );
});

const slice = fc.record({
  size: two(9, 2),
  starts: two(14, -14),
  ends: two(14, -14),
  steps: fc.tuple(fc.constantFrom(1, 2, -1, -3), fc.constantFrom(1, 3, -2)).map((pair): number[] => pair),
});
const kept = (size: number, start: number, end: number, step: number): number => {
  const list = Array.from({ length: size }, (_, i) => i);
  const place = (n: number) => (n < 0 ? n + size : n);
  return list.filter((i) =>
    step > 0 ? i >= place(start) && i < place(end) : i <= place(start) && i > place(end),
  ).length;
};
sweep('Slice', slice, async ({ size, starts, ends, steps }) => {
  // onnxruntime takes no inputs or outputs without elements here.
  fc.pre(size.every((n, i) => kept(n, starts[i], ends[i], steps[i]) > 0));
  await caseAgrees({
    op: 'Slice',
    opset: 13,
    inputs: [f(2, ...size), ...[starts, ends, [1, 2], steps].map(ints)],
  });
});

const pad = fc.record({
  size: two(6, 3),
  pads: fc.tuple(upTo(4, -1), upTo(4, -1), upTo(4, -1), upTo(4, -1)).map((list): number[] => list),
  mode: fc.constantFrom('constant', 'reflect', 'edge', 'wrap'),
});
sweep('Pad', pad, async ({ size, pads, mode }) => {
  const inside = pads
    .map((n, i) => Math.min(n, size[i % 2] - 1))
    .map((n) => (mode === 'constant' ? n : Math.max(0, n)));
  const list = [0, ...inside.slice(0, 2), 0, ...inside.slice(2)];
  await caseAgrees({
    op: 'Pad',
    opset: 19,
    inputs: [f(2, ...size), ints(list)],
    attributes: { mode: string(mode) },
  });
});
