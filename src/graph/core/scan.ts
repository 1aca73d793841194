/** A loop over the first axis of lists, whose body is core operators. */
import { sizeOf } from '../../onnx/index.js';
import { type ReferenceValue, toValue } from '../reference/value.js';
import { axisOf } from './apart.js';
import { same } from './check.js';
import { at, filled } from './compute.js';
import { type Apart, type CoreOperator, meansNothing, type SamplesCall } from './operator.js';

export const scan: CoreOperator<'scan'> = {
  types({ length, states, gives, types }, inputs) {
    const laned = inputs.some((input) => input.laned);
    return [
      ...states.map((_, k) => ({ shape: [length + 1, ...inputs[k].shape], laned })),
      ...gives.map((name) => {
        const { shape, laned: varies } = types.get(name)!;
        return { shape: [length, ...shape], laned: varies };
      }),
    ];
  },
  verify(must, { length, states, items, whole, types }, inputs) {
    must(length > 0, 'there is nothing to go over');
    must(inputs.length === states.length + items.length + whole.length, 'operands are missing');
    states.forEach(({ name, next }, k) => {
      const shapes = [types.get(name)!.shape, types.get(next)!.shape];
      must(
        shapes.every((shape) => same(shape, inputs[k])),
        'a state changes its shape',
      );
    });
    items.forEach((_, k) => {
      must(inputs[states.length + k][0] === length, 'lists are of different lengths');
    });
  },
  ofNothing: meansNothing,
  work: ({ length, work }, _, outputs) => outputs.reduce((sum, shape) => sum + sizeOf(shape), length * work),
  samples,
  compute({ inputs, outputs, options, count, inside }) {
    const { length, reverse, states, items, whole, gives, nodes, types } = options;
    const constants = [...types].flatMap(([name, { constant }]): [string, ReferenceValue][] =>
      constant ? [[name, toValue(constant)]] : [],
    );
    const results = outputs.map((type) => filled(type, count, () => {}));
    const [first, after] = reverse ? [length, 0] : [0, 1];
    states.forEach((_, k) => {
      put(results[k], first, inputs[k]);
    });
    for (let round = 0; round < length; round++) {
      const moment = reverse ? length - 1 - round : round;
      const values = new Map(constants);
      states.forEach(({ name }, k) => {
        values.set(name, taken(results[k], moment + 1 - after));
      });
      items.forEach((name, k) => {
        values.set(name, taken(inputs[states.length + k], moment));
      });
      whole.forEach((name, k) => {
        values.set(name, inputs[states.length + items.length + k]);
      });
      const made = inside(nodes, values);
      states.forEach(({ next }, k) => {
        put(results[k], moment + after, made.get(next)!);
      });
      gives.forEach((name, k) => {
        put(results[states.length + k], moment, made.get(name)!);
      });
    }
    return results;
  },
};

/** Entry `moment` of a list. */
function taken({ shape, laned, samples: lists }: ReferenceValue, moment: number): ReferenceValue {
  const [, ...rest] = shape;
  const size = sizeOf(rest);
  return {
    shape: rest,
    laned,
    samples: lists.map((list) => list.subarray(moment * size, (moment + 1) * size)),
  };
}

function put(list: ReferenceValue, moment: number, value: ReferenceValue): void {
  const size = sizeOf(value.shape);
  for (const [s, samples] of list.samples.entries()) samples.set(at(value, s), moment * size);
}

/**
 * Samples stay apart where they do in the body, and lie along another axis than the moments. A state that is the same for all samples
 * before the first moment is each one's own behind it; so it is tried out along which axis they lie in it.
 */
function samples(call: SamplesCall<'scan'>): Apart {
  const { operands, options, output, count, inside } = call;
  const { states, items, whole, gives } = options;
  const names = [...states.map(({ name }) => name), ...items, ...whole];
  const around = new Map(names.map((name, k) => [name, operands[k].name]));
  const given = new Map<string, Apart>();
  for (const [k, name] of names.entries()) {
    const { shape, apart } = operands[k];
    if (apart === undefined) continue;
    if (items.includes(name) && liesFirst(shape, apart, count)) return 'meet';
    given.set(name, apart);
  }
  for (const places of guesses(call)) {
    const found = new Map(given);
    for (const [k, place] of places.entries()) if (place !== undefined) found.set(states[k].name, place);
    inside(options, found, around);
    const result = found.get(output < states.length ? states[output].next : gives[output - states.length]);
    if (states.every(({ next }, k) => found.get(next) === places[k])) return result ?? 'unknown';
  }
  return 'meet';
}

const liesFirst = (shape: readonly number[], apart: Apart, count: number): boolean =>
  typeof apart === 'number' && axisOf(shape, apart, count)?.axis === 0;

/** Where the samples may lie in each of the states: where they do, or along any axis that repeats itself for each of them. */
function guesses({
  operands,
  options: { states },
  count,
  repeated,
}: SamplesCall<'scan'>): (Apart | undefined)[][] {
  const each = states.map((_, k): (Apart | undefined)[] => {
    const operand = operands[k];
    const { shape, apart } = operand;
    if (apart !== undefined) return [apart];
    const along = shape.flatMap((size, axis) => {
      const stride = (size / count) * sizeOf(shape.slice(axis + 1));
      return size % count === 0 && repeated(operand, stride) ? [stride] : [];
    });
    return [...along, undefined];
  });
  return each.reduce<(Apart | undefined)[][]>(
    (all, some) => all.flatMap((others) => some.map((one) => [...others, one])).slice(0, MOST_GUESSES),
    [[]],
  );
}

const MOST_GUESSES = 64;
