/** The weights that read what is left of removed channels, solved for from samples; see the `calibration` room. */
import {
  type Channels,
  keptIn,
  retiedAs,
  type Selection,
  untied,
  withMembers,
} from '../../channels/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Repair, type RepairOptions, solvedFor } from '../repair.js';

/** A network before and after channels were removed. */
export interface Cut {
  graph: Graph;
  smaller: Graph;
  channels: Channels;
  selection: Selection;
}

/**
 * The smaller network with weights that reproduce what the whole one computes.
 * @returns no facts where no layer reads what was removed, or none could be solved for: then the network is as it was.
 */
export async function repaired(
  { graph, smaller, channels, selection }: Cut,
  options: RepairOptions,
): Promise<Repair> {
  const { graph: student } = untied(smaller);
  const kept = keptIn(graph, channels, selection);
  const { graph: solved, facts } = await solvedFor(
    { teacher: withMembers(graph), student },
    { ...options, kept },
  );
  return facts ? { graph: retiedAs(solved, graph), facts } : { graph: smaller };
}
