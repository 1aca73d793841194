/** What the playground does: the library's own commands, over the files of the page. */
import { version } from '../base/index.js';
import { structuredMethods } from '../channels/index.js';
import { isUnlabelled } from '../data/index.js';
import { gpuHere, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { readModel, writeModel } from '../onnx/index.js';
import { writeReport } from '../report/index.js';
import {
  inspectModel,
  openTask,
  packModel,
  type Recipe,
  type RunOptions,
  type RunResult,
  resolveRecipe,
  resumeRun,
  startRun,
} from '../runs/index.js';
import { methods } from '../sparsity/index.js';
import { networkIn } from '../watch/index.js';
import { getFile, keepFiles, listFiles, putFile, removeFiles, useOnnxruntime } from '../web/index.js';
import { compare, forget, takenBy } from './compare.js';
import { costOf } from './cost.js';
import { dataSpec, recipeFor } from './given.js';
import { EXAMPLE, MODEL, NAME, RUN } from './places.js';
import type {
  Call,
  Calls,
  Download,
  Interrupted,
  MethodChoice,
  ModelGiven,
  News,
  Result,
} from './protocol.js';

type Tell = (news: News) => void;

let running: AbortController | undefined;

/** Answers to what the page asks. */
export const calls: { [C in Call]: (given: Calls[C][0], tell: Tell) => Promise<Calls[C][1]> } = {
  async start(_, tell) {
    useOnnxruntime(() => import('./onnxruntime/ort.wasm.min.mjs' as string));
    const onLost = (why: string) =>
      tell({
        news: 'note',
        sentence: `The browser keeps no more files (${why}): a crash would lose this run.`,
      });
    const kept = await keepFiles({ onLost });
    const machine = await openMachine();
    const { description: engine } = machine;
    await machine.close();
    return {
      ...{ engine, gpu: await gpuHere(), kept },
      ...{ methods: choices(), interrupted: await interrupted() },
    };
  },
  async openModel(given, tell) {
    await forget();
    await removeFiles(RUN);
    await putFile(NAME, given.name);
    await placeModel(given, tell);
    const { card: _, ...facts } = await inspectModel({ model: MODEL, inputShape: given.inputShape });
    return { name: given.name, facts, network: networkIn(await readModel(MODEL)) };
  },
  async openData({ kind, files, inputShape }) {
    if (files.length > 0) {
      await removeFiles('/data');
      for (const { path, file } of files) await putFile(`/data/${path}`, file);
    }
    if (kind === 'none')
      return { kind, train: 0, test: 0, classes: [], shape: [], labelled: false, notes: [] };
    const { dataset, notes = [] } = await openTask({ model: MODEL, data: dataSpec(kind), inputShape });
    return {
      ...{ kind, train: dataset.train.length, test: dataset.test?.length ?? 0, classes: dataset.classes },
      ...{ shape: dataset.shape, labelled: !isUnlabelled(dataset.train) },
      notes: [...(dataset.notes ?? []), ...notes],
    };
  },
  cost: (choice) => costOf(choice),
  async prune(choice, tell) {
    await forget();
    await removeFiles(RUN);
    const recipe = resolveRecipe('prune', recipeFor(choice), version);
    return ending((options) => startRun(recipe, RUN, options), tell);
  },
  async resume(_, tell) {
    // The page may have no GPU any more.
    const engine = (await gpuHere()) ? undefined : 'wasm';
    return ending((options) => resumeRun(RUN, { ...options, engine }), tell);
  },
  discard: () => removeFiles(RUN).then(() => undefined),
  async stop() {
    running?.abort();
    return undefined;
  },
  compare: (given) => compare(given),
  download: async (name) => new Blob([await bytesFor(name)], { type: TYPES[name] }),
};

const TYPES: Record<Download, string> = {
  'model.onnx': 'application/octet-stream',
  'model.espk': 'application/octet-stream',
  'report.html': 'text/html',
};

async function bytesFor(name: Download): Promise<Uint8Array<ArrayBuffer>> {
  if (name === 'model.espk') await packModel({ model: `${RUN}/model.onnx`, out: `${RUN}/model.espk` });
  return (await getFile(`${RUN}/${name}`))!;
}

const choices = (): MethodChoice[] => [
  ...structuredMethods.map(
    ({ name, summary }): MethodChoice => ({ name, summary, removes: 'channels', trains: false }),
  ),
  ...methods.map(
    ({ name, summary, defaults }): MethodChoice => ({
      ...{ name, summary, removes: 'weights' },
      trains: !(defaults as { rounds?: number }).rounds,
    }),
  ),
];

/** Puts the model in its place: one that was given, one of the zoo with random weights, or one that is trained here on the digits. */
async function placeModel({ file, example }: ModelGiven, tell: Tell): Promise<void> {
  if (file) return putFile(MODEL, file);
  if (example !== 'digits') {
    const options = { shape: [3, 32, 32] as const, classes: 10, seed: 0 };
    return writeModel(MODEL, buildNetwork(example!, { ...options, shape: [...options.shape] }));
  }
  if (!(await getFile(`${EXAMPLE}/model.onnx`))) {
    await removeFiles(EXAMPLE);
    tell({ news: 'note', sentence: 'Training a ResNet-8 on the digits …' });
    const settings = { model: 'resnet8', width: 0.5, data: 'digits', epochs: 8, batch: 64, lr: 0.1, seed: 1 };
    await startRun(resolveRecipe('train', settings, version), EXAMPLE, {
      onStep: (progress) => tell({ news: 'step', progress }),
    });
  }
  await putFile(MODEL, (await getFile(`${EXAMPLE}/model.onnx`))!);
}

/** Carries out a run to its result; undefined where it was stopped. */
async function ending(
  run: (options: RunOptions) => Promise<RunResult>,
  tell: Tell,
): Promise<Result | undefined> {
  running = new AbortController();
  const { folder, summary } = await run({
    signal: running.signal,
    onNote: (sentence) => tell({ news: 'note', sentence }),
    onStart: ({ engine }) => tell({ news: 'note', sentence: `Training on ${engine}.` }),
    onStep: (progress) => tell({ news: 'step', progress }),
    onEpoch: (metrics) => tell({ news: 'epoch', metrics }),
  });
  if (!summary) return undefined;
  await writeReport(folder);
  const densities = new Map(summary.prunable.layers.map(({ name, density }) => [name, density]));
  const macsAfter = new Map(summary.channels?.layers.map(({ name, after }) => [name, after]));
  return {
    name: new TextDecoder().decode(await getFile(NAME)),
    summary,
    network: networkIn(await readModel(folder.start), { densities, macsAfter }),
    takes: await takenBy(folder.model),
  };
}

async function interrupted(): Promise<Interrupted | undefined> {
  const files = new Set(listFiles(RUN));
  if (!files.has(`${RUN}/recipe.json`) || files.has(`${RUN}/summary.json`)) return undefined;
  const text = async (path: string) => new TextDecoder().decode(await getFile(path));
  const { method } = JSON.parse(await text(`${RUN}/recipe.json`)) as Recipe & { method: string };
  const lines = files.has(`${RUN}/metrics.jsonl`) ? (await text(`${RUN}/metrics.jsonl`)).split('\n') : [];
  const epochs = lines.filter((line) => line.includes('"kind":"epoch"')).length;
  return { model: await text(NAME), method, epochs };
}
