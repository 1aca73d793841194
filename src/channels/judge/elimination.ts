/**
 * What every unit is worth to the layers that read it, if their other weights are solved for: see `calibration/eliminate.ts`.
 */
import {
  type Calibration,
  type Elimination,
  eliminate,
  type Reader,
  readersIn,
  visitLayers,
} from '../../calibration/index.js';
import type { Machine } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import { withMembers } from '../find/weights.js';
import type { ChannelOptions, Channels, Group } from '../types.js';

export interface EliminationOptions extends Pick<ChannelOptions, 'inputShapes'> {
  machine: Machine;
  samples: Calibration;
  /** As of a reconstruction; default 1e-3. */
  ridge?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, all: number) => void;
}

/**
 * The importance of the units of every group that linear layers read: by how much the error of those layers, relative to the variance
 * of what they give, grows when the unit goes, after all that matter less. Units that go later are worth more.
 */
export async function measureElimination(
  given: Graph,
  channels: Channels,
  { machine, inputShapes, samples, ridge = 1e-3, signal, onProgress }: EliminationOptions,
): Promise<Map<string, Float64Array>> {
  const graph = withMembers(given);
  const read = new Map<string, Group[]>();
  for (const group of channels.groups)
    for (const { tensor } of membersRead(group)) read.set(tensor, [...(read.get(tensor) ?? []), group]);
  const open = new Map(
    channels.groups.map((group) => [group.name, new Set(membersRead(group).map(({ tensor }) => tensor))]),
  );
  const readers = new Map(channels.groups.map((group) => [group.name, [] as Reader[]]));
  const found = new Map<string, Float64Array>();
  const finish = (group: Group) => {
    const own = readers.get(group.name)!;
    readers.delete(group.name);
    const elimination = own.length > 0 ? eliminate(own, group.size, ridge) : undefined;
    if (elimination) found.set(group.name, worths(elimination, group.size));
  };
  await visitLayers(
    {
      ...{ teacher: graph, student: graph, machine, inputShapes, samples, signal },
      which: (layers) => layers.filter(({ weight }) => read.has(weight)),
      onLayer: onProgress,
    },
    (visited) => {
      for (const group of read.get(visited.layer.weight)!) {
        for (const { tensor, axis, positions } of membersRead(group)) {
          if (tensor !== visited.layer.weight) continue;
          const { shape } = graph.initializers.get(tensor)!;
          readers.get(group.name)!.push(...readersIn(visited, { shape, axis, positions }));
        }
        open.get(group.name)!.delete(visited.layer.weight);
        if (open.get(group.name)!.size === 0) finish(group);
      }
    },
  );
  for (const group of channels.groups) if (readers.has(group.name)) finish(group);
  return found;
}

const membersRead = ({ members }: Group) => members.filter(({ role }) => role === 'in');

/** What the error grows by, no less than for the unit before, so that the order stays. */
function worths({ order, errors }: Elimination, size: number): Float64Array {
  const worth = new Float64Array(size).fill(Number.MAX_VALUE);
  let last = 0;
  for (const [i, unit] of order.entries()) {
    last = Math.max(last * (1 + 1e-12), errors[i] - (errors[i - 1] ?? 0), Number.MIN_VALUE);
    worth[unit] = last;
  }
  const [rest] = Array.from({ length: size }, (_, unit) => unit).filter((unit) => !order.includes(unit));
  if (rest !== undefined) worth[rest] = last * 2;
  return worth;
}
