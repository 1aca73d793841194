/**
 * What Netron shows beside a model: a file that is dropped onto the open model, and whose metrics then stand in the
 * properties of its tensors. The format is that of Netron's own source (`metadata.Attachment`): entries are found by kind
 * and by the tensor's name up to its first line break; `percentage` is shown as such.
 */
import type { Graph } from '../onnx/index.js';

/** By name of initialiser; names that the graph does not have are left out. */
export interface TensorFigures {
  /** Fraction kept. */
  density: Readonly<Record<string, number>>;
  importance?: Readonly<Record<string, number>>;
  /** The group of channels it belongs to. */
  group?: Readonly<Record<string, string>>;
}

export interface NetronAttachment {
  signature: 'netron:attachment';
  metadata: [];
  metrics: { kind: 'tensor'; target: string; name: string; value: number | string; type: string }[];
}

export function netronAttachment(graph: Graph, figures: TensorFigures): NetronAttachment {
  const { density, importance = {}, group = {} } = figures;
  const columns = [
    { name: 'density', type: 'percentage', values: density },
    { name: 'importance', type: 'float32', values: importance },
    { name: 'group', type: 'string', values: group },
  ];
  const metrics = [...graph.initializers.keys()].flatMap((tensor) =>
    columns.flatMap(({ name, type, values }) =>
      Object.hasOwn(values, tensor)
        ? [{ kind: 'tensor' as const, target: tensor.split('\n')[0], name, value: values[tensor], type }]
        : [],
    ),
  );
  return { signature: 'netron:attachment', metadata: [], metrics };
}
