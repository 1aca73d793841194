/** One step over the masked weights of a small network. */
import { random, uniform } from '../../base/index.js';
import { loadNetwork, type Machine, type Training } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { insertMasks, type MaskOperator, maskable, TEMPERATURE } from './rewrite.js';

const COUNT = 20;
const draw = random(3, 'images');
const images = Float32Array.from({ length: COUNT * 64 }, () => uniform(draw));
const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 10);

/** Probabilities of which most are 0, thresholds that most weights are below, scores. */
const scores: Record<MaskOperator, (size: number) => Float32Array> = {
  ConcreteMask: (size) => Float32Array.from({ length: size }, (_, i) => (i % 7 ? 0 : (i % 5) / 4)),
  ThresholdMask: () => Float32Array.of(-1),
  ScoreMask: (size) => new Float32Array(size).fill(0.5),
};

/** Gradients of a step with this kind of mask. */
export async function maskedStep(
  machine: Machine,
  op: MaskOperator,
  {
    temperature = 30,
    passes = 1,
    ...options
  }: Parameters<Training['gradients']>[4] & {
    temperature?: number;
    /** Passes that the training is compiled for. */
    passes?: number;
  } = {},
) {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const masked = insertMasks(graph, maskable(graph), op, (_, { shape }) =>
    scores[op](shape.reduce((size, d) => size * d, 1)),
  );
  const network = loadNetwork(masked, { machine });
  network.state.get(TEMPERATURE)?.fill(temperature);
  network.push();
  const training = network.training({ batch: COUNT, optimizer: 'sgd', seed: 1, samples: passes });
  const { loss } = await training.gradients(images, labels, COUNT, 1, options);
  await training.pull(['gradient']);
  const gradients = [...training.slots].map(([name, { gradient }]) => [name, gradient.slice()] as const);
  const leftOut = (training.profile().get('conv_weight_sparse') ?? 0) > 0;
  network.close();
  return { loss, gradients, leftOut };
}
