/** Mean, deviation, and Student's interval: what a handful of numbers says. */

export interface Statistics {
  n: number;
  mean: number;
  /** Sample standard deviation (n − 1); absent for one number. */
  deviation?: number;
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

export function statisticsOf(values: readonly number[]): Statistics {
  const [n, mean] = [values.length, meanOf(values)];
  if (n < 2) return { n, mean };
  return { n, mean, deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1)) };
}

/** The two-sided interval of the mean with a confidence of 95 %; undefined for fewer than two numbers. */
export function tInterval({ n, mean, deviation }: Statistics): [low: number, high: number] | undefined {
  if (deviation === undefined) return undefined;
  const reach = (tQuantile(0.95, n - 1) * deviation) / Math.sqrt(n);
  return [mean - reach, mean + reach];
}

/** t with P(|T| ≤ t) = `confidence` for Student's T with so many degrees of freedom, to twelve digits. */
export function tQuantile(confidence: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (within(high, freedom) < confidence) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (within(middle, freedom) < confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** P(|T| ≤ t), a finite sum (Abramowitz, Stegun: "Handbook of mathematical functions", 26.7.3 and 26.7.4). */
function within(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cosine = Math.cos(angle);
  const odd = freedom % 2;
  let term = odd ? cosine : 1;
  let sum = freedom > 1 ? term : 0;
  for (let k = 2 + odd; k < freedom; k += 2) {
    term *= cosine ** 2 * ((k - 1) / k);
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}
