/** An objective of one's own: a loss for a sample, written with functions that the engine differentiates, and figures for a sample. */
import { fail, guardedParts, meant } from '../base/index.js';
import { call, type Expression, functionNames, input, isFunctionName } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import * as emit from './emit.js';
import { sampleOf } from './tallies.js';
import { onlyHead, targetsFor } from './targets.js';
import type { Metric, Objective } from './types.js';

/** Writes a loss. Every function gives the name of a value; values belong to one sample and have a first axis of 1. */
export interface LossBuilder {
  /** The shape of a value. */
  shape(value: string): readonly number[];
  /** A number from those at the same place in values of one shape: `each((a, b) => call('sub', a, b), x, y)`. */
  each(formula: (...numbers: Expression[]) => Expression, ...values: string[]): string;
  /** A function of numbers: 'add', 'mul', 'max', 'exp', 'choose', … */
  call: typeof call;
  /** The sum of all numbers of a value. */
  total(value: string): string;
  /** The mean of all numbers of a value. */
  mean(value: string): string;
  /** Along axes, which keep the length 1. */
  reduce(how: 'sum' | 'max', value: string, axes: readonly number[]): string;
  /** The same numbers in another shape. */
  reshape(value: string, shape: readonly number[]): string;
  /** Repeats what has the length 1 along axes. */
  expand(value: string, shape: readonly number[]): string;
  /** (x − y)² of every number. */
  squares(x: string, y: string): string;
  /** |x − y| of every number. */
  absolutes(x: string, y: string): string;
  /** Huber loss of every number: ½(x − y)² up to delta, linear beyond it. */
  hubers(x: string, y: string, delta: number): string;
  /** The logarithm of the softmax along axes. */
  logSoftmax(logits: string, axes: readonly number[]): string;
  /** Binary cross-entropy of every number, from its logit and its truth between 0 and 1. */
  binaryEntropies(logits: string, truths: string): string;
}

/** What a loss is made of. */
export interface LossParts {
  /** The model's output. */
  output: string;
  /** What stands before its last Softmax or Sigmoid; the output itself where it ends in neither. */
  logits: string;
  /** `y`, of the output's shape where it has as many numbers. */
  target: string;
  /** Makes the values that the loss consists of. */
  build: LossBuilder;
}

/** The numbers of one sample. */
export interface SampleAnswer {
  /** The model's output. */
  output: Float32Array;
  /** What stands before its last Softmax or Sigmoid; the output itself where it ends in neither. */
  logits: Float32Array;
  /** `y` of the sample. */
  target: Float32Array;
}

/** An objective of one's own, for `--learn ./mine.mjs`, whose default export it is. */
export interface ObjectiveDefinition {
  /** Letters, digits and '-'. */
  name: string;
  /** In a sentence: 'regression by the pinball loss'. */
  title: string;
  /** The first compares networks. */
  metrics: readonly Metric[];
  /** The loss of a sample: a value with one number. */
  loss(parts: LossParts): string;
  /** The same loss as a number, and whatever the metrics are made of. */
  measure(sample: SampleAnswer): { loss: number } & Record<string, number>;
  /** The metrics, from the means over the samples of what `measure` gives; default these means. */
  finish?(means: Readonly<Record<string, number>>): Record<string, number>;
}

/** Gives the definition back; the compiler sees whether it is one. */
export const defineObjective = (definition: ObjectiveDefinition): ObjectiveDefinition => definition;

/** @throws UserError where a definition, `what` sentences call it, is none. */
export function checkDefinition(given: unknown, what: string): ObjectiveDefinition {
  const { name, title, metrics, loss, measure } = Object(given) as Partial<ObjectiveDefinition>;
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name))
    fail(`${what} is not an objective: it needs a name of letters, digits and '-', such as name: 'mine'.`);
  if (typeof title !== 'string') fail(`${what} needs a title, a few words that say what ${name} is.`);
  const sound = (metric: Metric) =>
    [metric?.name, metric?.title].every((text) => typeof text === 'string' && text !== '') &&
    (metric.better === 'higher' || metric.better === 'lower');
  if (!Array.isArray(metrics) || metrics.length === 0 || !metrics.every(sound))
    fail(
      `${what} needs metrics, such as [{ name: 'mae', title: 'mean absolute error', better: 'lower' }]; the first compares networks.`,
    );
  for (const [part, value] of Object.entries({ loss, measure }))
    if (typeof value !== 'function') fail(`${what} needs a function ${part}.`);
  return given as ObjectiveDefinition;
}

/** `shape`: of the targets of one sample. */
export function ownObjective(given: ObjectiveDefinition, shape: readonly number[]): Objective {
  const definition = guardedParts(`The objective ${given.name}`, given);
  const { name, title, metrics } = definition;
  const size = sizeOf(shape);
  return {
    ...{ name, title, metrics },
    settings: { shape },
    loss: (graph) => ({
      goal: {
        emit({ tape, value, target }) {
          const head = onlyHead(graph);
          const [output, logits] = [value(head.output), value(head.value)];
          const like = tape.type(output).shape;
          const given = target('y', [1, size]);
          const own = emit.reshape(tape, given, sizeOf(like) === size ? like : [1, ...shape]);
          const loss = definition.loss({ output, logits, target: own, build: builderOn(tape) });
          if (typeof loss !== 'string' || sizeOf(tape.type(loss).shape) !== 1)
            fail(
              `The loss of ${name} must be one number for a sample, but it is not; end it in build.mean or build.total.`,
            );
          return emit.reshape(tape, loss, [1]);
        },
      },
    }),
    targets: (batch) => targetsFor(batch),
    check() {},
    reads(graph) {
      const { output, value } = onlyHead(graph);
      return [...new Set([output, value])];
    },
    judge(graph, shapes) {
      const head = onlyHead(graph);
      const sums: Record<string, number> = {};
      let [samples, notFinite] = [0, 0];
      return {
        add(answers, { targets, count }) {
          const of = (value: string, i: number) => sampleOf(answers[value], i, sizeOf(shapes.get(value)!));
          for (let i = 0; i < count; i++) {
            const [output, logits] = [of(head.output, i), of(head.value, i)];
            const measured = definition.measure({ output, logits, target: sampleOf(targets!.y, i, size) });
            if (typeof Object(measured).loss !== 'number')
              fail(`The function measure of ${name} must give { loss } and other numbers, but gives none.`);
            for (const [key, number] of Object.entries(measured)) sums[key] = (sums[key] ?? 0) + number;
            notFinite += Number.isFinite(measured.loss) ? 0 : 1;
          }
          samples += count;
        },
        figures() {
          const means = Object.fromEntries(Object.entries(sums).map(([key, sum]) => [key, sum / samples]));
          const all: Record<string, number> = { ...means, ...definition.finish?.(means) };
          const missing = metrics.find((metric) => typeof all[metric.name] !== 'number');
          if (missing)
            fail(
              `The objective ${name} has a metric ${missing.name}, but neither measure nor finish gives it.`,
            );
          const own = metrics.map((metric) => [metric.name, all[metric.name]]);
          return { loss: means.loss, metrics: Object.fromEntries(own), notFinite };
        },
      };
    },
  };
}

const unknownFunction = (name: string): never =>
  fail(
    `There is no function ${JSON.stringify(name)} of numbers to build a loss of${meant(name, functionNames)}; there are ${functionNames.join(', ')}.`,
  );

function builderOn(tape: Parameters<typeof emit.mean>[0]): LossBuilder {
  return {
    call: (name, ...numbers) => (isFunctionName(name) ? call(name, ...numbers) : unknownFunction(name)),
    shape: (value) => tape.type(value).shape,
    each: (formula, ...values) => emit.pointwise(tape, formula(...values.map((_, k) => input(k))), values),
    total: (value) => emit.total(tape, value),
    mean: (value) => emit.mean(tape, value),
    reduce: (how, value, axes) => emit.reduce(tape, how, value, axes),
    reshape: (value, shape) => emit.reshape(tape, value, shape),
    expand: (value, shape) => emit.expand(tape, value, shape),
    squares: (x, y) => emit.squares(tape, x, y),
    absolutes: (x, y) => emit.absolutes(tape, x, y),
    hubers: (x, y, delta) => emit.hubers(tape, x, y, delta),
    logSoftmax: (logits, axes) => emit.logSoftmax(tape, logits, axes),
    binaryEntropies: (logits, truths) => emit.binaryEntropies(tape, logits, truths),
  };
}
