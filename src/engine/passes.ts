/**
 * Forward and backward over a batch: in as many parts as memory asks for, as often as the step wants samples of it. What the parts
 * give is added up.
 */
import { own } from '../base/index.js';
import type { Tape } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import type { Program } from './compile.js';
import type { Goal } from './goal.js';
import { byName, writeInput } from './input.js';
import { type Part, partsOf } from './parts.js';
import type { Training } from './types.js';
import type { Sums } from './update.js';

/** Passes that one step may consist of, each with random numbers of its own. */
const MOST_PASSES = 4096;

/** What a step is run with. */
export interface Passes {
  program: Program;
  goal: Goal;
  /** Inputs of the model. */
  given: readonly string[];
  tape: Tape;
  /** Adds up the gradients of several passes. */
  sums?: Sums;
  seed: number;
  /** Passes over a batch, at most. */
  samples: number;
}

/** A batch. */
interface Whole {
  inputs: Readonly<Record<string, Float32Array>>;
  answers: Readonly<Record<string, Float32Array>>;
  count: number;
}

/** One pass over a part of a batch. */
interface Pass {
  whole: Whole;
  part: Part;
  /** Its place among all passes of the run. */
  step: number;
  /** Whether the gradients of pruned weights are wanted. */
  every: boolean;
}

type Outcome = Awaited<ReturnType<Training['gradients']>>;

/** How a training begins a step; see {@link Training.begin}. */
export const passesOf =
  (p: Passes): Training['begin'] =>
  async (values, answers, count, step, { dense = true, samples = p.samples } = {}) => {
    const whole = { inputs: byName(values, p.given), answers: p.goal.answersOf(answers, count), count };
    const total: Outcome = { loss: 0 };
    let passes = 0;
    let running: Part | undefined;
    // What a pass gives is read when the next one is about to begin: the last may still run when this returns.
    const readLast = async () => {
      if (running) add(total, await outcomeOf(p, running), samples);
    };
    for (let sample = 0; sample < samples; sample++) {
      for (const part of partsOf(count, p.program.batch)) {
        await readLast();
        await run(p, { whole, part, step: step * MOST_PASSES + passes, every: dense });
        running = part;
        await p.sums?.add(passes++ === 0);
      }
    }
    await p.sums?.finish(samples);
    return {
      async outcome() {
        await readLast();
        return total;
      },
    };
  };

/** Writes a part of the batch and runs the program over it. */
async function run({ program, goal, given, tape, seed }: Passes, { whole, part, step, every }: Pass) {
  const { inputs, answers, count } = whole;
  const [from, n] = part;
  for (const name of given) {
    const size = sizeOf(tape.type(name).shape);
    const all = own(inputs, name);
    const some = n === count ? all : all?.subarray(from * size, (from + n) * size);
    writeInput(program, name, some, n, size, program.batch);
  }
  for (const { name, size } of goal.asked) {
    const some = own(answers, name)?.subarray(from * size, (from + n) * size);
    writeInput(program, name, some, n, size, program.batch);
  }
  await program.run(n, { whole: count, seed, step, every });
}

/** What the last pass, over this part, has made. */
async function outcomeOf({ program, goal }: Passes, [, n]: Part): Promise<Outcome> {
  const { loss, correct } = goal;
  await program.pull(correct === undefined ? [loss] : [loss, correct]);
  return {
    loss: program.read(loss, n)[0],
    correct: correct === undefined ? undefined : program.read(correct, n)[0],
  };
}

/** Adds the outcome of a pass: losses and right answers are means over the samples that a step takes of a batch. */
function add(total: Outcome, { loss, correct }: Outcome, samples: number): void {
  total.loss += loss / samples;
  if (correct !== undefined) total.correct = (total.correct ?? 0) + correct / samples;
}
