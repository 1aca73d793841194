/** Original and pruned model on the same input: what they answer, and how long it takes in espalier/runtime and onnxruntime-web. */
import type { Label, Model } from '../runtime/index.js';
import { getFile } from '../web/index.js';
import { RUN } from './places.js';
import type { Answer, CompareGiven, Comparison, Frame, Result } from './protocol.js';

type Runtime = Pick<typeof import('../runtime/index.js'), 'classify' | 'load'>;

interface Contestant {
  model: Model;
  bytes: Uint8Array<ArrayBuffer>;
  session?: Session;
}

/** What is used of onnxruntime-web. */
interface Session {
  run(feeds: Record<string, unknown>): Promise<unknown>;
  release(): Promise<void>;
}

/** Milliseconds and runs to measure for, at most. */
const TIME = 300;
const RUNS = 30;
/** Classes that are shown. */
const SHOWN = 3;

let loaded: Promise<{ original: Contestant; pruned: Contestant }> | undefined;

// It lies beside the worker, as dist/browser/runtime.js.
const runtime = (): Promise<Runtime> => import('./runtime.js' as string);

async function contestant(path: string): Promise<Contestant> {
  const bytes = (await getFile(path))!;
  return { bytes, model: await (await runtime()).load(bytes.slice()) };
}

const both = () => {
  loaded ??= Promise.all([contestant(`${RUN}/checkpoint/start.onnx`), contestant(`${RUN}/model.onnx`)]).then(
    ([original, pruned]) => ({ original, pruned }),
  );
  return loaded;
};

/** Gives the models of an earlier run back. */
export async function forget(): Promise<void> {
  const held = await loaded?.catch(() => undefined);
  loaded = undefined;
  for (const { model, session } of held ? [held.original, held.pruned] : []) {
    await model.close();
    await session?.release();
  }
}

/** What a model can be shown. */
export async function takenBy(path: string): Promise<Result['takes']> {
  const model = await (await runtime()).load((await getFile(path))!.slice());
  const shapes = [...model.inputs.values()];
  await model.close();
  const [shape] = shapes;
  const pictures = shapes.length === 1 && shape.length === 4;
  const samples = shapes.length === 1 && !pictures ? sizeOf(shape) : undefined;
  return { pictures, samples };
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Compares both models. @throws UserError where one cannot be run, or takes other inputs. */
export async function compare({ frame, onnxruntime }: CompareGiven): Promise<Comparison> {
  const { original, pruned } = await both();
  const inputs = inputsFor(original.model, frame);
  const answers = [await original.model.run(inputs), await pruned.model.run(inputs)];
  const times = await timesOf(
    [original, pruned].map(
      ({ model }) =>
        () =>
          model.run(inputs),
    ),
  );
  const others = onnxruntime ? await ofOnnxruntime([original, pruned], inputs) : {};
  const about = await Promise.all([original, pruned].map(({ model }) => labelsOf(model, frame)));
  const answer = (i: number): Answer => ({
    labels: about[i]?.slice(0, SHOWN).map(({ label, score }) => ({ label, score })),
    espalier: times[i],
    onnxruntime: others.times?.[i],
  });
  return {
    ...{ original: answer(0), pruned: answer(1) },
    difference: about[0] && about[1] ? scoresApart(about[0], about[1]) : differenceOf(answers[0], answers[1]),
    machine: original.model.machine,
    without: others.without,
  };
}

/** The best classes of a picture; undefined where the model is no classifier. */
async function labelsOf(model: Model, frame: Frame): Promise<Label[] | undefined> {
  if (frame.kind !== 'picture') return undefined;
  const { classify } = await runtime();
  const top = sizeOf([...model.outputs.values()][0]);
  return classify(model, frame.pixels, { top, ...normalizationOf(model) }).catch(() => undefined);
}

/** A model that does not say how its pictures are normalised is shown values from 0 to 1. */
const normalizationOf = ({ card }: Model) => (card.mean ? {} : { mean: [0], std: [1], scale: 255 });

function inputsFor({ inputs }: Model, frame: Frame): Record<string, Float32Array> {
  return Object.fromEntries(
    [...inputs].map(([name, shape]) => {
      const length = sizeOf(shape);
      if (frame.kind !== 'samples') return [name, Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i))];
      return [name, frame.values.length === length ? frame.values : new Float32Array(length)];
    }),
  );
}

/** Medians, with the runs of all in turn. */
async function timesOf(runs: readonly (() => Promise<unknown>)[]): Promise<number[]> {
  const all: number[][] = runs.map(() => []);
  const end = performance.now() + TIME;
  for (let n = 0; n < RUNS && (n < 3 || performance.now() < end); n++)
    for (const [i, run] of runs.entries()) {
      const begin = performance.now();
      await run();
      all[i].push(performance.now() - begin);
    }
  return all.map((times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)]);
}

async function ofOnnxruntime(
  contestants: readonly Contestant[],
  inputs: Record<string, Float32Array>,
): Promise<{ times?: number[]; without?: string }> {
  try {
    const ort = await import('./onnxruntime/ort.wasm.min.mjs' as string);
    if (!globalThis.crossOriginIsolated) ort.env.wasm.numThreads = 1;
    const feeds = (model: Model) =>
      Object.fromEntries(
        Object.entries(inputs).map(([name, data]) => [
          name,
          new ort.Tensor('float32', data, [...model.inputs.get(name)!]),
        ]),
      );
    for (const one of contestants) one.session ??= await ort.InferenceSession.create(one.bytes);
    return {
      times: await timesOf(
        contestants.map(
          ({ session, model }) =>
            () =>
              session!.run(feeds(model)),
        ),
      ),
    };
  } catch (error) {
    return { without: (error as Error).message.split('\n')[0] };
  }
}

/** The largest difference of the score of a class. */
function scoresApart(one: readonly Label[], other: readonly Label[]): number {
  const scores = new Map(other.map(({ index, score }) => [index, score]));
  return Math.max(...one.map(({ index, score }) => Math.abs(score - (scores.get(index) ?? 0))));
}

/** The largest difference, relative to the largest answer. */
function differenceOf(one: Record<string, Float32Array>, other: Record<string, Float32Array>): number {
  let [most, largest] = [0, 0];
  for (const [name, values] of Object.entries(one))
    for (const [i, value] of values.entries()) {
      largest = Math.max(largest, Math.abs(value));
      most = Math.max(most, Math.abs(value - (other[name]?.[i] ?? 0)));
    }
  return largest > 0 ? most / largest : most;
}
