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
import { withoutDropout } from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { answersIn, arrayOfAnswers } from './answers.js';
import { judgeOf, metricsOf, type Pair, type Scales } from './distillation-judge.js';
import { binaryDivergences, divergences, mean, noisy, reshape, squares, weighted } from './emit.js';
import { type Head, headsOf } from './heads.js';
import { innerHead, sharedValues } from './inner.js';
import type { Objective } from './types.js';

/** Options of {@link distillation}. */
export interface DistillationOptions {
  /** Names of inner values of the teacher that are learnt as well, by graphs that have them in the same shape; they need scales. */
  match?: readonly string[];
  /** Samples bring the teacher's answers along, see {@link keepAnswers}. */
  kept?: boolean;
}

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
 * probabilities, each relative to how much the teacher's outputs vary. Inner values count as much as the outputs together.
 * @throws UserError where no output can be trained, or student and teacher have other outputs.
 */
export function distillation(
  teacher: Graph,
  scales: Scales,
  { match = [], kept = false }: DistillationOptions = {},
): Objective {
  const theirs = headsOf(teacher);
  const trained = trainedHeads(theirs);
  const reads = (graph: Graph) => [
    ...new Set(pairsOf(graph, theirs).flatMap(({ own }) => [own.output, own.value])),
  ];
  return {
    name: 'distillation',
    title: 'distillation from the outputs of the teacher',
    metrics: metricsOf(theirs),
    settings: {
      outputs: theirs.map(({ output, kind }) => `${output}: ${kind}`),
      ...(match.length > 0 && { match }),
    },
    teacher,
    // The teacher's answers have no noise; a student that drops values could not give them.
    form: withoutDropout,
    loss(graph, use) {
      const pairs = pairsOf(graph, theirs).filter(({ taught }) => trained.includes(taught));
      return {
        goal: {
          teacher: kept ? undefined : teacher,
          emit({ tape, value, taught: of, target }) {
            const answered = (name: string, own: string) => {
              if (!kept) return of(name);
              const { shape } = tape.type(own);
              return reshape(tape, target(arrayOfAnswers(name), [1, sizeOf(shape)]), shape);
            };
            const outputs = pairs.map(({ own, taught }, i) => {
              const { unit, deviation } = scales.get(taught.output)!;
              const student = value(own.value);
              const clear = answered(taught.value, student);
              // Where the student is its own teacher nothing would have a gradient; noise on the answers has that of Fisher's information.
              const clouded = use === 'scoring' ? noisy(tape, clear, deviation, i + 1) : clear;
              return headLoss(tape, own, student, clouded, unit);
            });
            const inner = use === 'scoring' ? [] : sharedValues(graph, match);
            const matched = inner.flatMap((name) => {
              const own = value(name);
              const { unit, shape } = scales.get(name)!;
              if (`${tape.type(own).shape}` !== `${[1, ...shape]}`) return [];
              return [headLoss(tape, innerHead(name), own, answered(name, own), unit)];
            });
            return weighted(
              tape,
              [...outputs, ...matched],
              [...outputs.map(() => 1 / outputs.length), ...matched.map(() => 1 / matched.length)],
            );
          },
        },
      };
    },
    targets: ({ count, targets }) => ({
      arrays: (kept && targets) || {},
      shares: new Float32Array(count).fill(1 / count),
    }),
    answers: ({ targets }) => (kept ? answersIn(targets) : undefined),
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
      `The model outputs only integers (${heads.map(({ output }) => output).join(', ')}), which have no gradient: export it without the operator that makes them, such as its last ArgMax.`,
    );
  return trained;
}

/** @throws UserError where a graph lacks an output of the teacher. */
function pairsOf(graph: Graph, theirs: readonly Head[]): Pair[] {
  const heads = headsOf(graph);
  return theirs.map((taught) => {
    const own = heads.find(({ output }) => output === taught.output);
    if (!own)
      fail(
        `The teacher has an output ${taught.output} but the model has ${heads.map(({ output }) => output).join(', ')}; use a teacher with the same outputs.`,
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
      `Output ${output} is [${shapes[0].slice(1).join(', ')}] but the teacher’s [${shapes[1].slice(1).join(', ')}]; use a teacher with the same outputs.`,
    );
  if (kind === 'truths') return mean(tape, binaryDivergences(tape, own, taught), 1 / unit);
  if (kind === 'numbers') return mean(tape, squares(tape, own, taught), 1 / unit);
  const along = axes(shapes[0].length);
  const classes = along.reduce((product, axis) => product * shapes[0][axis], 1);
  return mean(tape, divergences(tape, own, taught, along), classes / unit);
}
