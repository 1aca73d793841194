/** What measured latencies do not say by themselves: where no gain was to be expected, and where none is shown. */
import { summarize } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { isDense, type Runtime } from './bench-contestants.js';

export interface BenchResult {
  model: string;
  runtime: Runtime;
  /** Of the runtime: 'native, AVX-512, 2 threads', '1.30.0'. */
  version: string;
  batch: number;
  /** Milliseconds of one run. */
  median: number;
  /** 95 % interval for the median. */
  interval: [low: number, high: number];
  /** How many times as fast as the first of the results. */
  speed: number;
  /** Fraction of the prunable weights that are zero. */
  sparsity: number;
  /** For one sample, and those whose weight is not zero. */
  macs: number;
  effectiveMacs: number;
  /** Fraction of the MACs in convolutions whose channels are no multiples of 8. */
  oddMacs: number;
}

/** Zeros that nobody pruned. */
const FEW = 0.01;
/** From about this sparsity on, leaving zeros out pays beside a good dense runtime. */
const ENOUGH = 0.8;
/** Of the gain that fewer MACs promise, what has not come when it is worth a word. */
const HALF = 0.5;
const FEWER = 0.75;
const BLOCK = 8;
const MANY = 0.25;
/** Samples that the engine computes side by side. */
const LANES = 16;

/** Sentences for people, in the order of their weight; none where the figures speak for themselves. */
export function benchNotes(results: readonly BenchResult[]): string[] {
  return [
    ...zerosMultiplied(results),
    ...tooFewZeros(results),
    ...gainsThatStayedAway(results),
    ...noDifference(results),
    ...idleLanes(results),
  ];
}

const percent = (fraction: number): string => `${Math.round(100 * fraction)} %`;
const times = (factor: number): string => `${factor.toFixed(factor < 10 ? 1 : 0)} ×`;
const listed = (names: readonly string[]): string =>
  [...new Set(names)].join(', ').replace(/, ([^,]*)$/, ' and $1');
const label = ({ model, runtime }: BenchResult): string => `${model} on ${runtime}`;

/** Whether one is faster than another beyond doubt. */
const isFaster = (one: BenchResult, other: BenchResult): boolean => one.interval[1] < other.interval[0];

function zerosMultiplied(results: readonly BenchResult[]): string[] {
  const sparse = results.filter(({ runtime, sparsity }) => isDense(runtime) && sparsity > FEW);
  if (sparse.length === 0) return [];
  const models = listed(sparse.map(({ model, sparsity }) => `${model} (${percent(sparsity)} zero)`));
  return [
    `No gain is to be expected on ${listed(sparse.map(({ runtime }) => runtime))} from the single zero weights of ${models}: dense runtimes multiply by them all the same. Zeros make the compressed file smaller; time is saved by runtimes that leave them out, or by removing whole channels.`,
  ];
}

function tooFewZeros(results: readonly BenchResult[]): string[] {
  return results
    .filter(({ runtime, sparsity }) => runtime === 'espalier/runtime' && sparsity < ENOUGH)
    .flatMap((own) => {
      const dense = results.filter(({ model, runtime }) => model === own.model && isDense(runtime));
      if (dense.length === 0 || dense.every((other) => isFaster(own, other))) return [];
      return own.sparsity > FEW
        ? `${percent(own.sparsity)} of the weights of ${own.model} are zero, which is too few for espalier/runtime to gain by: it takes about ${percent(ENOUGH)} and more.`
        : `${own.model} is not sparse, so espalier/runtime has nothing to leave out: a dense runtime is the better choice.`;
    });
}

/** Models of fewer MACs than the first on the same runtime that are hardly faster. */
function gainsThatStayedAway(results: readonly BenchResult[]): string[] {
  return results.flatMap((own) => {
    const first = results.find(({ runtime }) => runtime === own.runtime)!;
    const promised = first.macs / own.macs;
    const gained = first.median / own.median;
    if (!(own.macs > 0 && own.macs <= FEWER * first.macs) || gained - 1 >= HALF * (promised - 1)) return [];
    const why =
      own.oddMacs > MANY
        ? `${percent(own.oddMacs)} of its MACs are in layers whose numbers of channels are no multiples of ${BLOCK}, and processors compute in blocks of 8 or 16: --round-to 16 keeps such numbers`
        : 'what is left is probably reading and writing memory and going from layer to layer, which fewer MACs do not shorten alike';
    return `${label(own)} has ${times(promised)} fewer MACs than ${first.model} but is only ${times(gained)} as fast: ${why}.`;
  });
}

function noDifference([first, ...others]: readonly BenchResult[]): string[] {
  const alike = others.filter((other) => !isFaster(first, other) && !isFaster(other, first));
  if (alike.length === 0) return [];
  return [
    `No difference to ${label(first)} is shown for ${listed(alike.map(label))}: the intervals overlap; more --runs make them narrower.`,
  ];
}

function idleLanes(results: readonly BenchResult[]): string[] {
  const few = results.find(({ runtime, batch }) => runtime === 'espalier' && batch < LANES);
  if (!few) return [];
  return [
    `espalier is the engine that trains: it computes ${LANES} samples side by side, so a run of ${few.batch} takes it as long as one of ${LANES}. For single samples there is espalier/runtime.`,
  ];
}

/** The fraction of a model's MACs in convolutions whose numbers of channels, in or out, are no multiples of 8; inputs of the model do not count. */
export function oddMacs(graph: Graph, inputShapes: Record<string, number[]> = {}): number {
  const { layers, macs } = summarize(graph, { inputShapes });
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const first = new Set(graph.nodes.filter((node) => node.inputs.some((name) => inputs.has(name))));
  const names = new Set([...first].map(({ name }) => name));
  const odd = layers.filter(({ op, name, prunable: [weight] }) => {
    const [outputs, channels] = graph.initializers.get(weight)?.shape ?? [];
    if (op !== 'Conv' || outputs === undefined) return false;
    return outputs % BLOCK !== 0 || (channels % BLOCK !== 0 && channels > 1 && !names.has(name));
  });
  return macs ? odd.reduce((sum, layer) => sum + layer.macs, 0) / macs : 0;
}
