/** How far a model's answers are from its teacher's, output by output. */
import { sizeOf } from '../onnx/index.js';
import type { Head } from './heads.js';
import { binaryEntropy, divergence, sigmoid } from './plain-losses.js';
import {
  cosines,
  groupsAlong,
  overlapOf,
  peak,
  relativeError,
  sampleOf,
  share,
  spreadOf,
} from './tallies.js';
import type { Answers, Judge, Metric } from './types.js';

/** Of an output, or of an inner value that is learnt as well. */
export interface OutputScale {
  /** V or D, the mean over the elements. */
  unit: number;
  /** How what is trained deviates. */
  deviation: number;
  /** Of what is trained, in one sample. */
  shape: readonly number[];
  /** It hardly differs from sample to sample, while other outputs do: it is told by itself, and is no part of the model's error. */
  steady?: boolean;
}

/** By the name of the output or inner value. */
export type Scales = ReadonlyMap<string, OutputScale>;

export type Pair = { own: Head; taught: Head };

const ERROR: Metric = { name: 'error', title: 'error against the teacher', better: 'lower', percent: true };

export function metricsOf(heads: readonly Head[]): Metric[] {
  const several = heads.length > 1;
  return [
    ERROR,
    ...heads.flatMap((head): Metric[] => {
      const of = several ? ` of ${head.output}` : '';
      const error: Metric = { ...ERROR, name: `error ${head.output}`, title: `error${of}` };
      return [
        ...(several && head.kind !== 'whole' ? [error] : []),
        ...decisions(head).map(
          (kind): Metric => ({
            name: several ? `${kind} ${head.output}` : kind,
            title: `${TITLES[kind]}${of}`,
            better: 'higher',
            percent: kind !== 'cosine',
          }),
        ),
      ];
    }),
  ];
}

const TITLES = {
  agreement: 'same decisions as the teacher',
  iou: 'overlap (IoU) with the teacher above 0.5',
  cosine: 'cosine with the teacher',
};

function decisions({ kind }: Head): (keyof typeof TITLES)[] {
  if (kind === 'numbers') return ['cosine'];
  return kind === 'truths' ? ['iou'] : ['agreement'];
}

export function judgeOf(
  pairs: readonly Pair[],
  shapes: ReadonlyMap<string, readonly number[]>,
  scales: Scales,
): Judge {
  const parts = pairs.map((pair) => headJudge(pair, shapes, scales));
  const trained = parts.filter(({ error }) => error);
  const varied = trained.filter(({ output }) => !scales.get(output)?.steady);
  let [loss, samples, notFinite] = [0, 0, 0];
  const several = pairs.length > 1;
  return {
    add(answers, { count }, taught) {
      for (let i = 0; i < count; i++) {
        const own = parts.reduce((sum, part) => sum + part.add(answers, taught, i), 0) / trained.length;
        loss += own;
        notFinite += Number.isFinite(own) ? 0 : 1;
      }
      samples += count;
    },
    figures() {
      const errors = (varied.length > 0 ? varied : trained).map(({ error }) => error!());
      const error = Math.sqrt(errors.reduce((sum, x) => sum + x * x, 0) / errors.length);
      const own = parts.flatMap(({ output, error, kind, decision }) => [
        ...(several && error ? [[`error ${output}`, error()] as const] : []),
        [several ? `${kind} ${output}` : kind, decision()] as const,
      ]);
      return { loss: loss / samples, metrics: { error, ...Object.fromEntries(own) }, notFinite };
    },
  };
}

/** One output: `add` gives the loss of a sample. */
function headJudge(
  { own, taught }: Pair,
  shapes: ReadonlyMap<string, readonly number[]>,
  scales: Scales,
): {
  output: string;
  add(answers: Answers, theirs: Answers, index: number): number;
  error?: () => number;
  kind: keyof typeof TITLES;
  decision(): number;
} {
  const { output, kind } = own;
  const size = sizeOf(shapes.get(output)!);
  const [name] = decisions(own);
  const read = (answers: Answers, head: Head, index: number, what: 'output' | 'value' = 'output') =>
    sampleOf(answers[head[what]], index, size);
  const same = share();
  if (kind === 'whole')
    return {
      ...{ output, kind: name, decision: same.value },
      add(answers, theirs, index) {
        const [is, should] = [read(answers, own, index), read(theirs, taught, index)];
        for (let i = 0; i < size; i++) same.add(is[i] === should[i]);
        return 0;
      },
    };
  const spread = spreadOf(size);
  const alike = cosines();
  const maps = overlapOf();
  const { unit } = scales.get(output)!;
  const rank = shapes.get(own.value)!.length;
  const along = own.axes(rank + 1).map((axis) => axis - 1);
  const { starts, steps } = groupsAlong(shapes.get(own.value)!, along);
  return {
    ...{ output, kind: name, error: () => relativeError(spread) },
    decision: { agreement: same.value, iou: maps.value, cosine: alike.mean }[name],
    add(answers, theirs, index) {
      const [is, should] = [read(answers, own, index), read(theirs, taught, index)];
      spread.add(is, should);
      if (kind === 'numbers') {
        alike.add(is, should);
        let sum = 0;
        for (let i = 0; i < size; i++) sum += (is[i] - should[i]) ** 2;
        return sum / size / unit;
      }
      const [z, t] = [read(answers, own, index, 'value'), read(theirs, taught, index, 'value')];
      let sum = 0;
      if (kind === 'truths') {
        for (let i = 0; i < size; i++) {
          const p = sigmoid(t[i]);
          sum += binaryEntropy(z[i], p) - binaryEntropy(t[i], p);
          maps.add(z[i] > 0, t[i] > 0);
        }
        return sum / size / unit;
      }
      for (const start of starts) {
        sum += divergence(z, t, start, steps);
        same.add(peak(z, start, steps) === peak(t, start, steps));
      }
      return sum / starts.length / unit;
    },
  };
}
