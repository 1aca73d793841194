/** What every network of the zoo is made from. */
import type { Graph } from '../../onnx/index.js';
import { type Builder, builder, type Signal } from '../build.js';
import type { Initialization } from '../initialize.js';

/** How an image enters: 'cifar' keeps its resolution, 'imagenet' divides it early. */
export type Stem = 'cifar' | 'imagenet';

/** How a residual shortcut changes its shape: 'A' subsamples and pads with zero channels, 'B' projects by a 1×1 convolution. */
export type Shortcut = 'A' | 'B';

/** Options of {@link buildNetwork}. */
export interface NetworkOptions {
  /** One image, [C, H, W]. */
  shape: readonly number[];
  /** Number of outputs. */
  classes: number;
  /** Seed of the first weights. */
  seed: number;
  /** Multiplies the number of channels (and of hidden units) of every layer; default 1. */
  width?: number;
  /** Residual networks for CIFAR only; default 'A', as in the paper. */
  shortcut?: Shortcut;
  /** resnet18, resnet50 and mobilenetv2 only; default 'cifar' up to 64×64 pixels, 'imagenet' above. */
  stem?: Stem;
  /** First values other than the network's own. */
  initialization?: Initialization;
}

/** A network of the zoo. */
export interface ZooNetwork {
  /** Authors, title, year. */
  paper: string;
  /** The options it understands besides those that all do. */
  options: ('shortcut' | 'stem')[];
  /** The layers, from the input to the logits. */
  layers: (b: Builder, input: Signal, options: NetworkOptions) => Signal;
  /** What it starts from; He's unless said otherwise. */
  initialization?: Initialization;
}

/** Builds the graph: 'input' [N, C, H, W] → 'logits' [N, classes]. */
export function build(name: string, network: ZooNetwork, options: NetworkOptions): Graph {
  const b = builder({
    name,
    seed: options.seed,
    initialization: options.initialization ?? network.initialization,
  });
  return b.finish({ logits: network.layers(b, b.input('input', options.shape), options) });
}

/** The number of channels at a width factor, at least 1. */
export const scale = (channels: number, width = 1): number => Math.max(1, Math.round(channels * width));

export const stemFor = ({ shape: [, height, width], stem }: NetworkOptions): Stem =>
  stem ?? (Math.max(height, width) <= 64 ? 'cifar' : 'imagenet');
