/**
 * How parameters begin.
 *
 * A layer y = W x with fan_in inputs per output multiplies the variance of its input by fan_in · Var(W). Behind a ReLU
 * half of the second moment is gone, so Var(W) = 2 / fan_in keeps the forward signal at its size through any depth,
 * and 2 / fan_out the gradient (He et al., "Delving deep into rectifiers", 2015); for a leaky ReLU of slope a the 2
 * becomes 2 / (1 + a²). Without the ReLU both directions ask for 1 / fan, met halfway by 2 / (fan_in + fan_out) (Glorot
 * and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010). A uniform
 * distribution on ±b has variance b² / 3, hence b = σ √3.
 *
 * An initialiser draws from the stream it is given; with a stream named by seed and parameter name (see
 * {@link initialized}), a parameter's first value depends on nothing else in the network.
 */
import { normal, type Random, random, uniform, word } from '../base/index.js';
import { floatTensor, sizeOf, type Tensor } from '../onnx/index.js';

/** Draws the values of a parameter of this shape, row-major. */
export type Initialize = (shape: readonly number[], stream: Random) => Float32Array;

export interface KaimingOptions {
  /** Which side keeps its variance: 'in' the forward signal (default), 'out' the gradient. */
  fan?: 'in' | 'out';
  /** Slope of the leaky ReLU that follows; 0 (default) is the ReLU. */
  a?: number;
}

/**
 * Inputs per output and outputs per input of a weight [out, in / groups, …kernel] or [out, in], as PyTorch counts them:
 * fan_out takes no account of groups.
 */
export function fans(shape: readonly number[]): { in: number; out: number } {
  const field = sizeOf(shape.slice(2));
  return { in: shape[1] * field, out: shape[0] * field };
}

const draw =
  (
    one: (stream: Random, deviation: number) => number,
    deviation: (shape: readonly number[]) => number,
  ): Initialize =>
  (shape, stream) => {
    const values = new Float32Array(sizeOf(shape));
    const sigma = deviation(shape);
    for (let i = 0; i < values.length; i++) values[i] = one(stream, sigma);
    return values;
  };

const gaussian = (stream: Random, sigma: number) => sigma * normal(stream);
const flat = (stream: Random, sigma: number) => sigma * Math.sqrt(3) * (2 * uniform(stream) - 1);
const sign = (stream: Random, sigma: number) => (word(stream, stream.at++) >>> 31 ? sigma : -sigma);

const kaiming =
  ({ fan = 'in', a = 0 }: KaimingOptions) =>
  (shape: readonly number[]) =>
    Math.sqrt(2 / (1 + a * a) / fans(shape)[fan]);

const xavier = (shape: readonly number[]) => Math.sqrt(2 / (fans(shape).in + fans(shape).out));

export const kaimingNormal = (options: KaimingOptions = {}) => draw(gaussian, kaiming(options));
export const kaimingUniform = (options: KaimingOptions = {}) => draw(flat, kaiming(options));
export const xavierNormal = () => draw(gaussian, xavier);
export const xavierUniform = () => draw(flat, xavier);

/** ±σ with Kaiming's σ: the frozen weights of supermasks (Ramanujan et al., "What's hidden in a randomly weighted neural network?", 2020). */
export const signedConstant = (options: KaimingOptions = {}) => draw(sign, kaiming(options));

export const normalOf = (deviation: number) => draw(gaussian, () => deviation);
export const constant =
  (value: number): Initialize =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value);
export const zeros = constant(0);
export const ones = constant(1);

/** The first values of convolutions and linear layers. A bias knows the weight it belongs to, for its fan. */
export interface Initialization {
  conv: Initialize;
  linear: Initialize;
  bias: (weightShape: readonly number[]) => Initialize;
}

/** He et al.: weights Kaiming normal by fan_in for a ReLU, biases 0. */
export const he: Initialization = { conv: kaimingNormal(), linear: kaimingNormal(), bias: () => zeros };

/** Glorot and Bengio's normal distribution, biases 0. */
export const glorot: Initialization = { conv: xavierNormal(), linear: xavierNormal(), bias: () => zeros };

/** PyTorch's default for Conv2d and Linear: weights Kaiming uniform with a = √5, which is ±1/√fan_in; biases the same. */
export const pytorch: Initialization = {
  conv: kaimingUniform({ a: Math.sqrt(5) }),
  linear: kaimingUniform({ a: Math.sqrt(5) }),
  bias: (weightShape) => draw(flat, () => Math.sqrt(1 / 3 / fans(weightShape).in)),
};

/** The float32 tensor of the parameter `name`, drawn from the stream (seed, 'initialize', name). */
export const initialized = (
  name: string,
  shape: readonly number[],
  seed: number,
  initialize: Initialize,
): Tensor => floatTensor(shape, initialize(shape, random(seed, 'initialize', name)));
