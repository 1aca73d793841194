/**
 * The residual networks for CIFAR, of depth 6n + 2 (He, Zhang, Ren, Sun: "Deep residual learning for image recognition",
 * 2016, section 4.2): a 3×3 convolution, three stages of n blocks with 16, 32 and 64 channels, the mean over the image, a
 * classifier. He's initialisation; parameter names as in the widely used PyTorch version by Y. Idelbayev.
 */
import { type Builder, type Signal, toTheEnd } from '../build.js';
import { type Shortcut, scale, type ZooNetwork } from './network.js';

interface BlockOptions {
  out: number;
  stride: number;
  shortcut: Shortcut;
  name: string;
}

export const cifarResnet = (depth: number): ZooNetwork => ({
  paper: 'He et al., Deep residual learning for image recognition, 2016 (section 4.2)',
  options: ['shortcut'],
  layers(b, x, { classes, width, shortcut = 'A' }) {
    x = b.conv(x, { out: scale(16, width), kernel: 3, pad: 1, name: 'conv1' });
    x = b.relu(b.batchNorm(x, 'bn1'));
    for (const stage of [1, 2, 3])
      for (let i = 0; i < (depth - 2) / 6; i++) {
        const out = scale(8 * 2 ** stage, width);
        const stride = stage > 1 && i === 0 ? 2 : 1;
        x = block(b, x, { out, stride, shortcut, name: `layer${stage}.${i}` });
      }
    return b.linear(b.flatten(b.globalAveragePool(x)), { out: classes, name: 'linear' });
  },
});

function block(b: Builder, x: Signal, { out, stride, shortcut, name }: BlockOptions): Signal {
  let y = b.conv(x, { out, kernel: 3, stride, pad: 1, name: `${name}.conv1` });
  y = b.relu(b.batchNorm(y, `${name}.bn1`));
  y = b.batchNorm(b.conv(y, { out, kernel: 3, pad: 1, name: `${name}.conv2` }), `${name}.bn2`);
  if (stride === 1 && x.shape[0] === out) return b.relu(b.add(y, x));
  const around = shortcut === 'A' ? subsample : project;
  return b.relu(b.add(y, around(b, x, { out, stride, name: `${name}.shortcut` })));
}

type Around = { out: number; stride: number; name: string };

/** Option A: every second pixel, and zeros for the new channels, half of them before and half after. */
function subsample(b: Builder, x: Signal, { out, stride, name }: Around): Signal {
  const missing = out - x.shape[0];
  const before = Math.floor(missing / 2);
  const pixels = b.slice(x, {
    axes: [2, 3],
    starts: [0, 0],
    ends: [toTheEnd, toTheEnd],
    steps: [stride, stride],
    name: `${name}.slice`,
  });
  return b.pad(pixels, { before: [before, 0, 0], after: [missing - before, 0, 0], name: `${name}.pad` });
}

/** Option B: a 1×1 convolution. */
function project(b: Builder, x: Signal, { out, stride, name }: Around): Signal {
  return b.batchNorm(b.conv(x, { out, kernel: 1, stride, name: `${name}.0` }), `${name}.1`);
}
