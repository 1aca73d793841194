/** What of each value is left once channels are removed. */
import type { Kept } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { analyse } from '../find/groups.js';
import type { Channels, Selection } from '../types.js';
import { keptPositions } from './plan.js';

/** Of the values of a graph, by name, the positions on each axis that a selection of its channels keeps. */
export const keptIn = (
  graph: Graph,
  { options }: Channels,
  selection: Selection,
): ((value: string) => Kept | undefined) => keptPositions(analyse(graph, options), selection);
