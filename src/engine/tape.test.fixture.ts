/** For tests: runs a tape on the engine, and the same tape in float64. */
import assert from 'node:assert/strict';
import {
  call,
  input,
  type ReferenceValue,
  runCore,
  type Tape,
  type Type,
  tape,
  toValue,
} from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { compile } from './compile.js';
import { wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';

/** Numbers by value name: one array per sample where the value is laned, a single one where it is not. */
export type Numbers = Map<string, Float32Array[]>;

export interface Plan {
  tape: Tape;
  /** What `tape` declares and does not compute. */
  given: Numbers;
  outputs: readonly string[];
  /** Samples. */
  count: number;
  /** The most samples the program takes; default `count`. */
  batch?: number;
  backwardFrom?: number;
}

/** Declares a value and draws its numbers. */
export function declare(
  plan: { tape: Tape; given: Numbers; count: number },
  name: string,
  type: Pick<Type, 'shape' | 'laned'>,
  draw: () => number,
): string {
  const samples = Array.from({ length: type.laned ? plan.count : 1 }, () =>
    Float32Array.from({ length: sizeOf(type.shape) }, draw),
  );
  plan.given.set(name, samples);
  return plan.tape.declare(name, { dtype: 'float32', ...type });
}

export const emptyPlan = (count: number, training = false): Plan => ({
  tape: tape(training),
  given: new Map(),
  outputs: [],
  count,
});

/**
 * The same value where samples are, 0 in lanes beyond them when it is emitted as a gradient: what is written from
 * outside repeats there, what a program computes backwards is 0.
 */
export const masked = (t: Tape, name: string): string =>
  t.emit('elementwise', [name], { expression: call('neg', call('neg', input(0))) })[0];

/** The outputs as the engine computes them; `state`: what the plain given values hold afterwards. */
export async function runOnEngine(
  machine: Machine,
  p: Plan,
): Promise<{ results: Numbers; state: Map<string, Float32Array> }> {
  const lines: number[] = [];
  const state = new Map<string, Float32Array>();
  const places = new Map<string, ReturnType<typeof wholePlace>>();
  const inputs: string[] = [];
  for (const [name, samples] of p.given) {
    const { shape, laned } = p.tape.type(name);
    if (laned) {
      inputs.push(name);
      continue;
    }
    const line = machine.allocate(Math.max(1, samples[0].length) * 4);
    lines.push(line);
    const view = machine.floats(line, samples[0].length);
    view.set(samples[0]);
    machine.push(line, view.length);
    state.set(name, view);
    places.set(name, wholePlace({ laned: false, size: view.length, fixed: line }, shape));
  }
  const program = compile({
    machine,
    tape: p.tape,
    batch: p.batch ?? p.count,
    outputs: p.outputs,
    places,
    inputs,
    backwardFrom: p.backwardFrom,
  })!;
  try {
    for (const name of inputs) program.write(name, joined(p.given.get(name)!), p.count);
    await program.run(p.count);
    await program.pull(p.outputs);
    const results: Numbers = new Map();
    for (const name of p.outputs) {
      const { shape, laned } = p.tape.type(name);
      const all = program.read(name, p.count);
      const size = sizeOf(shape);
      results.set(
        name,
        Array.from({ length: laned ? p.count : 1 }, (_, n) => all.slice(n * size, (n + 1) * size)),
      );
    }
    await Promise.all(lines.map((line, i) => machine.pull(line, [...state.values()][i].length)));
    return { results, state: new Map([...state].map(([name, view]) => [name, view.slice()])) };
  } finally {
    program.close();
    for (const line of lines) machine.free(line);
  }
}

/** Arrays one after another. */
export function joined(parts: readonly ArrayLike<number>[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** All values of the tape in float64. */
export function runInDouble(p: Plan): Map<string, ReferenceValue> {
  const values = new Map<string, ReferenceValue>();
  for (const [name, { constant }] of p.tape.types) if (constant) values.set(name, toValue(constant));
  for (const [name, samples] of p.given)
    values.set(name, { ...p.tape.type(name), samples: samples.map((s) => Float64Array.from(s)) });
  return runCore(p.tape.nodes, values);
}

/** Asserts |actual − expected| ≤ tolerance · (largest |expected| in the array) + absolute. */
export function near(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
  tolerance = 1e-5,
  absolute = 1e-6,
): void {
  assert.equal(actual.length, expected.length, `${what}: its length`);
  let scale = 0;
  for (let i = 0; i < expected.length; i++)
    if (Number.isFinite(expected[i])) scale = Math.max(scale, Math.abs(expected[i]));
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i], expected[i]];
    const fine = Object.is(a, e) || a === e || Math.abs(a - e) <= tolerance * scale + absolute;
    assert.ok(fine, `${what}[${i}] is ${a}, not ${e}`);
  }
}

/** Runs a plan both ways and compares all its outputs. */
export async function agrees(machine: Machine, p: Plan, tolerance?: number, absolute?: number) {
  const { results } = await runOnEngine(machine, p);
  const expected = runInDouble(p);
  for (const name of p.outputs) {
    results.get(name)!.forEach((sample, n) => {
      near(sample, expected.get(name)!.samples[n], `${name} of sample ${n}`, tolerance, absolute);
    });
  }
}
