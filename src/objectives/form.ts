/** The graph that is trained in the place of a model. */
import { openQuantized } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { classification } from './classification.js';
import type { Objective } from './types.js';

/**
 * The graph to load where an objective, by default classification, is trained: with the same names and weights, and real numbers where a
 * weight is stored as whole ones.
 */
export const graphToTrain = (graph: Graph, objective: Pick<Objective, 'form'> = classification()): Graph =>
  openQuantized(objective.form?.(graph) ?? graph);
