/** Tries inputs, one after another, and says of each how it went: 'works', 'refused', or a finding. A process of its own. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { UserError } from '../../dist/base/errors.js';
import { emptied, findChannels, shrink } from '../../dist/channels/index.js';
import { openNpz } from '../../dist/data/npz.js';
import { pixelsOfPicture, refuseBroken } from '../../dist/data/picture.js';
import { loadNetwork, openMachine } from '../../dist/engine/index.js';
import { inferTypes } from '../../dist/graph/facts/infer.js';
import { summarize } from '../../dist/graph/facts/summary.js';
import { parseModel } from '../../dist/onnx/parse.js';
import { serializeModel } from '../../dist/onnx/serialize.js';
import { sizeOf } from '../../dist/onnx/tensor.js';
import { readRecipe, resolveRecipe } from '../../dist/runs/recipe.js';
import { modelOf } from '../../dist/runtime/model.js';
import { pack, unpack } from '../../dist/runtime/pack.js';
import { chance } from './chance.mjs';
import { damage, modelFrom, mutate } from './models.mjs';

const machine = await openMachine({ threads: 1 });
const file = join(tmpdir(), `espalier-fuzz-${process.pid}`);
const say = (what) => process.send(what);

/** Runs a part; what is refused in a sentence is undefined, everything else that is thrown goes on as a finding. */
async function refusable(part) {
  try {
    return await part();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (/\n|\p{Cc}/u.test(error.message) || error.message.length > 2000)
      throw new Error(`no sentence: ${error.message.slice(0, 300)}`);
    return undefined;
  }
}

const shapeIn = (graph, name) => {
  try {
    return inferTypes(graph).types.get(name)?.shape;
  } catch {
    return undefined;
  }
};

function valid(draw) {
  for (;;) {
    try {
      const graph = modelFrom(draw, shapeIn);
      const whole = [...graph.initializers.values()].every(({ shape }) => shape.every(Number.isInteger));
      if (whole) return graph;
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError || error instanceof UserError))
        throw error;
    }
  }
}

/** Random numbers for every input; undefined where an input's shape is open or vast. */
function feedsOf(graph, draw) {
  const feeds = {};
  for (const { name, dtype, shape } of graph.inputs) {
    const dims = shape?.map((dim, axis) =>
      typeof dim === 'number' && dim > 0 ? dim : axis === 0 ? 1 : Number.NaN,
    );
    const size = dims ? sizeOf(dims) : Number.NaN;
    if (!(size <= 1e6)) return undefined;
    const whole = dtype !== 'float32' && dtype !== 'float64';
    feeds[name] = {
      dims,
      dtype,
      data: Float32Array.from({ length: size }, () => (whole ? draw.upTo(2) : draw.next() * 2 - 1)),
    };
  }
  return feeds;
}

const plain = (feeds) => Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, data]));

/** Numbers of an output that are compared at the most. */
const VAST = 1e7;

async function ran(graph, feeds) {
  const model = await modelOf(graph, { machine });
  try {
    // What is vast is left to espalier: copies of it would fill the memory of this process.
    if ([...model.outputs.values()].some((shape) => sizeOf(shape) > VAST)) return undefined;
    const copy = await model.run(plain(feeds));
    return Object.fromEntries(
      Object.entries(copy).map(([name, data]) => [
        name,
        { data: Float32Array.from(data, Number), shape: [...model.outputs.get(name)] },
      ]),
    );
  } finally {
    await model.close();
  }
}

async function inEngine(graph, feeds) {
  const network = loadNetwork(graph, { machine });
  try {
    const batch = Math.max(1, ...Object.values(feeds).map(({ dims }) => dims[0] ?? 1));
    const open = graph.inputs.every(({ shape }) => typeof shape?.[0] !== 'number');
    const run = network.inference({ batch: open ? 1 : batch });
    const results = await run.run(plain(feeds), open ? 1 : batch);
    return Object.fromEntries(
      Object.entries(results).map(([name, data]) => [name, { data: Float32Array.from(data, Number) }]),
    );
  } finally {
    network.close();
  }
}

async function inOnnxruntime(bytes, feeds) {
  const session = await InferenceSession.create(bytes, {
    logSeverityLevel: 4,
    graphOptimizationLevel: 'disabled',
  });
  const arrays = {
    float32: Float32Array,
    float64: Float64Array,
    int8: Int8Array,
    uint8: Uint8Array,
    int16: Int16Array,
    uint16: Uint16Array,
    int32: Int32Array,
    uint32: Uint32Array,
    bool: Uint8Array,
  };
  const given = Object.entries(feeds).map(([name, { dims, dtype, data }]) => {
    const cells =
      dtype === 'int64'
        ? BigInt64Array.from(data, BigInt)
        : dtype === 'uint64'
          ? BigUint64Array.from(data, BigInt)
          : arrays[dtype].from(data);
    return [name, new Tensor(dtype, cells, dims)];
  });
  try {
    const found = await session.run(Object.fromEntries(given));
    return Object.fromEntries(
      Object.entries(found).map(([name, { data, dims }]) => [
        name,
        { data: Float32Array.from(data, Number), shape: [...dims] },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** The first place where two results differ by more than rounding; nothing where either is beyond what floats can say. */
function difference(one, other) {
  for (const [name, { data, shape }] of Object.entries(one)) {
    const wanted = other[name];
    // The engine gives what does not depend on the inputs once, not for every sample.
    if (!wanted || (!shape && wanted.shape?.[0] * data.length === wanted.data.length)) continue;
    if (data.length !== wanted.data.length)
      return `${name} has ${data.length} elements, not ${wanted.data.length}`;
    if (shape && wanted.shape && `${shape}` !== `${wanted.shape}`)
      return `${name} has shape [${shape}], not [${wanted.shape}]`;
    const scale = wanted.data.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    if (!(scale < 1e6) || data.some((x) => !Number.isFinite(x))) continue;
    const at = data.findIndex((x, i) => Math.abs(x - wanted.data[i]) > 1e-3 * scale);
    if (at >= 0) return `${name}[${at}] is ${data[at]}, not ${wanted.data[at]}`;
  }
  return undefined;
}

/** Operators after which a tiny difference may become a large one. */
const unsteady = new Set([
  'Floor',
  'Ceil',
  'Round',
  'Sign',
  'ArgMax',
  'ArgMin',
  'Cast',
  'QuantizeLinear',
  'Greater',
  'Less',
  'Equal',
  'Mod',
  'Div',
  'Reciprocal',
  'BatchNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'GroupNormalization',
  'Sin',
  'Cos',
  'Tan',
  'Dropout',
]);

async function tryModel(bytes, draw) {
  say({ phase: 'parse' });
  const graph = await refusable(() => parseModel(bytes, { name: 'fuzz.onnx' }));
  if (!graph) return 'refused';
  say({ phase: 'inspect' });
  const summary = await refusable(() => summarize(graph));
  say({ phase: 'channels' });
  const channels = await refusable(() => findChannels(graph));
  say({ phase: 'pack' });
  await refusable(async () => {
    const again = await unpack(await pack(graph));
    if (serializeModel(again).length !== serializeModel(graph).length)
      throw new Error('a packed model is another one');
  });
  const feeds = feedsOf(graph, draw);
  if (!feeds) return summary ? 'works' : 'refused';
  say({ phase: 'runtime' });
  const results = await refusable(() => ran(graph, feeds));
  say({ phase: 'engine' });
  const others = await refusable(() => inEngine(graph, feeds));
  if (results && others) {
    const off = difference(others, results);
    if (off && !graph.nodes.some(({ op }) => unsteady.has(op)))
      return { finding: 'engine and runtime differ', detail: off };
  }
  if (channels && channels.groups.length > 0) {
    say({ phase: 'shrink' });
    await refusable(() => {
      const selection = new Map(
        channels.groups.map(({ name, size }) => [name, Array.from({ length: size }, () => draw.often(0.5))]),
      );
      for (let empty = emptied(channels, selection); empty.length > 0; empty = emptied(channels, selection))
        selection.get(empty[0][0])[0] = true;
      return shrink(graph, channels, selection);
    });
  }
  if (!results) return 'refused';
  // espalier takes a dimension of 0 for an open one, and onnxruntime for one of no elements.
  if (graph.inputs.some(({ shape }) => shape?.includes(0))) return 'works';
  say({ phase: 'onnxruntime' });
  const expected = await inOnnxruntime(serializeModel(graph), feeds).catch((error) => `${error.message}`);
  if (typeof expected === 'string') {
    const young =
      /NOT_IMPLEMENTED|opset|is not a registered|No Op registered|has input size|not in allowed output sizes|does not match expected type|NumDimensions\(\) == 4|should be scalars|Unsupported pooling|must ha|At least one output|only supports|zero effective|Invalid input shape. Only|got 0|Invalid position of 0|Unrecognized attribute|marked single but|not implemented|under development|Unsupported model IR/i.test(
        expected,
      );
    return young
      ? 'works'
      : { finding: 'onnxruntime refuses what is computed', detail: expected.slice(0, 400) };
  }
  const off = difference(results, expected);
  return off && !graph.nodes.some(({ op }) => unsteady.has(op))
    ? { finding: 'not as onnxruntime', detail: off }
    : 'works';
}

const kinds = {
  valid: (draw) => tryModel(serializeModel(valid(draw)), draw),
  mutated(draw) {
    const graph = valid(draw);
    mutate(graph, draw);
    return tryModel(serializeModel(graph), draw);
  },
  bytes: (draw) => tryModel(damage(serializeModel(valid(draw)), draw), draw),
  async packed(draw) {
    const bytes = await pack(valid(draw), { values: draw.pick('float32', 'float16') });
    return (await refusable(() => unpack(damage(bytes, draw)))) ? 'works' : 'refused';
  },
  async npz(draw) {
    const header = (descr, shape) => {
      const text =
        `{'descr': '${descr}', 'fortran_order': ${draw.pick('False', 'False', 'True')}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`.padEnd(
          117,
        );
      return Uint8Array.of(0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0, ...Buffer.from(text), 10);
    };
    const npy = (descr, shape, bytes) => Uint8Array.of(...header(descr, shape), ...new Uint8Array(bytes));
    const n = draw.among(12);
    const shape = draw.pick([n, 5], [n, 3, 4, 4], [n], [n, 2 ** 31, 2 ** 31], [n, 0]);
    const type = draw.pick('<f4', '|u1', '<i8', '<f8', '>f4', '|O');
    const members = {
      'x.npy': npy(type, shape, draw.often(0.8) ? Math.min(1e5, sizeOf(shape) * Number(type[2] || 1)) : 7),
      'y.npy': npy('<i8', [n], 8 * n),
    };
    await writeFile(file, damageSome(zipSync(members), draw));
    return (await refusable(() => openNpz(file))) ? 'works' : 'refused';
  },
  async picture(draw) {
    const format = draw.pick('png', 'jpeg', 'webp', 'gif');
    const raw = { width: draw.among(20), height: draw.among(20), channels: 3 };
    const bytes = await sharp(new Uint8Array(raw.width * raw.height * 3).fill(draw.upTo(256)), { raw })
      [format]()
      .toBuffer();
    const changed = damageSome(bytes, draw);
    if (format === 'png' && draw.often(0.3))
      new DataView(changed.buffer, changed.byteOffset).setUint32(16, draw.pick(0, 2 ** 31 - 1, 65536));
    await writeFile(file, changed);
    return (await refusable(() => pixelsOfPicture(file, 224).catch((error) => refuseBroken(file, error))))
      ? 'works'
      : 'refused';
  },
  async recipe(draw) {
    const keys = [
      'model',
      'data',
      'method',
      'sparsity',
      'epochs',
      'lr',
      'batch',
      'seed',
      'rounds',
      'macs',
      'unknown',
      '__proto__',
      'constructor',
    ];
    const value = () =>
      draw.pick(
        '1e999',
        '-1',
        '0',
        '[]',
        '{}',
        'null',
        '"x"',
        '1.5',
        'true',
        '9007199254740993',
        '"resnet20"',
        '!!js/function f',
        '&a [*a]',
        '[1, 2',
        '"\\u0000"',
        '2020-01-01',
      );
    const text = Array.from({ length: draw.among(6) }, () => `${draw.pick(...keys)}: ${value()}`).join('\n');
    await writeFile(`${file}.yaml`, draw.often(0.3) ? damage(Buffer.from(text), draw) : text);
    return (await refusable(async () =>
      resolveRecipe(draw.pick('train', 'prune'), await readRecipe(`${file}.yaml`), '0'),
    ))
      ? 'works'
      : 'refused';
  },
};

const damageSome = (bytes, draw) => (draw.often(0.7) ? damage(bytes, draw) : Uint8Array.from(bytes));

const drawnKinds = [
  ...Array(6).fill('valid'),
  ...Array(12).fill('mutated'),
  ...Array(4).fill('bytes'),
  'packed',
  'packed',
  'npz',
  'picture',
  'recipe',
];

process.on('message', async ({ seed, corpus }) => {
  const draw = chance(seed);
  const kind = draw.pick(...drawnKinds);
  try {
    const outcome = corpus
      ? await tryModel(new Uint8Array(await readFile(corpus)), draw)
      : await kinds[kind](draw);
    const memory = process.memoryUsage().rss;
    say({ done: typeof outcome === 'string' ? { outcome } : outcome, kind, memory });
  } catch (error) {
    const defect = error instanceof Error ? error : new Error(String(error));
    say({
      done: { finding: `${defect.name}: ${defect.message}`.slice(0, 200), detail: defect.stack },
      kind,
      memory: process.memoryUsage().rss,
    });
  }
});
process.on('disconnect', async () => {
  await Promise.all([file, `${file}.yaml`].map((path) => rm(path, { force: true })));
  process.exit(0);
});
say({ ready: true });
