/** What a finished run says of itself. */
import type { ByClass, Figures, Objective } from '../objectives/index.js';
import { narrowIn } from '../onnx/index.js';
import type { Plan } from '../sparsity/index.js';
import type { EpochMetrics, Evaluation, MaskReport } from '../train/index.js';
import { bytesOfModel, type Exported } from './export.js';
import { histograms } from './histogram.js';
import { type Measure, measure } from './measure.js';
import type { Pictures } from './pictures.js';
import type { PruneRecipe, Recipe } from './recipe.js';
import { changeWith } from './structured/change.js';
import {
  type Change,
  type ChannelSummary,
  type ClassSummary,
  objectiveSummary,
  type StageMeasured,
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
  stages?: readonly StageMeasured[];
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
export async function sumUp(run: Finished): Promise<Summary> {
  const { recipe, task, epochs, measured, before, channels, classes, exported } = run;
  const { graph, bytes, flushed, check } = exported;
  const [was, is] = [task.graph, graph].map((model) => measure(model, task.inputShapes));
  const [weightsBefore, weightsAfter] = histograms(
    [task.graph, graph],
    is.layers.map(({ name }) => name),
  );
  const bytesBefore = await bytesOfModel(task.graph);
  const changed = changeWith(recipe);
  return {
    ...identityOf(run),
    prunable: prunableOf(is, run),
    unpruned: is.unpruned,
    ...sizesOf(was, is, recipe),
    weights: { before: weightsBefore, after: weightsAfter },
    bytes: {
      raw: changed('bytes', bytesBefore.raw, bytes.raw),
      gzip: { before: bytesBefore.gzip, after: bytes.gzip },
    },
    latency: run.latency,
    search: run.search,
    channels: channels && {
      ...channels,
      units: changed('channels', channels.units.before!, channels.units.after),
    },
    ...(run.stages?.length && { stages: run.stages.map(({ byClass: _, ...stage }) => stage) }),
    ...figuresOf(measured, before),
    classes: measured?.byClass && classSummaries(measured.byClass, before?.byClass, classes),
    objective: task.objective && objectiveSummary(task.objective),
    answers: run.answers,
    export: { flushed, check, narrow: narrowIn(graph) },
    best: run.best,
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

/** What was run, on what, and with what. */
function identityOf({ recipe, machine, engines = [], notes = [], pictures }: Finished) {
  const { version, command, model, data, method, seed, epochs } = recipe as Recipe & Partial<PruneRecipe>;
  return {
    ...{ espalier: version, command, model, data, pictures },
    ...(notes.length > 0 && { notes: [...notes] }),
    ...{ method, seed, epochs, engine: machine.description },
    ...(engines.length > 1 && { engines: [...engines] }),
  };
}

/** The prunable layers, and what is remarkable about them. */
function prunableOf(
  { prunable, layers }: Measure,
  { plan, masks = [] }: Pick<Finished, 'plan' | 'masks'>,
): Summary['prunable'] {
  const spared = new Map(plan?.layers.map(({ name, spared }) => [name, spared]));
  const everHeld = new Set(masks.flatMap(({ held = [] }) => held));
  const held = layers.filter(({ name, kept }) => kept === 1 && everHeld.has(name)).map(({ name }) => name);
  return {
    count: prunable,
    layers: layers.map((layer) => ({ ...layer, spared: spared.get(layer.name) })),
    emptied: layers.filter(({ kept }) => kept === 0).map(({ name }) => name),
    ...(held.length > 0 && { held }),
  };
}

/** What the model weighs before and after. */
function sizesOf(was: Measure, is: Measure, recipe: Recipe) {
  const changed = changeWith(recipe);
  const both = <Name extends keyof Measure>(name: Name) => ({ before: was[name], after: is[name] });
  return {
    sparsity: { ...both('sparsity'), target: (recipe as Partial<PruneRecipe>).sparsity },
    sparsityWithBiases: both('sparsityWithBiases'),
    effectiveSparsity: both('effectiveSparsity'),
    deadUnits: { ...both('deadUnits'), of: is.units },
    params: changed('params', was.params, is.params),
    nonzero: both('nonzero'),
    macs: changed('macs', was.macs, is.macs),
    effectiveMacs: both('effectiveMacs'),
    liveMacs: both('liveMacs'),
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
