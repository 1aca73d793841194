/**
 * ResNet-18 and ResNet-50 (He, Zhang, Ren, Sun: "Deep residual learning for image recognition", 2016) with projection
 * shortcuts, the stride of a bottleneck in its 3×3 convolution, and torchvision's names and initialisation: convolutions
 * Kaiming normal by fan_out, the classifier PyTorch's default.
 *
 * The 'imagenet' stem is a 7×7 convolution of stride 2 and a max-pool, the 'cifar' stem one 3×3 convolution.
 */
import type { Builder, Signal } from '../build.js';
import { kaimingNormal, pytorch } from '../initialize.js';
import { scale, stemFor, type ZooNetwork } from './network.js';

interface BlockOptions {
  /** Channels of the 3×3 convolutions. */
  inner: number;
  stride: number;
  name: string;
}

const depths = {
  18: { blocks: [2, 2, 2, 2], expansion: 1, body: basic },
  50: { blocks: [3, 4, 6, 3], expansion: 4, body: bottleneck },
};

export const resnet = (depth: 18 | 50): ZooNetwork => ({
  paper: 'He et al., Deep residual learning for image recognition, 2016',
  options: ['stem'],
  initialization: { ...pytorch, conv: kaimingNormal({ fan: 'out' }) },
  layers(b, x, options) {
    const { blocks, expansion, body } = depths[depth];
    const large = stemFor(options) === 'imagenet';
    const entry = large ? { kernel: 7, stride: 2, pad: 3 } : { kernel: 3, pad: 1 };
    x = b.conv(x, { ...entry, out: scale(64, options.width), name: 'conv1' });
    x = b.relu(b.batchNorm(x, 'bn1'));
    if (large) x = b.maxPool(x, { kernel: 3, stride: 2, pad: 1, name: 'maxpool' });
    blocks.forEach((count, stage) => {
      const inner = scale(64 * 2 ** stage, options.width);
      for (let i = 0; i < count; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        const name = `layer${stage + 1}.${i}`;
        const y = body(b, x, { inner, stride, name });
        x = b.relu(b.add(y, shortcut(b, x, { out: inner * expansion, stride, name: `${name}.downsample` })));
      }
    });
    return b.linear(b.flatten(b.globalAveragePool(x)), { out: options.classes, name: 'fc' });
  },
});

function shortcut(
  b: Builder,
  x: Signal,
  { out, stride, name }: { out: number; stride: number; name: string },
) {
  if (stride === 1 && x.shape[0] === out) return x;
  return b.batchNorm(b.conv(x, { out, kernel: 1, stride, name: `${name}.0` }), `${name}.1`);
}

function basic(b: Builder, x: Signal, { inner: out, stride, name }: BlockOptions): Signal {
  x = b.conv(x, { out, kernel: 3, stride, pad: 1, name: `${name}.conv1` });
  x = b.relu(b.batchNorm(x, `${name}.bn1`));
  return b.batchNorm(b.conv(x, { out, kernel: 3, pad: 1, name: `${name}.conv2` }), `${name}.bn2`);
}

function bottleneck(b: Builder, x: Signal, { inner, stride, name }: BlockOptions): Signal {
  x = b.relu(b.batchNorm(b.conv(x, { out: inner, kernel: 1, name: `${name}.conv1` }), `${name}.bn1`));
  x = b.conv(x, { out: inner, kernel: 3, stride, pad: 1, name: `${name}.conv2` });
  x = b.relu(b.batchNorm(x, `${name}.bn2`));
  return b.batchNorm(b.conv(x, { out: inner * 4, kernel: 1, name: `${name}.conv3` }), `${name}.bn3`);
}
