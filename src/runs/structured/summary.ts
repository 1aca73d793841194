/** What a run that removes channels says of them in its summary. */
import { own } from '../../base/index.js';
import type { Channels, Selection } from '../../channels/index.js';
import { summarize } from '../../graph/index.js';
import { type Figures, figuresIn } from '../../objectives/index.js';
import type { Graph } from '../../onnx/index.js';
import type { ChannelSummary, GroupSummary } from '../summary.js';
import type { ModelTask } from '../task.js';
import type { Pruned } from './progress.js';

/** How good the network was at the end, on the test images; undefined where there are none. */
export function lastMeasured({ done }: Pick<Pruned, 'done'>): Figures | undefined {
  const last = done.flatMap(({ facts }) => facts.measured).at(-1);
  return last && figuresIn(last);
}

export function channelSummary(
  pruned: Omit<Pruned, 'latency'>,
  { inputShapes, graph: given }: ModelTask,
): ChannelSummary {
  const { whole, kept, done, unfolded, graph } = pruned;
  const importance = done.findLast(({ facts }) => facts.importance)?.facts.importance;
  const scanned = done.findLast(({ facts }) => facts.sensitivity)?.facts.sensitivity;
  const groups = whole.groups.map((group) => groupSummary(group, kept, importance));
  const total = (what: 'before' | 'after') => groups.reduce((sum, group) => sum + group[what], 0);
  const errors = done.flatMap(({ facts }) => facts.error ?? []);
  return {
    units: { before: total('before'), after: total('after') },
    groups,
    frozen: whole.frozen.map((axis) => ({ ...axis })),
    stages: done.flatMap(({ stage, facts }) =>
      facts.measured.map(({ byClass: _, ...measured }) => ({ stage: stage.name, ...measured })),
    ),
    unfolded,
    error: errors.length ? Math.max(...errors) : undefined,
    layers: layersOf(given, graph, inputShapes),
    arms: done.find(({ facts }) => facts.arms)?.facts.arms,
    sensitivity:
      scanned &&
      [...new Set(scanned.rows.map(({ group }) => group))].flatMap((group) => [
        { group, density: 1, accuracy: scanned.whole },
        ...scanned.rows
          .filter((row) => row.group === group)
          .map(({ density, value }) => ({ group, density, accuracy: value })),
      ]),
  };
}

function groupSummary(
  { name, size, members }: Channels['groups'][number],
  kept: Selection,
  importance: Record<string, readonly number[]> | undefined,
): GroupSummary {
  const after = kept.get(name)?.filter((is) => is).length ?? size;
  const scores = own(importance, name)?.filter(Number.isFinite);
  const spared = importance && !scores ? 'nothing in it that the importance looks at' : undefined;
  return {
    ...{ name, before: size, after, spared },
    members: members.map(({ tensor, axis }) => `${tensor}:${axis}`),
    importance: scores?.length ? scores.reduce((sum, x) => sum + x, 0) / scores.length : undefined,
  };
}

/** MACs of every layer with a weight, in the order of the network. */
function layersOf(
  before: Graph,
  after: Graph,
  inputShapes: Record<string, number[]>,
): ChannelSummary['layers'] {
  const macsOf = (graph: Graph) =>
    new Map(
      summarize(graph, { inputShapes }).layers.flatMap(({ weights, macs }) =>
        macs > 0 && weights.length > 0 ? [[weights[0], macs] as const] : [],
      ),
    );
  const now = macsOf(after);
  return [...macsOf(before)].map(([name, macs]) => ({ name, before: macs, after: now.get(name) ?? 0 }));
}
