/** Objectives of models in another form: of what can be computed of one that cannot be computed whole, and of one whose statistics stay. */
import { byRunningStatistics } from '../graph/index.js';
import type { Graph, Value } from '../onnx/index.js';
import type { Objective } from './types.js';

/** The objective with networks whose BatchNormalization goes by its running statistics while they are trained. */
export const onRunningStatistics = (objective: Objective): Objective => ({
  ...objective,
  form: (graph) => byRunningStatistics(objective.form?.(graph) ?? graph),
});

/** The objective as if these values were all that a model puts out. */
export function atEnds(objective: Objective, ends: readonly Value[]): Objective {
  const seen = (graph: Graph): Graph => ({ ...graph, outputs: [...ends] });
  const { form, withExtras } = objective;
  return {
    ...objective,
    form: form && ((graph) => ({ ...form(seen(graph)), outputs: graph.outputs })),
    withExtras: withExtras && ((extras) => atEnds(withExtras(extras), ends)),
    loss: (graph, use) => ({
      ...objective.loss(seen(graph), use),
      ...(objective.labelled && ends.length === 1 && { output: ends[0].name }),
    }),
    check: (split, network, shapes) =>
      objective.check(split, { graph: seen(network.graph), inputs: network.inputs }, shapes),
    reads: (graph) => objective.reads(seen(graph)),
    judge: (graph, shapes) => objective.judge(seen(graph), shapes),
  };
}
