/** What a finished run says of itself. */
import type { ByClass, Figures, Objective } from '../objectives/index.js';
import { narrowIn } from '../onnx/index.js';
import type { Plan } from '../sparsity/index.js';
import type { EpochMetrics, Evaluation, MaskReport } from '../train/index.js';
import { bytesOfModel, type Exported } from './export.js';
import { histograms } from './histogram.js';
import { measure } from './measure.js';
import type { Pictures } from './pictures.js';
import type { PruneRecipe } from './recipe.js';
import { changeWith } from './structured/change.js';
import {
  type Change,
  type ChannelSummary,
  type ClassSummary,
  objectiveSummary,
  type Summary,
} from './summary.js';
import type { ModelTask } from './task.js';
import type { Work } from './work.js';

export interface Finished extends Omit<Work, 'task' | 'resume' | 'options'> {
  task: ModelTask & { objective?: Objective };
  /** Of all trainings. */
  epochs: readonly EpochMetrics[];
  /** At the end, on the test images; absent where there were none. */
  measured?: Figures;
  /** The classes of the data by name. */
  classes?: readonly string[];
  best?: Summary['best'];
  before?: Evaluation;
  plan?: Plan;
  /** What the updates of the masks reported. */
  masks?: readonly (MaskReport & { held?: string[] })[];
  channels?: ChannelSummary;
  latency?: Change;
  search?: Summary['search'];
  /** How they were prepared. */
  pictures?: Pictures;
  /** On the data. */
  notes?: readonly string[];
  answers?: Summary['answers'];
  exported: Exported;
}

/** The summary of a run whose model has been written. */
export async function sumUp({
  recipe,
  task,
  machine,
  engines = [],
  epochs,
  measured,
  best,
  before,
  plan,
  masks = [],
  channels,
  latency,
  search,
  notes = [],
  pictures,
  answers,
  classes,
  exported,
}: Finished): Promise<Summary> {
  const final = exported.graph;
  const [was, is] = [task.graph, final].map((graph) => measure(graph, task.inputShapes));
  const [weightsBefore, weightsAfter] = histograms(
    [task.graph, final],
    is.layers.map(({ name }) => name),
  );
  const bytesBefore = await bytesOfModel(task.graph);
  const spared = new Map(plan?.layers.map(({ name, spared }) => [name, spared]));
  const everHeld = new Set(masks.flatMap(({ held = [] }) => held));
  const held = is.layers.filter(({ name, kept }) => kept === 1 && everHeld.has(name)).map(({ name }) => name);
  const { method, sparsity: target } = recipe as Partial<PruneRecipe>;
  const changed = changeWith(recipe);
  return {
    espalier: recipe.version,
    command: recipe.command,
    model: recipe.model,
    data: recipe.data,
    pictures,
    ...(notes.length > 0 && { notes: [...notes] }),
    method,
    seed: recipe.seed,
    epochs: recipe.epochs,
    engine: machine.description,
    ...(engines.length > 1 && { engines: [...engines] }),
    prunable: {
      count: is.prunable,
      layers: is.layers.map((layer) => ({ ...layer, spared: spared.get(layer.name) })),
      emptied: is.layers.filter(({ kept }) => kept === 0).map(({ name }) => name),
      ...(held.length > 0 && { held }),
    },
    unpruned: is.unpruned,
    sparsity: { before: was.sparsity, after: is.sparsity, target },
    sparsityWithBiases: { before: was.sparsityWithBiases, after: is.sparsityWithBiases },
    effectiveSparsity: { before: was.effectiveSparsity, after: is.effectiveSparsity },
    deadUnits: { before: was.deadUnits, after: is.deadUnits, of: is.units },
    params: changed('params', was.params, is.params),
    nonzero: { before: was.nonzero, after: is.nonzero },
    macs: changed('macs', was.macs, is.macs),
    effectiveMacs: { before: was.effectiveMacs, after: is.effectiveMacs },
    liveMacs: { before: was.liveMacs, after: is.liveMacs },
    weights: { before: weightsBefore, after: weightsAfter },
    bytes: {
      raw: changed('bytes', bytesBefore.raw, exported.bytes.raw),
      gzip: { before: bytesBefore.gzip, after: exported.bytes.gzip },
    },
    latency,
    search,
    channels: channels && {
      ...channels,
      units: changed('channels', channels.units.before!, channels.units.after),
    },
    ...figuresOf(measured, before),
    classes: measured?.byClass && classSummaries(measured.byClass, before?.byClass, classes),
    objective: task.objective && objectiveSummary(task.objective),
    answers,
    export: {
      flushed: exported.flushed,
      check: exported.check,
      narrow: narrowIn(final),
    },
    best,
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** Classes without a test sample have no accuracy, and are left out. */
function classSummaries(
  now: ByClass,
  before: ByClass | undefined,
  names: readonly string[] = [],
): ClassSummary[] {
  const accuracyOf = ({ right, samples }: ByClass, label: number) => right[label] / samples[label];
  return now.samples.flatMap((samples, label) =>
    samples === 0
      ? []
      : {
          name: names[label] ?? String(label),
          samples,
          accuracy: { before: before && accuracyOf(before, label), after: accuracyOf(now, label) },
        },
  );
}

/** What was measured at the end, beside what was before the run. */
function figuresOf(
  after: Figures | undefined,
  before: Figures | undefined,
): Pick<Summary, 'accuracy' | 'loss' | 'metrics'> {
  if (!after) return {};
  const { accuracy, loss, metrics } = after;
  const changes = Object.entries(metrics ?? {}).map(([name, value]) => {
    return [name, { before: before?.metrics?.[name], after: value }] as const;
  });
  return {
    ...(accuracy !== undefined && { accuracy: { before: before?.accuracy, after: accuracy } }),
    loss: { before: before?.loss, after: loss },
    ...(metrics && { metrics: Object.fromEntries(changes) }),
  };
}
