/** Several outputs, each with an objective and a weight: the loss is Σ weight · loss. Each has targets by its own name. */
import { fail } from '../base/index.js';
import type { Batch } from '../data/index.js';
import type { Targets } from '../engine/index.js';
import { call, input } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { pointwise, weighted } from './emit.js';
import type { Metric, Objective } from './types.js';

export interface OutputObjective {
  /** A name of the model. Its targets are the array of the same name. */
  output: string;
  objective: Objective;
  weight: number;
}

const WEIGHTED: Metric = { name: 'weighted loss', title: 'weighted loss of the outputs', better: 'lower' };

/** Objectives whose losses are graphs, of one output each, without a teacher. */
export function severalOutputs(parts: readonly OutputObjective[]): Objective {
  const named = ({ output, objective: { metrics } }: OutputObjective) =>
    metrics.map((metric) => ({ metric, name: `${metric.name} ${output}` }));
  return {
    name: 'outputs',
    title: parts.map(({ output, objective }) => `${objective.title} for ${output}`).join(', '),
    metrics: [
      WEIGHTED,
      ...parts.flatMap((part) =>
        named(part).map(({ metric, name }) => ({
          ...metric,
          name,
          title: `${metric.title} of ${part.output}`,
        })),
      ),
    ],
    settings: parts.map(({ output, weight, objective: { name, settings } }) => ({
      ...{ output, weight, name, settings },
    })),
    loss: (graph, use) => ({
      goal: {
        emit(site) {
          const losses = parts.map(({ output, objective }) => {
            const target = (name: string, shape: readonly number[]) =>
              site.target(arrayOf(output, name), shape);
            const loss = objective.loss(only(graph, output), use).goal!.emit({ ...site, target });
            // The share of a sample may differ from output to output.
            return pointwise(site.tape, call('mul', input(0), input(1)), [loss, target('share', [1])]);
          });
          return weighted(
            site.tape,
            losses,
            parts.map(({ weight }) => weight),
          );
        },
      },
    }),
    targets(batch) {
      const { count } = batch;
      const arrays = parts.flatMap(({ output, objective }) => {
        const own = objective.targets(batchFor(batch, output)) as Targets;
        const all = { ...own.arrays, share: own.shares.map((share) => share * count) };
        return Object.entries(all).map(([name, array]) => [arrayOf(output, name), array] as const);
      });
      return { arrays: Object.fromEntries(arrays), shares: new Float32Array(count).fill(1 / count) };
    },
    check(split, network, shapes) {
      for (const { objective } of parts) objective.check(split, network, shapes);
    },
    reads: (graph) => [
      ...new Set(parts.flatMap(({ output, objective }) => objective.reads(only(graph, output)))),
    ],
    judge(graph, shapes) {
      const judges = parts.map(({ output, objective }) => objective.judge(only(graph, output), shapes));
      return {
        add(answers, batch, taught) {
          for (const [k, judge] of judges.entries())
            judge.add(answers, batchFor(batch, parts[k].output), taught);
        },
        figures() {
          const each = judges.map((judge) => judge.figures());
          const loss = each.reduce((sum, figures, k) => sum + parts[k].weight * figures.loss, 0);
          const own = parts.flatMap((part, k) =>
            named(part).map(({ metric, name }) => [name, each[k].metrics![metric.name]] as const),
          );
          return {
            loss,
            metrics: { [WEIGHTED.name]: loss, ...Object.fromEntries(own) },
            notFinite: Math.max(...each.map(({ notFinite }) => notFinite)),
          };
        },
      };
    },
  };
}

const arrayOf = (output: string, name: string): string => `${output}/${name}`;

/** The batch as an objective with one output takes it. */
const batchFor = (batch: Batch, output: string): Batch => {
  const y = batch.targets?.[output];
  return { ...batch, targets: y && { y } };
};

/** The graph as if it had one output. @throws UserError where it has none of that name. */
function only(graph: Graph, output: string): Graph {
  const outputs = graph.outputs.filter(({ name }) => name === output);
  if (outputs.length === 0)
    fail(
      `The model has no output ${output}; it has ${graph.outputs.map(({ name }) => name).join(', ')}: name one of these.`,
    );
  return { ...graph, outputs };
}
