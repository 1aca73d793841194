/** What a run that removes channels shows: what was kept of every group, what stayed whole and why, what each layer costs. */
import type { Frozen } from '../channels/types.js';
import type { ChannelSummary } from '../runs/index.js';
import { drawOrdered, drawPairs, ORDER, type Pair } from './charts.js';
import { chart, html } from './page.js';
import { count, large, percent } from './words.js';

/** Accuracy, a fraction, with a group cut to a density and the rest of the network whole. */
export interface SensitivityRow {
  group: string;
  density: number;
  accuracy: number;
}

/** The channels of every group, by its name: how many there were, and how many are kept. */
export const keptChart = (groups: readonly Pair[]): string =>
  chart('Channels kept per group', drawPairs(groups, 'channels', count));

/** Multiply-accumulates of every layer, in the order of the network. */
export const networkChart = (layers: readonly Pair[]): string =>
  chart('The network before and after', drawPairs(layers, 'MACs for one sample', large));

/** Accuracy against density, a curve for each group. */
export const sensitivityChart = (rows: readonly SensitivityRow[]): string =>
  chart(
    'Sensitivity',
    drawOrdered({
      points: rows.map(({ group, density, accuracy }) => ({ x: 100 * density, y: accuracy, series: group })),
      x: 'channels of the group kept, %',
      y: 'accuracy, %',
      percent: true,
    }),
    ORDER,
  );

/** How good the network was after each stage, on the test images. */
export function stageTable(stages: ChannelSummary['stages']): string {
  const body = stages.map(
    ({ stage, what, accuracy, loss }) =>
      `<tr><th>${html(stage)}</th><td>${what}</td><td>${percent(accuracy)}</td><td>${loss.toFixed(4)}</td></tr>`,
  );
  return `<table><thead><tr><th>stage</th><th></th><th>accuracy</th><th>loss</th></tr></thead><tbody>${body.join('')}</tbody></table>`;
}

/** Every group, with what belongs to it. */
export function groupTable(groups: ChannelSummary['groups']): string {
  const body = groups.map(
    ({ name, before, after, members, spared }) =>
      `<tr><th>${html(name)}</th><td>${count(before)}</td><td>${count(after)}</td><td class="text"><details><summary>${count(members.length)}</summary>${members.map(html).join('<br>')}</details></td><td class="text">${html(spared ?? '')}</td></tr>`,
  );
  return `<p>A group is channels that stay or go together, in all tensors named: axis 0, 1, … after the colon.</p>
<table><thead><tr><th>group</th><th>channels</th><th>kept</th><th class="text">tensors</th><th class="text">left whole because</th></tr></thead><tbody>${body.join('')}</tbody></table>`;
}

/** What stays whole, gathered by the reason why. */
export function wholeTable(frozen: readonly Frozen[]): string {
  if (frozen.length === 0) return '<p>Every channel may be removed.</p>';
  const reasons = new Map<string, Set<string>>();
  for (const { tensor, role, axis, reason } of frozen)
    reasons.set(reason, (reasons.get(reason) ?? new Set()).add(`${tensor}, ${SIDES[role]} (axis ${axis})`));
  const body = [...reasons].map(
    ([reason, axes]) =>
      `<tr><th class="text">${html(reason)}</th><td class="text"><details><summary>${count(axes.size)}</summary>${[...axes].map(html).join('<br>')}</details></td></tr>`,
  );
  return `<table><thead><tr><th class="text">stays whole because</th><th class="text">axes</th></tr></thead><tbody>${body.join('')}</tbody></table>`;
}

const SIDES: Record<Frozen['role'], string> = {
  out: 'what it produces',
  in: 'what it consumes',
  along: 'one number for each channel',
};
