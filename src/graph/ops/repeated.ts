/** Loop and Scan. What they are is what their bodies are: each node has an operator of its own. */
import { type Node, ownInputs } from '../../onnx/index.js';
import { expandBody } from '../bodies/expand.js';
import { type Form, formOf, goesOverSamples, ofOneSample } from '../bodies/form.js';
import { resizeBody } from '../bodies/resize.js';
import { readersIn } from '../bodies/roles.js';
import { type Rounds, roundsOf } from '../bodies/rounds.js';
import type { Build, Type } from '../core.js';
import type { Operator, Site } from '../operator.js';
import { define } from './define.js';
import { cut, range, reshape } from './emit.js';

const takes: Record<string, string> = { Loop: 'A? A? A+? -> 0+', Scan: 'A? A+? -> 0+' };

interface Understood {
  form: Form;
  rounds: Rounds;
}

/** What was found of a node for its inputs, since the same is asked several times. */
const found = new WeakMap<Node, { inputs: Site['inputs']; understood: Understood }>();

function understand(site: Site, operatorFor: Form['operatorFor']): Understood {
  const known = found.get(site.node);
  if (known && alike(known.inputs, site.inputs)) return known.understood;
  const seen = goesOverSamples(site) ? ofOneSample(site).single : site;
  const form = formOf(seen, operatorFor);
  const understood = { form, rounds: roundsOf(form, seen) };
  found.set(site.node, { inputs: site.inputs, understood });
  return understood;
}

const alike = (some: Site['inputs'], others: Site['inputs']): boolean =>
  some.length === others.length && some.every((type, i) => sameType(type, others[i]));

const sameType = (a: Type | undefined, b: Type | undefined): boolean =>
  a?.dtype === b?.dtype &&
  a?.laned === b?.laned &&
  a?.shape.join() === b?.shape.join() &&
  a?.constant === b?.constant;

/** The operators of ONNX. */
export interface Operators {
  findOperator: (node: Node) => Operator | undefined;
  operatorFor: (node: Node) => Operator;
}

/** The operator of a node with a body. */
export function repeatedOperator(node: Node, { findOperator, operatorFor }: Operators): Operator {
  const { roles, settings, learnable } = readersIn(node, findOperator);
  return define({
    takes: takes[node.op],
    roles,
    settings,
    learnable,
    dtypes(site) {
      const { form, rounds } = understand(site, operatorFor);
      const names = [...form.states.map(({ next }) => next), ...form.gives.map(({ name }) => name)];
      return names.map((name) => rounds.types.get(name)!.dtype);
    },
    macs(site) {
      const { rounds } = understand(site, operatorFor);
      const each = [...rounds.written].map(
        ([inner, { site: own, operator }]) =>
          operator.macs?.(
            own,
            inner.outputs.map((name) => rounds.types.get(name)!),
          ) ?? 0,
      );
      const samples = goesOverSamples(site) ? ofOneSample(site).samples : 1;
      return samples * rounds.count * each.reduce((sum, macs) => sum + macs, 0);
    },
    resize: (site, _inputs, _outputs, inside) => resizeBody(site.node, inside),
    expand(site, inputs, b) {
      const understood = understand(site, operatorFor);
      if (!goesOverSamples(site)) return expandBody({ ...understood, site, inputs, b });
      const { single, samples } = ofOneSample(site);
      const own = ownInputs(site.node);
      const all = range(samples).map((sample) => {
        const entries = inputs.map((name, i) => (name === '' || i >= own ? name : only(b, name, sample)));
        const made = expandBody({ ...understood, site: single, inputs: entries, b });
        return made.map((name) => reshape(b, name, [1, ...b.type(name).shape]));
      });
      return all[0].map((first, k) =>
        samples === 1
          ? first
          : b.emit(
              'concat',
              all.map((made) => made[k]),
              { axis: 0 },
            )[0],
      );
    },
  });
}

/** A sample of a value whose first axis counts them. */
const only = (b: Build, name: string, sample: number): string =>
  reshape(b, cut(b, name, 0, sample, 1), b.type(name).shape.slice(1));
