/** The same elements in another shape. */
import { sizeOf } from '../../onnx/index.js';
import { type CoreOperator, type Derivatives, like, meansNothing, touched } from './operator.js';
import { linear } from './tangents.js';

export const reshape: CoreOperator<'reshape'> = {
  types: ({ shape }, inputs) => [like(inputs, shape)],
  verify: (must, { shape }, [x]) => must(sizeOf(x) === sizeOf(shape), `cannot be [${shape}]`),
  ofNothing: meansNothing,
  work: touched,
  samples: ({ operands: [{ apart }] }) => apart!,
  compute: ({ inputs: [x], outputs }) => [{ ...x, shape: outputs[0].shape }],
};

export const reshapeDerivatives: Derivatives<'reshape'> = {
  gradient: (t, node, dy) => [t.emit('reshape', [dy], { shape: t.type(node.inputs[0]).shape })[0]],
  tangent: linear,
};
