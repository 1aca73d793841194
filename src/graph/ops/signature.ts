/**
 * How many inputs and outputs an operator has, and of which element types, in a line: `'F F F? -> 1'`.
 *
 * A word for each input: its types as below, and the same type wherever the same word stands (`N` and `N2` may differ); `?`
 * where it is optional, `+` where the last one may come several times. Values of `A`, anything, need not be alike. After the arrow the number of outputs: `1`, `1..5`, `1+`.
 * Types are those of any version of the operator; 16-bit floats are float32 here.
 */
import { fail } from '../../base/index.js';
import { type DType, isFloat, isInteger } from '../../onnx/index.js';
import { describe, type Site, Unsupported } from '../operator.js';

const classes: Record<string, { name: string; holds: (dtype: DType) => boolean }> = {
  F: { name: 'real numbers', holds: isFloat },
  N: { name: 'numbers', holds: (dtype) => isFloat(dtype) || isInteger(dtype) },
  S: { name: 'float32 or int32', holds: (dtype) => dtype === 'float32' || dtype === 'int32' },
  I: { name: 'int32 or int64', holds: (dtype) => dtype === 'int32' || dtype === 'int64' },
  L: { name: 'int64', holds: (dtype) => dtype === 'int64' },
  Z: { name: 'integers', holds: isInteger },
  B: { name: 'bool', holds: (dtype) => dtype === 'bool' },
  A: { name: 'a tensor', holds: () => true },
  V: { name: 'numbers or bool', holds: (dtype) => dtype !== 'string' },
};

interface Signature {
  /** Of the last one, if `more`, any number. */
  inputs: { type: string; optional: boolean }[];
  more: boolean;
  outputs: [least: number, most: number];
}

function parse(text: string): Signature {
  const [left, right] = text.split('->').map((part) => part.trim());
  const words = left === '' ? [] : left.split(' ');
  const [least, most = least] = right.replace('+', '..').split('..');
  return {
    inputs: words.map((word) => ({ type: word.replace(/[?+]+$/, ''), optional: word.endsWith('?') })),
    more: /\+\??$/.test(left),
    outputs: [Number(least), most === '' ? Number.POSITIVE_INFINITY : Number(most)],
  };
}

const known = new Map<string, Signature>();

function signatureOf(text: string): Signature {
  const found = known.get(text) ?? parse(text);
  known.set(text, found);
  return found;
}

/** @throws UserError where a node has other inputs or outputs than its operator. */
export function checkSignature(site: Site, text: string): void {
  const { inputs, more, outputs } = signatureOf(text);
  const { node } = site;
  const refuse = (what: string): never => fail(`${describe(node)} ${what}; the model is damaged.`);
  if (site.inputs.length > inputs.length && !more)
    refuse(`has ${site.inputs.length} inputs, and takes ${inputs.length} at most`);
  const [least, most] = outputs;
  if (node.outputs.length < least || node.outputs.length > most)
    refuse(`has ${node.outputs.length} outputs, and gives ${least === most ? least : `${least} to ${most}`}`);
  const seen = new Map<string, DType>();
  for (let i = 0; i < Math.max(inputs.length, site.inputs.length); i++) {
    const { type, optional } = inputs[Math.min(i, inputs.length - 1)];
    const dtype = site.inputs[i]?.dtype;
    if (!dtype) {
      if (!optional) refuse(`lacks its input ${i}`);
      continue;
    }
    const { name, holds } = classes[type[0]];
    if (dtype === 'string')
      fail(`${describe(node)} works on strings, which espalier does not compute with.`, Unsupported);
    if (!holds(dtype)) refuse(`has an input ${i} of type ${dtype}, where ${name} must be`);
    const same = seen.get(type);
    if (same && same !== dtype && type !== 'A')
      refuse(`has inputs of types ${same} and ${dtype}, which must be the same`);
    seen.set(type, dtype);
  }
}
