/** A pruning method in a training run: the trainer's hooks on one side, the method's layers on the other. */
import { fail } from '../base/index.js';

import { biasesBeside, findOperator, inputAxisOf, outputAxisOf, weightsBehind } from '../graph/index.js';
import { type Access, everything, type Hook, type HookMoment, type TrainState } from '../train/index.js';
import { named } from './options.js';
import type { Method, Plan, Prunable, Surroundings } from './types.js';

/**
 * The hook of a method; `onPlan` is told the plan once it stands, fresh or restored. A run is resumed only with the method
 * and the options that it was started with; else the hook throws a UserError.
 */
export function pruningHook<Options extends object>(
  method: Method<Options>,
  given: Options,
  onPlan: (plan: Plan) => void = () => {},
): Hook {
  const options = named(given);
  let plan: Plan;
  let layers: Prunable[];
  let around: Surroundings;
  const enter = (state: TrainState, memory: Surroundings['memory']) => {
    const { network, training, iterations, seed, objective } = state;
    layers = prunables(state);
    around = {
      ...{ network, training, iterations, seed, objective, memory },
      firstBatch: () => state.firstBatch(),
      examples: (perClass) => state.examples(perClass),
    };
  };
  return {
    async start(state) {
      enter(state, new Map());
      plan = method.plan({ layers, iterations: state.iterations, seed: state.seed }, options);
      onPlan(plan);
      return method.start(plan, layers, around);
    },
    afterGradients: (_, iteration) => method.update(plan, layers, iteration, around),
    afterUpdate: (_, iteration) => method.afterUpdate?.(plan, iteration, around),
    needsPrunedGradients: (iteration) =>
      method.needsPrunedGradient?.(plan, iteration) ?? method.needsGradient(plan, iteration),
    touches: (moment, iteration) =>
      method.touches?.(plan, moment, iteration) ?? touched(method, plan, moment, iteration),
    clock: method.clock && ((iteration) => method.clock!(plan, iteration)),
    save: () => plan,
    arrays: () => around.memory,
    restore(saved, state, arrays) {
      enter(state, new Map(arrays));
      plan = upToDate(saved as Plan);
      refuseOther(plan, method, options);
      onPlan(plan);
    },
  };
}

/** Everything, where a method acts and does not say on what. */
function touched(method: Method, plan: Plan, moment: HookMoment, iteration: number): Access {
  const acts =
    moment === 'afterUpdate'
      ? method.afterUpdate !== undefined
      : plan.updates.includes(iteration) || method.needsGradient(plan, iteration);
  return acts ? { reads: everything, writes: everything } : {};
}

/** A plan of an earlier version, which called the pruning schedule `schedule`. */
function upToDate(plan: Plan): Plan {
  const { schedule, ...options } = plan.options as { schedule?: string };
  return schedule === undefined ? plan : { ...plan, options: { ...options, pruningSchedule: schedule } };
}

/** Throws a UserError that names the first thing in which a resumed run is not what it was. */
function refuseOther(plan: Plan, method: Method, options: Readonly<Record<string, unknown>>): void {
  if (plan.method !== method.name)
    fail(
      `The run was started with the pruning method ${plan.method}, not ${method.name}; resume it with that.`,
    );
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const now: Record<string, unknown> = { ...method.defaults, ...Object.fromEntries(given) };
  const then = plan.options as Record<string, unknown>;
  for (const name of new Set([...Object.keys(then), ...Object.keys(now)])) {
    const [was, is] = [then[name], now[name]].map((value) => JSON.stringify(value));
    if (was !== is)
      fail(
        `The run was started with the option ${name} of ${method.name} at ${was}, not ${is}; resume it with the same options.`,
      );
  }
}

/** Of a training, or of what stands in for one, what pruning reads. */
interface Trained {
  network: Pick<TrainState['network'], 'graph' | 'parameters'>;
  training: {
    slots: ReadonlyMap<string, Pick<Prunable, 'gradient' | 'mask'> & { state: Prunable['momentum'] }>;
  };
}

/** The trained weights that count, in the order of the graph. */
export function prunables({ network, training }: Trained): Prunable[] {
  const { graph, parameters } = network;
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const behind = weightsBehind(graph);
  const biasOf = biasesBeside(graph);
  const counted = [...parameters.values()].filter(
    ({ name, prunable }) => prunable && training.slots.has(name),
  );
  const order = new Map(graph.nodes.map((node, i) => [node.name, i]));
  counted.sort((a, b) => order.get(a.node)! - order.get(b.node)!);
  const first = counted.find(({ op }) => op === 'Conv');
  const last = counted[counted.length - 1];
  return counted.map((parameter) => {
    const { name, op, shape, weight } = parameter;
    const { gradient, state, mask } = training.slots.get(name)!;
    const node = nodes.get(parameter.node)!;
    const operator = findOperator(node);
    const index = node.inputs.findIndex((input) => behind(input) === name);
    const bias = parameters.get(biasOf(node, name) ?? '');
    return {
      name,
      op,
      shape,
      outputAxis: outputAxisOf(operator, node, index, shape.length),
      inputAxis: inputAxisOf(operator, node, index, shape.length),
      weight,
      gradient,
      momentum: state,
      mask,
      biases: bias?.weight.length ?? 0,
      first: parameter === first,
      last: parameter === last,
    };
  });
}
