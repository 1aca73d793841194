/** What scales and shifts each channel of a convolution with known weights, by known numbers, is done to its weights. */
import type { CoreNode, CoreOptions, Expression, Tape } from '../graph/index.js';
import { floats, floatTensor, sizeOf } from '../onnx/index.js';

/** Of each channel y = scale · x + shift. */
interface Affine {
  scale: Float64Array;
  shift: Float64Array;
}

/** The nodes without those that were taken into the weights of a convolution before them. @param kept values that must exist. */
export function channelsAffine(nodes: readonly CoreNode[], t: Tape, kept: ReadonlySet<string>): CoreNode[] {
  const users = new Map<string, number>();
  for (const node of nodes) for (const name of node.inputs) users.set(name, (users.get(name) ?? 0) + 1);
  const makers = new Map<string, number>();
  const result: CoreNode[] = [];
  for (const node of nodes) {
    const name = node.inputs.find((input) => makers.has(input));
    const only = name !== undefined && users.get(name) === 1 && !kept.has(name);
    const affine = only && node.op === 'elementwise' ? affineOf(node, name, t) : undefined;
    const at = affine ? makers.get(name!)! : result.length;
    result[at] = affine ? scaled(result[at] as CoreNode<'conv'>, affine, t, node.outputs) : node;
    if (isKnown(result[at], t)) makers.set(result[at].outputs[0], at);
  }
  return result;
}

/** A convolution whose weights are known; a transposed one only where it is to become an ordinary one, which has a bias. */
function isKnown({ op, inputs }: CoreNode, t: Tape): boolean {
  if (op !== 'conv' && !(op === 'convInput' && t.type(inputs[0]).shape.length <= 4)) return false;
  return inputs.slice(1).every((input) => t.type(input).constant);
}

function affineOf(node: CoreNode, name: string, t: Tape): Affine | undefined {
  const { shape } = t.type(name);
  if (`${t.type(node.outputs[0]).shape}` !== `${shape}` || shape[0] !== 1) return undefined;
  const channels = shape[1];
  const constant = (number: (i: number) => number): Affine => ({
    scale: new Float64Array(channels),
    shift: Float64Array.from({ length: channels }, (_, i) => number(i)),
  });
  const each = (of: (i: number) => [number, number]): Affine => {
    const pairs = Array.from({ length: channels }, (_, i) => of(i));
    return { scale: Float64Array.from(pairs, ([a]) => a), shift: Float64Array.from(pairs, ([, b]) => b) };
  };
  const isConstant = ({ scale }: Affine) => scale.every((a) => a === 0);
  const visit = (e: Expression): Affine | undefined => {
    if (typeof e === 'number') return constant(() => e);
    if ('output' in e) return undefined;
    if ('input' in e) {
      if (node.inputs[e.input] === name) return each(() => [1, 0]);
      const found = perChannel(t, node.inputs[e.input], shape);
      return found && constant((i) => found[found.length === 1 ? 0 : i]);
    }
    const [x, y] = e.of.map(visit);
    if (!x) return undefined;
    if (e.f === 'neg') return each((i) => [-x.scale[i], -x.shift[i]]);
    if (!y || e.of.length !== 2) return undefined;
    if (e.f === 'add') return each((i) => [x.scale[i] + y.scale[i], x.shift[i] + y.shift[i]]);
    if (e.f === 'sub') return each((i) => [x.scale[i] - y.scale[i], x.shift[i] - y.shift[i]]);
    const [varying, fixed] = isConstant(y) ? [x, y.shift] : [y, x.shift];
    if (e.f === 'mul' && (isConstant(x) || isConstant(y)))
      return each((i) => [varying.scale[i] * fixed[i], varying.shift[i] * fixed[i]]);
    if (e.f === 'div' && isConstant(y))
      return each((i) => [x.scale[i] / y.shift[i], x.shift[i] / y.shift[i]]);
    return undefined;
  };
  const found = visit((node.options as CoreOptions['elementwise']).expression);
  return found && [...found.scale, ...found.shift].every(Number.isFinite) ? found : undefined;
}

/** A known value that has one number for each channel of `shape`, or one for all. */
function perChannel(t: Tape, name: string, shape: readonly number[]): Float32Array | undefined {
  const { constant } = t.type(name);
  if (!constant) return undefined;
  const channel = constant.shape.length - (shape.length - 1);
  const one = constant.shape.every((d, i) => d === 1 || (i === channel && d === shape[1]));
  return one && constant.shape.length <= shape.length ? floats(constant) : undefined;
}

function scaled(
  node: CoreNode<'conv'>,
  { scale, shift }: Affine,
  t: Tape,
  outputs: readonly string[],
): CoreNode<'conv'> {
  const [x, weight, bias] = node.inputs;
  const { shape } = t.type(weight);
  const data = floats(t.type(weight).constant!);
  const taps = sizeOf(shape.slice(2));
  const inGroup = shape[0] / node.options.groups;
  // Of w [O, C / groups, …] the outputs are O; of a transposed convolution they are C.
  const channelOf = (i: number): number => {
    const row = Math.floor(i / (shape[1] * taps));
    if (node.op === 'conv') return row;
    return Math.floor(row / inGroup) * shape[1] + (Math.floor(i / taps) % shape[1]);
  };
  const weights = Float32Array.from(data, (w, i) => w * scale[channelOf(i)]);
  const old = bias === undefined ? undefined : floats(t.type(bias).constant!);
  const biases = Float32Array.from(shift, (b, i) => b + (old ? old[i] * scale[i] : 0));
  const inputs = [
    x,
    t.constant(floatTensor(shape, weights)),
    t.constant(floatTensor([biases.length], biases)),
  ];
  return { ...node, inputs, outputs };
}
