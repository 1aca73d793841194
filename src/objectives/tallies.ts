/** Sums over the answers of a split, in double precision, that metrics are made from. */

/** How far numbers are from those that they should be, in relation to how these vary from sample to sample. */
export interface Spread {
  add(is: Float32Array, should: Float32Array): void;
  /** Σ (is − should)². */
  squares(): number;
  /** Σ (should − its mean over the samples)², element by element; where that is nothing, Σ should². */
  variation(): number;
  count(): number;
}

export function spreadOf(size: number): Spread {
  const sums = new Float64Array(size);
  const own = new Float64Array(size);
  let [samples, difference] = [0, 0];
  return {
    add(is, should) {
      samples++;
      for (let i = 0; i < size; i++) {
        difference += (is[i] - should[i]) ** 2;
        sums[i] += should[i];
        own[i] += should[i] ** 2;
      }
    },
    squares: () => difference,
    variation() {
      let [around, whole] = [0, 0];
      for (let i = 0; i < size; i++) {
        around += Math.max(0, own[i] - sums[i] ** 2 / samples);
        whole += own[i];
      }
      return around > whole * NOISE ? around : whole;
    },
    count: () => samples * size,
  };
}

/** What of a sum of squares rounding alone can leave. */
const NOISE = 1e-9;

/** √(squares / variation): 0 where all is as it should be, 1 where the mean would do as well. */
export const relativeError = (spread: Spread): number => {
  const squares = spread.squares();
  return squares === 0 ? 0 : Math.sqrt(squares / spread.variation());
};

/** The mean cosine between what is and what should be. */
export function cosines() {
  let [sum, samples] = [0, 0];
  return {
    add(is: Float32Array, should: Float32Array) {
      let [product, x, y] = [0, 0, 0];
      for (let i = 0; i < is.length; i++) {
        product += is[i] * should[i];
        x += is[i] ** 2;
        y += should[i] ** 2;
      }
      sum += x === y && product === x ? 1 : product / Math.sqrt(x * y) || 0;
      samples++;
    },
    mean: () => sum / samples,
  };
}

/** A share of decisions that are right. */
export function share() {
  let [right, all] = [0, 0];
  return {
    add(is: boolean) {
      right += is ? 1 : 0;
      all++;
    },
    value: () => right / all,
  };
}

/** Intersection over union of what two sides call true. */
export function overlapOf() {
  let [both, either] = [0, 0];
  return {
    add(one: boolean, other: boolean) {
      if (one && other) both++;
      if (one || other) either++;
    },
    value: () => (either === 0 ? 1 : both / either),
  };
}

/** How the elements of a value lie along some axes: `at(group)` is the first of a group, its members lie at `steps` from there. */
export function groupsAlong(shape: readonly number[], axes: readonly number[]) {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, dim) => product * dim, 1));
  const offsets = (chosen: readonly number[]) =>
    chosen.reduce<number[]>(
      (all, axis) =>
        all.flatMap((at) => Array.from({ length: shape[axis] }, (_, i) => at + i * strides[axis])),
      [0],
    );
  const others = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return { starts: offsets(others), steps: offsets(axes) };
}

/** Which of a group's members is largest, of equal ones the first. */
export function peak(values: Float32Array, start: number, steps: readonly number[]): number {
  let best = 0;
  for (let k = 1; k < steps.length; k++) if (values[start + steps[k]] > values[start + steps[best]]) best = k;
  return best;
}

/** The sample at `index` of dense values. */
export const sampleOf = (values: Float32Array, index: number, size: number): Float32Array =>
  values.subarray(index * size, (index + 1) * size);
