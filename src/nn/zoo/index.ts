/** The zoo: networks by name. */
import { fail, nearest } from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import { cifarResnet } from './cifar-resnet.js';
import { conv } from './conv.js';
import { lenet5 } from './lenet.js';
import { mobilenetv2 } from './mobilenet.js';
import { build, type NetworkOptions, type ZooNetwork } from './network.js';
import { resnet } from './resnet.js';
import { vgg } from './vgg.js';

/** The networks that {@link buildNetwork} can make, by name, each with the paper that describes it. */
export const zoo: Record<string, ZooNetwork> = {
  lenet5,
  conv2: conv(2),
  conv4: conv(4),
  conv6: conv(6),
  conv8: conv(8),
  resnet8: cifarResnet(8),
  resnet20: cifarResnet(20),
  resnet32: cifarResnet(32),
  resnet44: cifarResnet(44),
  resnet56: cifarResnet(56),
  resnet110: cifarResnet(110),
  vgg16: vgg(16),
  vgg19: vgg(19),
  resnet18: resnet(18),
  resnet50: resnet(50),
  mobilenetv2,
};

/**
 * A network of the zoo with its first weights: 'input' [N, C, H, W] → 'logits' [N, classes].
 *
 * @throws UserError where the name is unknown, an option is out of range or not the network's, or the images are too
 * small for it.
 */
export function buildNetwork(name: string, options: NetworkOptions): Graph {
  const network = Object.hasOwn(zoo, name) ? zoo[name] : unknown(name);
  check(name, network, options);
  return build(name, network, options);
}

function unknown(name: string): never {
  const names = Object.keys(zoo);
  const guess = nearest(name, names);
  const hint = guess ? ` (did you mean ${guess}?)` : '';
  fail(`There is no network ${JSON.stringify(name)} in the zoo${hint}; choose one of ${names.join(', ')}.`);
}

function check(name: string, network: ZooNetwork, options: NetworkOptions): void {
  const { shape, classes, seed, width = 1, shortcut = 'A', stem = 'cifar' } = options;
  const whole = (value: number) => Number.isSafeInteger(value) && value > 0;
  if (shape.length !== 3 || !shape.every(whole))
    fail(`The images of ${name} must be [channels, height, width], whole numbers from 1 up, not [${shape}].`);
  if (!whole(classes))
    fail(`The number of classes of ${name} must be a whole number from 1 up, not ${classes}.`);
  if (!Number.isSafeInteger(seed)) fail(`The seed must be a whole number, not ${seed}.`);
  if (!(width > 0 && Number.isFinite(width)))
    fail(`The width factor of ${name} must be a number above 0, not ${width}.`);
  if (!['A', 'B'].includes(shortcut)) fail(`The shortcut of ${name} must be A or B, not ${shortcut}.`);
  if (!['cifar', 'imagenet'].includes(stem))
    fail(`The stem of ${name} must be cifar or imagenet, not ${stem}.`);
  for (const option of ['shortcut', 'stem'] as const)
    if (options[option] !== undefined && !network.options.includes(option)) {
      const others = Object.keys(zoo).filter((other) => zoo[other].options.includes(option));
      fail(
        `The network ${name} has no choice of ${option}; leave it out, or use one of ${others.join(', ')}.`,
      );
    }
}
