/**
 * LeNet-5 (LeCun, Bottou, Bengio, Haffner: "Gradient-based learning applied to document recognition", 1998) as it is
 * written today: ReLU for tanh, max-pooling for trained subsampling, full connections between its convolutions.
 * Its 32×32 frame is kept for 28×28 digits by a padding of 2.
 */
import { scale, type ZooNetwork } from './network.js';

export const lenet5: ZooNetwork = {
  paper: 'LeCun et al., Gradient-based learning applied to document recognition, 1998',
  options: [],
  layers(b, x, { shape: [, height, breadth], classes, width }) {
    const pad = Math.min(height, breadth) < 32 ? 2 : 0;
    x = b.relu(b.conv(x, { out: scale(6, width), kernel: 5, pad, bias: true, name: 'conv1' }));
    x = b.maxPool(x, { kernel: 2 });
    x = b.relu(b.conv(x, { out: scale(16, width), kernel: 5, bias: true, name: 'conv2' }));
    x = b.flatten(b.maxPool(x, { kernel: 2 }));
    x = b.relu(b.linear(x, { out: scale(120, width), name: 'fc1' }));
    x = b.relu(b.linear(x, { out: scale(84, width), name: 'fc2' }));
    return b.linear(x, { out: classes, name: 'fc3' });
  },
};
