/** Inner values of a teacher that a model is taught beside the outputs. */
import { fail, namesMeant } from '../base/index.js';
import { expandModel } from '../graph/index.js';
import { type Graph, isFloat, sizeOf } from '../onnx/index.js';
import { type Head, headsOf } from './heads.js';

/** Numbers of an inner value, learnt as those of an output are. */
export const innerHead = (name: string): Head => ({
  ...{ output: name, value: name, kind: 'numbers' },
  axes: () => [],
});

/** Of these names those that a graph makes, too. */
export function sharedValues({ nodes }: Graph, names: readonly string[]): readonly string[] {
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  return names.filter((name) => made.has(name));
}

/** How many numbers every value that differs from sample to sample has in one. */
export function valueSizes(
  graph: Graph,
  inputShapes?: Record<string, readonly number[]>,
): Map<string, number> {
  const { tape, values } = expandModel(graph, { inputShapes });
  const sizes = [...values].flatMap(([name, own]) => {
    const { laned, shape } = tape.type(own);
    return laned ? [[name, sizeOf(shape)] as const] : [];
  });
  return new Map(sizes);
}

/** The values between inputs and outputs that are real numbers and differ from sample to sample, with how many numbers each has. */
export function innerValues(
  graph: Graph,
  inputShapes?: Record<string, readonly number[]>,
): Map<string, number> {
  const { tape, values, dtypes } = expandModel(graph, { inputShapes });
  const ends = new Set(headsOf(graph).flatMap(({ output, value }) => [output, value]));
  const names = graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name && !ends.has(name));
  const found = names.flatMap((name) => {
    const own = values.get(name);
    const type = own === undefined ? undefined : tape.type(own);
    return type?.laned && isFloat(dtypes.get(name)!) ? [[name, sizeOf(type.shape)] as const] : [];
  });
  return new Map(found);
}

/** Names that a sentence lists. */
const LISTED = 12;

const listed = (names: readonly string[]): string =>
  `${names.slice(0, LISTED).join(', ')}${names.length > LISTED ? ` and ${names.length - LISTED} more` : ''}`;

/** Inner values by patterns in which * stands for any text. @throws UserError on a pattern that none of them fits. */
export const valuesToMatch = (patterns: readonly string[], names: readonly string[]): string[] =>
  namesMeant(patterns, names, (wanted, guess) =>
    fail(
      `The teacher has no inner value ${wanted} of real numbers to match${guess ? ` (did you mean ${guess}?)` : ''}; it has ${listed(names)}, and * stands for any text.`,
    ),
  );
