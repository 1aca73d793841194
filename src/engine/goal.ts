/** What a training step minimises, at the end of the model on its tape: where it is read, and where the backward pass begins. */
import { fail } from '../base/index.js';
import {
  call,
  coreValue,
  type Expanded,
  expandBefore,
  inferenceForm,
  input,
  pointwise,
  type Tape,
} from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import type { LossGraph, Targets, TrainingOptions } from './types.js';

export interface Goal {
  /** Mean loss of the batch, and of classifiers how many samples are right. */
  loss: string;
  correct?: string;
  /** ∂loss/∂value of the values that the backward pass begins at. */
  seeds: ReadonlyMap<string, string>;
  /** The first node of the backward pass. */
  backwardFrom: number;
  /** Inputs of the program that answers are written to, with the numbers of one sample. */
  asked: readonly { name: string; size: number }[];
  /** What is written there. */
  answersOf(labels: Int32Array | Targets, count: number): Readonly<Record<string, Float32Array>>;
}

/**
 * Writes the loss on the model's tape.
 * @throws UserError where the output to train is not said, or a teacher does not fit.
 */
export function goalOf(graph: Graph, model: Expanded, o: TrainingOptions): Goal {
  return o.goal ? ownGoal(graph, model, o.goal) : classGoal(graph, model, o);
}

const LABELS = 'labels#';
const SHARE = 'share#';
const WEIGHT = 'weight#';

function ownGoal(graph: Graph, model: Expanded, { teacher, emit }: LossGraph): Goal {
  const { tape } = model;
  const taught = teacher && expandTeacher(tape, teacher, graph);
  const asked: { name: string; size: number }[] = [];
  const ask = (name: string, shape: readonly number[]) => {
    if (!asked.some((other) => other.name === name)) asked.push({ name, size: sizeOf(shape) });
    return tape.declare(name, { dtype: 'float32', shape, laned: true });
  };
  const missing = (name: string) => `The model has no value '${name}' to train on.`;
  const share = ask(SHARE, [1]);
  const own = emit({
    tape,
    value: (name) => coreValue(model, name, missing(name)),
    taught: (name) => taught?.get(name) ?? fail(missing(name)),
    target: (name, shape) => ask(`target#${name}`, shape),
  });
  if (!tape.type(own).laned)
    fail('The loss is the same for all samples: it must be computed from the outputs of the model.');
  const backwardFrom = tape.nodes.length;
  const [counted] = tape.emit('elementwise', [own, share], { expression: call('mul', input(0), input(1)) });
  const [loss] = tape.emit('reduce', [counted], { how: 'sum', axes: [0], across: true });
  // A value equals itself: the share again, as a part of the backward pass.
  const [seed] = tape.emit('elementwise', [own, share], {
    expression: call('mul', call('equal', input(0), input(0)), input(1)),
  });
  return {
    ...{ loss, seeds: new Map([[own, seed]]), backwardFrom, asked },
    answersOf(targets) {
      if (targets instanceof Int32Array) return fail('The loss takes targets, not labels.');
      const arrays = Object.entries(targets.arrays).map(([name, data]) => [`target#${name}`, data]);
      return { ...Object.fromEntries(arrays), [SHARE]: targets.shares };
    },
  };
}

function classGoal(graph: Graph, model: Expanded, o: TrainingOptions): Goal {
  const { tape } = model;
  const logits = coreValue(model, trainedOutput(graph, o.output));
  const labels = tape.declare(LABELS, { dtype: 'float32', shape: [1], laned: true });
  const teacher = o.teacher && teacherLogits(tape, o.teacher.graph, graph, logits);
  const operands = teacher ? [logits, labels, teacher] : [logits, labels];
  const { seed, ...written } = lossOf(tape, operands, o);
  const { classWeights } = o;
  const weighed = classWeights ? weighedSeed(tape, seed) : seed;
  const asked = [LABELS, ...(classWeights ? [WEIGHT] : [])].map((name) => ({ name, size: 1 }));
  return {
    ...{ ...written, seeds: new Map([[logits, weighed]]), asked },
    answersOf(given, count): Readonly<Record<string, Float32Array>> {
      if (!(given instanceof Int32Array)) return fail('The loss of classes takes labels.');
      const own = Float32Array.from(given.subarray(0, count));
      if (!classWeights) return { [LABELS]: own };
      // A sample without a label, which a teacher alone answers, counts as it is.
      return { [LABELS]: own, [WEIGHT]: own.map((label) => classWeights[label] ?? 1) };
    },
  };
}

/** The gradient at the logits, each sample's times its weight. */
function weighedSeed(tape: Tape, seed: string): string {
  const weight = tape.declare(WEIGHT, { dtype: 'float32', shape: [1], laned: true });
  return pointwise(tape, call('mul', input(0), input(1)), [seed, weight]);
}

interface Loss {
  loss: string;
  correct?: string;
  /** ∂loss/∂logits. */
  seed: string;
  backwardFrom: number;
}

/** @throws UserError where the output to train is not there, or not said among several. */
function trainedOutput({ outputs }: Graph, wanted?: string): string {
  const names = outputs.map(({ name }) => name);
  if (wanted !== undefined && !names.includes(wanted))
    fail(`The model has no output '${wanted}' to train; it has ${names.join(', ')}.`);
  if (wanted === undefined && names.length !== 1)
    fail(
      `Training needs one output, but this model has ${names.length} (${names.join(', ')}); say which one.`,
    );
  return wanted ?? names[0];
}

/**
 * Has the teacher answer in the same program, before the student, so that its activations are gone when the student's,
 * which the backward pass needs, are made.
 */
function expandTeacher(tape: Tape, graph: Graph, student: Graph): Map<string, string> {
  const { inputs } = graph;
  const given = student.inputs.map(({ name }) => name);
  const names = inputs.map(({ name }) => name);
  const sources = inputs.length === 1 && given.length === 1 ? given : names;
  const stranger = sources.find((name) => !given.includes(name));
  if (stranger !== undefined)
    fail(
      `The teacher has the inputs ${names.join(', ')} but the model to train has ${given.join(', ')}; use a teacher with the same inputs.`,
    );
  for (const [i, { shape: wanted }] of inputs.entries()) {
    const { shape } = tape.type(sources[i]);
    const declared = wanted?.slice(1) ?? [];
    if (declared.some((dim, axis) => typeof dim === 'number' && dim !== shape[axis + 1]))
      fail(
        `The teacher expects inputs of [${declared.join(', ')}] but the model to train expects [${shape.slice(1).join(', ')}]; use a teacher for the same data.`,
      );
  }
  const values = new Map(names.map((name, i) => [name, sources[i]]));
  return expandBefore(tape, inferenceForm(graph), values);
}

function teacherLogits(tape: Tape, graph: Graph, student: Graph, logits: string): string {
  const { outputs } = graph;
  if (outputs.length !== 1)
    fail(`The teacher must have one output, but this one has ${outputs.length}: use a classifier.`);
  const taught = expandTeacher(tape, graph, student).get(outputs[0].name)!;
  const [theirs, ours] = [taught, logits].map((name) => sizeOf(tape.type(name).shape));
  if (theirs !== ours)
    fail(
      `The teacher has ${theirs} classes but the model to train has ${ours}; use a teacher with the same classes.`,
    );
  return taught;
}

/** `operands`: logits, labels and where there is a teacher its logits. */
function lossOf(tape: Tape, operands: readonly string[], o: TrainingOptions): Loss {
  const [logits] = operands;
  const backwardFrom = tape.nodes.length;
  if (o.loss === 'sum') {
    const axes = tape.type(logits).shape.map((_, i) => i);
    const [loss] = tape.emit('reduce', [logits], { how: 'sum', axes, across: true });
    const [seed] = tape.emit('elementwise', [logits], { expression: call('equal', input(0), input(0)) });
    return { loss, seed, backwardFrom };
  }
  const [loss, correct, seed] = tape.emit('crossEntropy', operands, {
    smoothing: o.labelSmoothing ?? 0,
    teacher: o.teacher,
  });
  return { loss, correct, seed, backwardFrom };
}
