import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildNetwork } from '../../nn/index.js';
import { parseModel, serializeModel } from '../../onnx/index.js';
import { type Card, cardOf, resizeModes, withCard } from './card.js';
import { readLiteral } from './literal.js';

const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 2, seed: 0 });
const saying = (metadata: Record<string, string>): Card => cardOf({ source: { ...graph.source, metadata } });

test('literals of Python and JSON are read', () => {
  const map = (...entries: [string | number, unknown][]) => new Map(entries);
  for (const [text, value] of [
    [`{0: 'person', 1: "driver's cab", 10: 'it\\'s'}`, map([0, 'person'], [1, "driver's cab"], [10, "it's"])],
    ['{"0": "a\\u00e9\\n", "1": null,}', map(['0', 'aé\n'], ['1', null])],
    ["('a', u'b', True, None)", ['a', 'b', true, null]],
    ['[640, 6.4e2, -1_000, .5]', [640, 640, -1000, 0.5]],
    [" [ [ ] , { } , '' ] ", [[], map(), '']],
    ["'\\q\\x41\\U0001F600'", '\\qA😀'],
    ['224', 224],
    ["{'__proto__': 'x'}", map(['__proto__', 'x'])],
  ] as const)
    assert.deepEqual(readLiteral(text), value, text);
  for (const text of [
    ...[
      '',
      '{',
      "{0: 'a'",
      "{0 'a'}",
      '{[1]: 2}',
      "'a",
      "'\\u12'",
      '[1 2]',
      '[,]',
      'person',
      '1 2',
      "{0: 'a'} x",
    ],
    ...['['.repeat(100_000), '{0:'.repeat(100_000), '(('.repeat(50), "'\\U00ffffff'"],
  ])
    assert.equal(readLiteral(text), undefined, text.slice(0, 20));
});

/** A value as Python writes it. */
const python = (value: unknown): string => {
  if (typeof value === 'string') return pythonString(value);
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([k, v]) => `${python(k)}: ${python(v)}`).join(', ')}}`;
  return value === null ? 'None' : value === true ? 'True' : value === false ? 'False' : String(value);
};

function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(
    /[\\\n\r\t]|['"]/g,
    (char) =>
      ({ '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' })[char] ??
      (char === quote ? `\\${char}` : char),
  );
  return quote + escaped + quote;
}

test('whatever Python or JSON writes comes back, and no text of any kind makes the reader throw', () => {
  const words = fc.string({ unit: 'grapheme' });
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      ...[words, fc.integer(), fc.boolean(), fc.constant(null), fc.array(tie('tree'), { maxLength: 4 })],
      fc
        .array(fc.tuple(fc.oneof(words, fc.integer()), tie('tree')), { maxLength: 4 })
        .map((all) => new Map(all)),
    ),
  }));
  fc.assert(fc.property(tree, (value) => assert.deepEqual(readLiteral(python(value)), value)));
  const jsonWords = fc.array(words).map((all) => [JSON.stringify(all), all] as const);
  fc.assert(fc.property(jsonWords, ([text, all]) => assert.deepEqual(readLiteral(text), all)));
  const odd = fc
    .array(fc.constantFrom(...`{}[]():,'"\\ux0 1.e-NoneTrue\n`), { maxLength: 60 })
    .map((all) => all.join(''));
  const key = fc.constantFrom(
    'names',
    'imgsz',
    'task',
    'author',
    '__proto__',
    'espalier.size',
    'espalier.mean',
    'espalier.classes',
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.oneof(odd, words, tree.map(python)))), (entries) => {
      const { classes, mean, size } = saying(Object.fromEntries(entries));
      assert.ok((classes ?? ['a']).every((name) => typeof name === 'string' && name !== ''));
      assert.ok((mean ?? [0]).every(Number.isFinite) && (size ?? [1]).every((side) => side > 0));
    }),
  );
});

test('a card is what was written, and replaces what was there', async () => {
  const side = fc.integer({ min: 1, max: 2000 });
  const channels = fc.record({
    mean: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 }),
    std: fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 3, maxLength: 3 }),
    scale: fc.constantFrom(1, 255),
  });
  const rest = fc.record(
    {
      classes: fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1, maxLength: 5 }),
      size: fc.tuple(side, side),
      layout: fc.constantFrom('NCHW' as const, 'NHWC' as const),
      colors: fc.constantFrom('RGB' as const, 'BGR' as const, 'grey' as const),
      resize: fc.constantFrom(...resizeModes),
    },
    { requiredKeys: [] },
  );
  const older = withCard(graph, { classes: ['x', 'y'], resize: 'pad', mean: [1], std: [1] });
  await fc.assert(
    fc.asyncProperty(channels, rest, async (numbers, others) => {
      const card = { ...numbers, ...others };
      const plus = (value: number) => value + 0; // JSON knows no −0
      const written = { ...card, mean: card.mean.map(plus) };
      const model = withCard(older, written);
      assert.deepEqual(cardOf(await parseModel(serializeModel(model))), written);
    }),
    { numRuns: 30 },
  );
});

test('cards of others are read: Ultralytics, the ONNX standard, plain lists', () => {
  const names = "{0: 'person', 1: 'bicycle', 2: 'traffic light'}";
  const classes = ['person', 'bicycle', 'traffic light'];
  const pixels = { mean: [0], std: [1], scale: 255, colors: 'RGB', layout: 'NCHW' };
  const yolo = {
    author: 'Ultralytics',
    stride: '32',
    task: 'detect',
    batch: '1',
    imgsz: '[640, 480]',
    names,
  };
  assert.deepEqual(saying(yolo), { classes, size: [640, 480], ...pixels, resize: 'pad' });
  assert.deepEqual(saying({ ...yolo, task: 'classify' }).resize, 'crop');
  assert.deepEqual(saying({ stride: '32', names: "['person', 'bicycle', 'traffic light']" }), { classes });
  assert.deepEqual(
    saying({ 'Image.BitmapPixelFormat': 'Bgr8', 'Image.NominalPixelRange': 'Normalized_1_1' }),
    { colors: 'BGR', mean: [0.5], std: [0.5], scale: 255 },
  );
  for (const labels of ['cat\ndog\n', 'cat, dog', '["cat", "dog"]', '{"1": "dog", "0": "cat"}'])
    assert.deepEqual(saying({ labels }), { classes: ['cat', 'dog'] }, labels);
  for (const odd of ["{0: 'a', 2: 'b'}", "{0: 'a', 1: 1.5e", '[]', '', 'one', "{0: ['a']}", "['a', '']"])
    assert.deepEqual(
      saying({ names: odd, imgsz: '[0, -1]', 'Image.NominalPixelRange': 'constructor' }),
      {},
      odd,
    );
  const mine = { ...yolo, 'espalier.classes': '["a","b"]', 'espalier.mean': '[1', 'espalier.std': '[1]' };
  assert.deepEqual([saying(mine).classes, saying(mine).mean], [['a', 'b'], [0]]);
});

test('what others wrote stays, unless it says otherwise', () => {
  const metadata = { names: "{0: 'a', 1: 'b'}", imgsz: '[32, 32]', note: 'mine', 'espalier.scale': '3' };
  const model = { ...graph, source: { ...graph.source, metadata } };
  assert.deepEqual(Object.keys(withCard(model, { classes: ['a', 'b'], resize: 'pad' }).source.metadata), [
    ...['names', 'imgsz', 'note', 'espalier.classes', 'espalier.resize'],
  ]);
  const other = withCard(model, { classes: ['c'], size: [8, 8] });
  assert.deepEqual(Object.keys(other.source.metadata), ['note', 'espalier.classes', 'espalier.size']);
  assert.equal(model.source.metadata.names, metadata.names);
});
