/**
 * Conv-2, 4, 6 (Frankle, Carbin: "The lottery ticket hypothesis", 2019) and Conv-8 (Ramanujan et al., 2020): scaled-down
 * VGGs, pairs of 3×3 convolutions and a max-pool, then two hidden layers of 256. No BatchNormalization; Glorot's normal
 * initialisation, as in the paper.
 */
import { glorot } from '../initialize.js';
import { scale, type ZooNetwork } from './network.js';

export const conv = (depth: 2 | 4 | 6 | 8): ZooNetwork => ({
  paper:
    depth === 8
      ? "Ramanujan et al., What's hidden in a randomly weighted neural network?, 2020"
      : 'Frankle & Carbin, The lottery ticket hypothesis, 2019',
  options: [],
  initialization: glorot,
  layers(b, x, { classes, width }) {
    for (let i = 0; i < depth; i++) {
      const out = scale(64 * 2 ** Math.floor(i / 2), width);
      x = b.relu(b.conv(x, { out, kernel: 3, pad: 1, bias: true, name: `conv${i + 1}` }));
      if (i % 2) x = b.maxPool(x, { kernel: 2 });
    }
    x = b.flatten(x);
    for (const name of ['fc1', 'fc2']) x = b.relu(b.linear(x, { out: scale(256, width), name }));
    return b.linear(x, { out: classes, name: 'fc3' });
  },
});
