/**
 * MobileNetV2 (Sandler et al.: "MobileNetV2: inverted residuals and linear bottlenecks", 2018): blocks that widen by 1×1,
 * filter each channel by 3×3 and narrow again without a non-linearity. Names, rounding and initialisation are
 * torchvision's: convolutions Kaiming normal by fan_out, the classifier normal with deviation 0.01 and bias 0; its dropout
 * of 0.2 before the classifier is left out.
 *
 * The 'cifar' stem takes the first two of the five strides away, so that 32×32 ends at 4×4.
 */
import type { Builder, Signal } from '../build.js';
import { kaimingNormal, normalOf, zeros } from '../initialize.js';
import { stemFor, type ZooNetwork } from './network.js';

/** Expansion, output channels, repeats, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

export const mobilenetv2: ZooNetwork = {
  paper: 'Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, 2018',
  options: ['stem'],
  initialization: { conv: kaimingNormal({ fan: 'out' }), linear: normalOf(0.01), bias: () => zeros },
  layers(b, x, options) {
    const { width = 1, classes } = options;
    const early = stemFor(options) === 'imagenet' ? 2 : 1;
    x = convolution(b, x, { out: eighths(32 * width), kernel: 3, stride: early, name: 'features.0' });
    let index = 1;
    stages.forEach(([expansion, channels, repeats, stride], stage) => {
      for (let i = 0; i < repeats; i++) {
        const first = stage === 1 ? early : stride;
        const out = eighths(channels * width);
        x = block(b, x, { expansion, out, stride: i ? 1 : first, name: `features.${index++}` });
      }
    });
    x = convolution(b, x, { out: eighths(1280 * Math.max(1, width)), kernel: 1, name: `features.${index}` });
    return b.linear(b.flatten(b.globalAveragePool(x)), { out: classes, name: 'classifier.1' });
  },
};

interface BlockOptions {
  expansion: number;
  out: number;
  stride: number;
  name: string;
}

function block(b: Builder, x: Signal, { expansion, out, stride, name }: BlockOptions): Signal {
  let y = x;
  let index = 0;
  const inner = x.shape[0] * expansion;
  if (expansion > 1) y = convolution(b, y, { out: inner, kernel: 1, name: `${name}.conv.${index++}` });
  y = convolution(b, y, { out: inner, kernel: 3, stride, groups: inner, name: `${name}.conv.${index++}` });
  y = b.conv(y, { out, kernel: 1, name: `${name}.conv.${index++}` });
  y = b.batchNorm(y, `${name}.conv.${index}`);
  return stride === 1 && x.shape[0] === out ? b.add(y, x) : y;
}

interface ConvolutionOptions {
  out: number;
  kernel: number;
  stride?: number;
  groups?: number;
  name: string;
}

/** Convolution that keeps the image's size but for its stride, BatchNormalization, ReLU6. */
function convolution(b: Builder, x: Signal, { name, ...options }: ConvolutionOptions): Signal {
  const pad = (options.kernel - 1) / 2;
  return b.relu6(b.batchNorm(b.conv(x, { ...options, pad, name: `${name}.0` }), `${name}.1`));
}

/** The nearest multiple of 8 that does not lose more than a tenth, at least 8. */
function eighths(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}
