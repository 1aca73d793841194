/** Axes summed, or their largest; they stay with one element. */
import { call, input } from '../expression.js';
import { alongFirst } from './apart.js';
import { at, filled, spread } from './compute.js';
import { applied, enlarged } from './derive.js';
import { type CoreOperator, type Derivatives, touched } from './operator.js';
import { a, b, formula, mul } from './tangents.js';

export const reduce: CoreOperator<'reduce'> = {
  types: ({ axes, across }, [x]) => [
    { shape: x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)), laned: x.laned && !across },
  ],
  verify: (must, { axes }, [x]) =>
    must(new Set(axes).size === axes.length && axes.every((axis) => axis in x), `no axes [${axes}]`),
  ofNothing: ({ how }) => (how === 'sum' ? 0 : undefined),
  work: touched,
  samples: (call) => alongFirst(call, (found) => (call.options.axes.includes(found.axis) ? 'meet' : found)),
  compute({ inputs: [x], outputs, options, count }) {
    const map = spread(outputs[0].shape, x.shape);
    const folded = x.samples.length > 1 && !outputs[0].laned ? x.samples : undefined;
    return [
      filled(outputs[0], count, (out, s) => {
        out.fill(options.how === 'sum' ? 0 : -Infinity);
        for (const from of folded ?? [at(x, s)]) {
          for (let k = 0; k < from.length; k++) {
            if (options.how === 'sum') out[map[k]] += from[k];
            else out[map[k]] = Math.max(out[map[k]], from[k]);
          }
        }
      }),
    ];
  },
};

export const reduceDerivatives: Derivatives<'reduce'> = {
  gradient(t, node, dy) {
    const [x] = node.inputs;
    if (node.options.how === 'sum') return [enlarged(t, dy, x)];
    const hit = call('equal', input(0), input(1));
    const ties = t.emit('reduce', [applied(t, hit, [x, node.outputs[0]])!], {
      ...node.options,
      how: 'sum',
    })[0];
    return [applied(t, call('div', call('mul', hit, input(2)), input(3)), [x, node.outputs[0], dy, ties])];
  },
  tangent(t, node, [x]) {
    if (node.options.how === 'sum') return [t.emit('reduce', [x!], node.options)[0]];
    const hits = formula(t, call('equal', a, b), [node.inputs[0], node.outputs[0]]);
    const summed = (value: string) => t.emit('reduce', [value], { ...node.options, how: 'sum' })[0];
    return [formula(t, call('div', a, b), [summed(formula(t, mul(a, b), [hits, x!])), summed(hits)])];
  },
};
