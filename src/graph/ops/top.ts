/**
 * TopK. An element's rank is how many come before it, counted by comparing it with every other; what is at each rank is the sum of what
 * has it. So the largest come out with a gradient, and their places without.
 */
import { attr, sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import { axisOf, constantInts, type Operator, required, type Site } from '../operator.js';
import { ranked, singles, unfit } from './check.js';
import { define } from './define.js';
import { add } from './elementwise.js';
import { constant, pointwise, range, reduce, reshape, transpose } from './emit.js';
import { checkCompared } from './selected.js';

interface Chosen {
  axis: number;
  count: number;
  largest: boolean;
}

function chosenBy(site: Site): Chosen {
  const { node, opset } = site;
  const { shape } = required(site, 0);
  const axis = axisOf(site, attr.int(node, 'axis', -1), shape.length);
  const count = opset >= 10 ? constantInts(site, 1, 'count')![0] : attr.int(node, 'k');
  if (!(count >= 0 && count <= shape[axis])) unfit(site, `takes ${count} of ${shape[axis]} elements`);
  return { axis, count, largest: attr.int(node, 'largest', 1) !== 0 };
}

/** Of rows [rows, size] how many elements come before each: those that are larger, and equal ones in front of it. */
function ranks(b: Build, rows: string, largest: boolean): string {
  const [count, size] = b.type(rows).shape;
  const places = range(size);
  const [mine, others] = [reshape(b, rows, [count, size, 1]), reshape(b, rows, [count, 1, size])];
  const [here, there] = [constant(b, [1, size, 1], places), constant(b, [1, 1, size], places)];
  const [own, other] = largest ? [input(0), input(1)] : [input(1), input(0)];
  const first = call('mul', call('equal', input(0), input(1)), call('greater', input(2), input(3)));
  const before = pointwise(b, add(call('greater', other, own), first), [mine, others, here, there]);
  return reduce(b, 'sum', before, [2]);
}

const topK: Operator = define({
  takes: 'N I? -> 2',
  check(site) {
    ranked(site, 0, 1);
    singles(site, [1]);
  },
  settings: [1],
  fixed: (site) => [[chosenBy(site).axis]],
  dtypes: (site) => [required(site, 0).dtype, 'int64'],
  expand(site, [value], b) {
    const { shape } = required(site, 0);
    const { axis, count, largest } = chosenBy(site);
    const size = shape[axis];
    const rowCount = sizeOf(shape) / Math.max(1, size);
    checkCompared(site, [rowCount, size + count, size]);
    const last = [...range(shape.length).filter((i) => i !== axis), axis];
    const rows = reshape(b, transpose(b, value, last), [rowCount, size]);
    const rank = reshape(b, ranks(b, rows, largest), [rowCount, 1, size]);
    const wanted = constant(b, [1, count, 1], range(count));
    const at = (what: string) => {
      const there = pointwise(b, call('choose', call('equal', input(0), input(1)), input(2), 0), [
        rank,
        wanted,
        what,
      ]);
      const found = reshape(b, reduce(b, 'sum', there, [2]), [
        ...last.slice(0, -1).map((i) => shape[i]),
        count,
      ]);
      return transpose(
        b,
        found,
        last.map((_, i) => last.indexOf(i)),
      );
    };
    return [at(reshape(b, rows, [rowCount, 1, size])), at(constant(b, [1, 1, size], range(size)))];
  },
});

export const topOperators: Record<string, Operator> = { TopK: topK };
