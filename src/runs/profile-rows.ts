/**
 * The steps of a program summed up as rows of a profile, by kernel or by layer.
 *
 * Several steps may work on one value (weights are packed, then multiplied, then partial sums are added), and of several ways
 * to it one is taken. The multiply-accumulates of the value are put down to that one of them that took longest; a sparse
 * kernel does those whose weight is not zero, a dense one all.
 */

export interface ProfiledStep {
  kernel: string;
  /** Of the model's node. */
  layer?: string;
  gradient: boolean;
  /** Milliseconds of a run, the mean over threads. */
  ms: number;
  /** That it reads or writes at least, where known. */
  bytes?: number;
  /** Of a run, of the whole batch. */
  macs: number;
}

export interface ProfileRow {
  /** A kernel, or a layer of the model. */
  name: string;
  /** The layer's operator. */
  op?: string;
  /** Milliseconds of a run, and of those the ones of the backward pass. */
  ms: number;
  backward: number;
  /** Fraction of the run. */
  share: number;
  /** Multiply-accumulates of a run, and their rate in 10⁹ per second. */
  macs: number;
  gigamacs?: number;
  /** Bytes read and written at least, and their rate in 10⁹ per second. */
  bytes?: number;
  gigabytes?: number;
  /** The larger of the two rates as a fraction of the best that was seen on this machine. */
  best?: number;
}

/** The best that was seen: multiply-accumulates and bytes, 10⁹ per second. */
export interface Limits {
  gigamacs: number;
  gigabytes: number;
}

/** A multiply-accumulate's share in the cost of a layer. */
export interface LayerCost {
  name: string;
  op: string;
  /** For one sample, and those whose weight is not zero. */
  macs: number;
  effectiveMacs: number;
}

interface RawStep {
  kernel: string;
  makes?: string;
  op?: string;
  layer?: string;
  gradient: boolean;
  ms: number;
  bytes?: number;
  taken: boolean;
}

const MULTIPLYING = new Set(['conv', 'convInput', 'convWeight', 'matmul']);

/** Puts multiply-accumulates down to steps. */
export function withMacs(
  steps: readonly RawStep[],
  layers: ReadonlyMap<string, LayerCost>,
  batch: number,
): ProfiledStep[] {
  const values = new Map<string, RawStep[]>();
  for (const step of steps)
    if (MULTIPLYING.has(step.op ?? '') && step.makes !== undefined)
      values.set(step.makes, [...(values.get(step.makes) ?? []), step]);
  const forward = new Map<string, number>();
  for (const [{ layer, gradient }] of values.values())
    if (layer !== undefined && !gradient) forward.set(layer, (forward.get(layer) ?? 0) + 1);
  const macs = new Map<RawStep, number>();
  for (const own of values.values()) {
    const main = own.reduce((a, b) => (b.ms > a.ms ? b : a));
    const cost = layers.get(main.layer ?? '');
    const parts = forward.get(main.layer ?? '');
    if (cost && parts) macs.set(main, (batch * macsBy(main.kernel, cost)) / parts);
  }
  return steps.map((step) => {
    const { kernel, layer, gradient, ms, bytes, taken } = step;
    return { kernel, layer, gradient, ms, bytes: taken ? bytes : 0, macs: macs.get(step) ?? 0 };
  });
}

const macsBy = (kernel: string, { macs, effectiveMacs }: LayerCost): number =>
  kernel.includes('sparse') ? effectiveMacs : macs;

/** The limits, with the kernels of a profile among what was seen. */
export function bestOf(limits: Limits, steps: readonly ProfiledStep[]): Limits {
  const rows = rowsBy('kernel', steps, 0, limits);
  return {
    gigamacs: Math.max(limits.gigamacs, ...rows.map(({ gigamacs = 0 }) => gigamacs)),
    gigabytes: Math.max(limits.gigabytes, ...rows.map(({ gigabytes = 0 }) => gigabytes)),
  };
}

/** Rows by kernel or by layer, the slowest first; `whole`: milliseconds of a run. */
export function rowsBy(
  of: 'kernel' | 'layer',
  steps: readonly ProfiledStep[],
  whole: number,
  limits: Limits,
  ops: ReadonlyMap<string, string> = new Map(),
): ProfileRow[] {
  const groups = new Map<string, ProfiledStep[]>();
  for (const step of steps) {
    const name = step[of];
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), step]);
  }
  const total = (own: readonly ProfiledStep[], what: 'ms' | 'macs') =>
    own.reduce((sum, step) => sum + step[what], 0);
  const rows = [...groups].map(([name, own]): ProfileRow => {
    const [ms, macs] = [total(own, 'ms'), total(own, 'macs')];
    const backward = total(
      own.filter(({ gradient }) => gradient),
      'ms',
    );
    const bytes = own.every((step) => step.bytes !== undefined)
      ? own.reduce((sum, step) => sum + step.bytes!, 0)
      : undefined;
    const rate = (amount: number | undefined) => (amount && ms > 0 ? amount / ms / 1e6 : undefined);
    const [gigamacs, gigabytes] = [rate(macs), rate(bytes)];
    const best = Math.max((gigamacs ?? 0) / limits.gigamacs, (gigabytes ?? 0) / limits.gigabytes);
    const known = gigamacs !== undefined || gigabytes !== undefined;
    return {
      ...{ name, op: ops.get(name), ms, backward, share: whole > 0 ? ms / whole : 0, macs, gigamacs },
      ...{ bytes, gigabytes, best: known ? Math.min(1, best) : undefined },
    };
  });
  return rows.filter(({ ms }) => ms > 0).sort((a, b) => b.ms - a.ms);
}
