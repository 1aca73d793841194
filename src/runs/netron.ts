/**
 * What Netron shows beside a model: a file that is dropped onto the open model, and whose metrics then stand in the
 * properties of its tensors. The format is that of Netron's own source (`metadata.Attachment`): entries are found by kind
 * and by the tensor's name up to its first line break; `percentage` is shown as such.
 */
import type { Graph } from '../onnx/index.js';
import type { Summary } from './summary.js';

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

/** Density of every prunable weight; where channels were removed, of every tensor of a group, with its importance and name. */
export function attachmentOf(graph: Graph, { prunable, channels }: Summary): NetronAttachment {
  if (!channels) {
    const density = Object.fromEntries(prunable.layers.map((layer) => [layer.name, layer.density]));
    return netronAttachment(graph, { density });
  }
  const figures = { density: {}, importance: {}, group: {} } as Record<string, Record<string, never>>;
  for (const { name, before, after, members, importance } of channels.groups)
    for (const member of members) {
      const tensor = member.slice(0, member.lastIndexOf(':'));
      const set = (what: string, value: unknown) => {
        figures[what][tensor] = value as never;
      };
      const had = (figures.density[tensor] as number | undefined) ?? 1;
      set('density', had * (after / before));
      set('group', [figures.group[tensor], name].filter(Boolean).join(', '));
      if (importance !== undefined && figures.importance[tensor] === undefined) set('importance', importance);
    }
  return netronAttachment(graph, figures as unknown as TensorFigures);
}
