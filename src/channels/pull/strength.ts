/**
 * How strong a penalty on BatchNorm's scales has to be in a training of so many steps.
 *
 * Under SGD with momentum µ a constant gradient s moves a scale by s·Ση/(1 − µ) in the course of a training: its *reach*. Along
 * a cosine Ση is half of the highest rate times the steps. MaskSparsity's 5e-4 reaches 83 in its authors' hundred epochs of
 * ImageNet, and in three epochs of CIFAR-10 about a tenth: less than the scales are. So the published strength is the
 * least, and a training that is too short for it has as much as a certain reach takes.
 */

/** A training with a cosine schedule under SGD. */
export interface Pulling {
  steps: number;
  /** The highest. */
  learningRate: number;
  /** Default 0.9. */
  momentum?: number;
}

/** Of the marked scales, which are about 1: far enough that they are 0 against the pull of the task, and early enough. */
const MARKED_REACH = 8;
/** Of all scales: those that the task does not hold come to 0, with half of the training left for the others. */
const SPARSE_REACH = 2;
/**
 * A penalty on all scales is no stronger than this, or its method's own strength, however short the training: the scales of a network
 * together would outweigh its loss, and nothing of it would be left.
 */
const SPARSE_MOST = 0.01;
/** Published for the marked scales (Jiang et al., 2023). */
const MARKED = 5e-4;

/** How far a gradient of 1 moves a scale. */
export const reachOf = ({ steps, learningRate, momentum = 0.9 }: Pulling): number =>
  (learningRate * steps) / (2 * (1 - momentum));

/** Whether the published strength is too weak for the training, so that its settings are ours and not the authors'. */
export const isShort = (training: Pulling): boolean => MARKED * reachOf(training) < MARKED_REACH;

/** Of a penalty on only those scales that will go. */
export const markedStrengthFor = (training: Pulling): number =>
  Math.max(MARKED, MARKED_REACH / reachOf(training));

/** Of a penalty on all scales; `published` for the method's own, longer runs. */
export const sparseStrengthFor = (training: Pulling, published: number): number =>
  Math.max(published, Math.min(SPARSE_MOST, SPARSE_REACH / reachOf(training)));
