/**
 * Learning what a teacher answers, without labels: the model before it was pruned, say.
 *
 *   output           loss of a sample
 *   numbers          Σ (student − teacher)² / V, V how the teacher's numbers vary from sample to sample
 *   Softmax          KL(teacher ‖ student) / D at every position, D how far the teacher's answers are from their own mean
 *   Sigmoid          the same for every number by itself
 *   whole numbers    none: they are compared, not trained
 *
 * So every output counts alike, whatever its unit, and a loss of 1 is what the teacher's mean answer would have. A Softmax or
 * Sigmoid at the end is trained on what stands before it. V and D come from the first samples to train on.
 */
import { fail } from '../base/index.js';
import { withoutDropout } from '../graph/inference.js';
import type { Graph } from '../onnx/model.js';
import { sizeOf } from '../onnx/tensor.js';
import { binaryDivergences, divergences, mean, noisy, squares, weighted } from './emit.js';
import { type Head, headsOf } from './heads.js';
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
import type { Answers, Judge, Metric, Objective } from './types.js';

/** By output: V or D, the mean over the elements, and the deviation of what is trained. */
export type Scales = ReadonlyMap<string, { unit: number; deviation: number }>;

/** What a sentence says of an output. */
const KINDS: Record<Head['kind'], string> = {
  numbers: 'squared error relative to the teacher’s variance',
  classes: 'Kullback–Leibler divergence of classes',
  truths: 'Kullback–Leibler divergence of yes and no',
  whole: 'compared only, as its whole numbers have no gradient',
};

/** How each output is learnt, for whoever watches. */
export const tellHeads = (graph: Graph): string =>
  headsOf(graph)
    .map(({ output, kind }) => `${output} (${KINDS[kind]})`)
    .join(', ');

/**
 * Makes an objective that trains a model to give the outputs of a teacher, without labels: squared errors of numbers and KL divergence of
 * probabilities, each relative to how much the teacher's outputs vary.
 * @throws UserError where no output can be trained, or student and teacher have other outputs.
 */
export function distillation(teacher: Graph, scales: Scales): Objective {
  const theirs = headsOf(teacher);
  const trained = trainedHeads(theirs);
  const reads = (graph: Graph) => [
    ...new Set(pairsOf(graph, theirs).flatMap(({ own }) => [own.output, own.value])),
  ];
  return {
    name: 'distillation',
    title: 'distillation from the outputs of the teacher',
    metrics: metricsOf(theirs),
    settings: { outputs: theirs.map(({ output, kind }) => `${output}: ${kind}`) },
    teacher,
    // The teacher's answers have no noise; a student that drops values could not give them.
    form: withoutDropout,
    loss(graph, use) {
      const pairs = pairsOf(graph, theirs).filter(({ taught }) => trained.includes(taught));
      return {
        goal: {
          teacher,
          emit({ tape, value, taught: of }) {
            const losses = pairs.map(({ own, taught }, i) => {
              const { unit, deviation } = scales.get(taught.output)!;
              const clear = of(taught.value);
              // Where the student is its own teacher nothing would have a gradient; noise on the answers has that of Fisher's information.
              const target = use === 'scoring' ? noisy(tape, clear, deviation, i + 1) : clear;
              return headLoss(tape, own, value(own.value), target, unit);
            });
            return weighted(
              tape,
              losses,
              losses.map(() => 1 / losses.length),
            );
          },
        },
      };
    },
    targets: ({ count }) => ({ arrays: {}, shares: new Float32Array(count).fill(1 / count) }),
    check() {},
    reads,
    judge: (graph, shapes) => judgeOf(pairsOf(graph, theirs), shapes, scales),
  };
}

/** The heads of a teacher whose outputs have gradients. */
export function trainedHeads(heads: readonly Head[]): readonly Head[] {
  const trained = heads.filter(({ kind }) => kind !== 'whole');
  if (trained.length === 0)
    fail(
      `The model gives whole numbers only (${heads.map(({ output }) => output).join(', ')}), which have no gradient: export it without what makes them, such as its last ArgMax.`,
    );
  return trained;
}

type Pair = { own: Head; taught: Head };

/** @throws UserError where a graph lacks an output of the teacher. */
function pairsOf(graph: Graph, theirs: readonly Head[]): Pair[] {
  const heads = headsOf(graph);
  return theirs.map((taught) => {
    const own = heads.find(({ output }) => output === taught.output);
    if (!own)
      fail(
        `The teacher has an output ${taught.output} but the model has ${heads.map(({ output }) => output).join(', ')}; take a teacher of the same outputs.`,
      );
    if (own.kind === taught.kind) return { own, taught };
    const plain = (head: Head): Head => ({ ...head, value: head.output, kind: 'numbers' });
    return { own: plain(own), taught: plain(taught) };
  });
}

function headLoss(
  tape: Parameters<typeof mean>[0],
  { kind, axes, output }: Head,
  own: string,
  taught: string,
  unit: number,
): string {
  const shapes = [own, taught].map((name) => tape.type(name).shape);
  if (shapes[0].join() !== shapes[1].join())
    fail(
      `Output ${output} is [${shapes[0].slice(1).join(', ')}] but the teacher’s [${shapes[1].slice(1).join(', ')}]; take a teacher of the same outputs.`,
    );
  if (kind === 'truths') return mean(tape, binaryDivergences(tape, own, taught), 1 / unit);
  if (kind === 'numbers') return mean(tape, squares(tape, own, taught), 1 / unit);
  const along = axes(shapes[0].length);
  const classes = along.reduce((product, axis) => product * shapes[0][axis], 1);
  return mean(tape, divergences(tape, own, taught, along), classes / unit);
}

const ERROR: Metric = { name: 'error', title: 'error against the teacher', better: 'lower', percent: true };

function metricsOf(heads: readonly Head[]): Metric[] {
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

function judgeOf(
  pairs: readonly Pair[],
  shapes: ReadonlyMap<string, readonly number[]>,
  scales: Scales,
): Judge {
  const parts = pairs.map((pair) => headJudge(pair, shapes, scales));
  const trained = parts.filter(({ error }) => error);
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
      const errors = trained.map(({ error }) => error!());
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
