/** The stages of a run that removes channels: which there are, and what each leaves in its folder. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Dropped,
  readMasks,
  type Selection,
  type SensitivityRow,
  writeMasks,
} from '../../channels/index.js';
import { asStored, type Graph, writeModel } from '../../onnx/index.js';
import type { EpochMetrics, MaskReport } from '../../train/index.js';
import { type RunFolder, readJson, writeJson } from '../folder.js';
import { readLike } from '../front.js';
import type { PruneRecipe } from '../recipe.js';
import type { RepairFacts } from '../repair.js';
import type { Measured } from '../summary.js';
import { targetOf } from './defaults.js';

export type StageKind = 'unfold' | 'depth' | 'sparse' | 'mask' | 'marked' | 'prune' | 'fine-tune';

export interface Stage {
  /** '3-fine-tune': also that of its folder. */
  name: string;
  kind: StageKind;
  /** Of a training. */
  epochs: number;
  lr: number;
  /** Of mask, prune and fine-tune: counted from 1. */
  round: number;
}

/** What a stage says of itself: stage.json, written when all else is there. */
export interface StageFacts {
  epochs?: EpochMetrics[];
  masks?: MaskReport[];
  measured: Measured[];
  /** Of a network that channels were taken out of: how far it is from the one with them at zero, relative to its answers. */
  error?: number;
  /** Of weights that were solved for. */
  repair?: RepairFacts;
  /** Of every group that was judged: what each unit was worth. */
  importance?: Record<string, number[]>;
  sensitivity?: { whole: number; rows: SensitivityRow[] };
  /** Residual arms that went. */
  arms?: Dropped[];
}

/** What a stage hands on: the network, and which of the units it had are kept. */
export interface Outcome {
  graph: Graph;
  selection?: Selection;
  facts: StageFacts;
}

/** All stages of a recipe, in order; trainings of no epochs are left out. */
export function stagesOf(recipe: PruneRecipe, unfold: boolean): Stage[] {
  const { lr, sparseEpochs = 0, markedEpochs = 0, fineTune = 0, fineTuneRate = lr, rounds = 1 } = recipe;
  const stages: Omit<Stage, 'name'>[] = [];
  const add = (kind: StageKind, about: Partial<Stage> = {}) =>
    stages.push({ kind, epochs: 0, lr, round: 1, ...about });
  if (unfold) add('unfold');
  if (recipe.dropArms) add('depth');
  if (sparseEpochs) add('sparse', { epochs: sparseEpochs });
  const cuts = removesMore(recipe);
  for (let round = 1; round <= rounds; round++) {
    if (cuts) add('mask', { round });
    if (markedEpochs && round === 1) add('marked', { epochs: markedEpochs });
    if (cuts) add('prune', { round });
    const epochs = Math.floor((fineTune * round) / rounds) - Math.floor((fineTune * (round - 1)) / rounds);
    if (epochs) add('fine-tune', { epochs, lr: fineTuneRate, round });
  }
  return stages.map((stage, i) => ({ ...stage, name: `${i + 1}-${stage.kind}` }));
}

/** Whether channels go, and not only arms. */
const removesMore = (recipe: PruneRecipe): boolean =>
  !recipe.dropArms || recipe.mask !== undefined || targetOf(recipe) !== undefined || recipe.rule !== 'target';

/** Where a stage's files are. */
export function stageFolder({ stages }: RunFolder, { name }: Stage) {
  const at = (file: string) => join(stages, name, file);
  return {
    path: join(stages, name),
    state: at('state.bin'),
    model: at('model.onnx'),
    mask: at('mask.json'),
    facts: at('stage.json'),
  };
}

/** What a stage left; undefined where it is not done. */
export async function readOutcome(
  folder: RunFolder,
  stage: Stage,
  graph: Graph,
): Promise<Outcome | undefined> {
  const { model, mask, facts: path } = stageFolder(folder, stage);
  const facts = (await readJson(path)) as StageFacts | undefined;
  if (!facts) return undefined;
  const chooses = stage.kind === 'mask';
  return {
    facts,
    graph: chooses ? graph : await readLike(model, graph),
    selection: chooses || stage.kind === 'prune' ? new Map(Object.entries(await readMasks(mask))) : undefined,
  };
}

/** Keeps what a stage made, and gives it as a resumed run finds it. */
export async function keepOutcome(folder: RunFolder, stage: Stage, made: Outcome): Promise<Outcome> {
  const { path, model, mask, facts } = stageFolder(folder, stage);
  await mkdir(path, { recursive: true });
  const outcome = asKept(stage, made);
  if (stage.kind !== 'mask') await writeModel(model, outcome.graph);
  if (outcome.selection) await writeMasks(mask, outcome.selection);
  await writeJson(facts, outcome.facts);
  return outcome;
}

/** What reading the files of a stage gives: numbers are as files hold them. */
const asKept = ({ kind }: Stage, { graph, selection, facts }: Outcome): Outcome => ({
  graph: kind === 'mask' ? graph : asStored(graph),
  selection: kind === 'mask' || kind === 'prune' ? selection : undefined,
  facts: JSON.parse(JSON.stringify(facts)),
});
