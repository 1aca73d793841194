/**
 * What Netron shows beside a model: a file that is dropped onto the open model, and whose metrics then stand in the
 * properties of its tensors. The format is that of Netron's own source (`metadata.Attachment`): entries are found by kind
 * and by the tensor's name up to its first line break; `percentage` is shown as such.
 */
import { emptyRecord } from '../base/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import type { Summary } from './summary.js';

/** By name of initialiser; names that the graph does not have are left out. */
export interface TensorFigures {
  /** Fraction kept. */
  density: Readonly<Record<string, number>>;
  /** Mean importance of the channels, by tensor. */
  importance?: Readonly<Record<string, number>>;
  /** The group of channels it belongs to. */
  group?: Readonly<Record<string, string>>;
}

/** Figures of each tensor in the form that Netron shows beside a model. */
export interface NetronAttachment {
  /** Marks the file as an attachment. */
  signature: 'netron:attachment';
  /** Always empty: the model's own metadata stay as they are. */
  metadata: [];
  /** One entry for each figure of each tensor. */
  metrics: { kind: 'tensor'; target: string; name: string; value: number | string; type: string }[];
}

/** Makes the attachment that Netron shows beside a model, from figures of its tensors. */
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

/**
 * Density of every prunable weight; where channels were removed, what is left of every tensor of a group beside the network
 * that the run started with, its group, and the importance of that.
 */
export function attachmentOf(
  graph: Graph,
  start: Graph,
  { prunable, channels }: Pick<Summary, 'prunable' | 'channels'>,
): NetronAttachment {
  if (!channels) {
    const density = Object.fromEntries(prunable.layers.map((layer) => [layer.name, layer.density]));
    return netronAttachment(graph, { density });
  }
  const density = emptyRecord<number>();
  const importance = emptyRecord<number>();
  const group = emptyRecord<string>();
  for (const { name, members, importance: worth } of channels.groups)
    for (const member of members) {
      const tensor = member.slice(0, member.lastIndexOf(':'));
      const [before, after] = [start, graph].map(({ initializers }) => initializers.get(tensor));
      if (before && after) density[tensor] = sizeOf(after.shape) / sizeOf(before.shape);
      if (worth !== undefined) importance[tensor] ??= worth;
      const groups = group[tensor]?.split(', ') ?? [];
      group[tensor] = groups.includes(name) ? group[tensor] : [...groups, name].join(', ');
    }
  return netronAttachment(graph, { density, importance, group });
}
