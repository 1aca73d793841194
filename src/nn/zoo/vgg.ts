/**
 * VGG-16 and VGG-19 with BatchNormalization and the head used on CIFAR (Simonyan, Zisserman: "Very deep convolutional
 * networks for large-scale image recognition", 2015; head as in Liu et al., "Rethinking the value of network pruning",
 * 2019): 3×3 convolutions without bias in five groups, a max-pool between groups, the mean over what is left of the image
 * (2×2 of 32×32), one linear layer. He's initialisation; parameters numbered as in torchvision.
 */
import { scale, type ZooNetwork } from './network.js';

const groups = { 16: [2, 2, 3, 3, 3], 19: [2, 2, 4, 4, 4] };
const channels = [64, 128, 256, 512, 512];

export const vgg = (depth: 16 | 19): ZooNetwork => ({
  paper: 'Simonyan & Zisserman, Very deep convolutional networks for large-scale image recognition, 2015',
  options: [],
  layers(b, x, { classes, width }) {
    let index = 0;
    groups[depth].forEach((convolutions, group) => {
      if (group > 0) x = b.maxPool(x, { kernel: 2, name: `features.${index++}` });
      for (let i = 0; i < convolutions; i++, index += 3) {
        const name = `features.${index}`;
        x = b.conv(x, { out: scale(channels[group], width), kernel: 3, pad: 1, name });
        x = b.relu(b.batchNorm(x, `features.${index + 1}`));
      }
    });
    return b.linear(b.flatten(b.globalAveragePool(x)), { out: classes, name: 'classifier' });
  },
});
