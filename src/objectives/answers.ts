/** A teacher's answers to all samples of a split, asked for once: where nothing random is done to inputs, they are the same in every epoch. */
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Augmentation, batches, type Normalization, type Numbers, type Split } from '../data/index.js';
import { loadNetwork, type Machine } from '../engine/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import type { Answers } from './types.js';

const PREFIX = 'answers/';
const BATCH = 16;

/** The array of targets in which the answers of a value of the teacher are. */
export const arrayOfAnswers = (value: string): string => `${PREFIX}${value}`;

/** The answers in a batch's targets, by the names of the teacher's values. */
export function answersIn(targets: Answers = {}): Answers | undefined {
  const own = Object.entries(targets).flatMap(([name, data]) =>
    name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), data] as const] : [],
  );
  return own.length > 0 ? Object.fromEntries(own) : undefined;
}

/** Options of {@link keepAnswers}. */
export interface KeepOptions {
  /** The model that answers. */
  teacher: Graph;
  /** Names of its values that are kept. */
  values: readonly string[];
  /** The machine that computes them. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, by input name, batch first. */
  inputShapes?: Record<string, readonly number[]>;
  /** Mean, standard deviation and scale of pixel values. */
  normalize: Normalization;
  /** How images are brought to the network's size; nothing random. */
  augment?: Augmentation;
  /** Keep them in a file in this folder, which is gone when the process ends; default in memory. */
  folder?: string;
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Bytes that the answers to so many samples take, by the numbers of one sample. */
export const sizeOfAnswers = (samples: number, numbers: number): number => 4 * samples * numbers;

/**
 * Asks a teacher once for its answers to all samples, and gives the split with these among its targets, for an objective that is `kept`
 * ({@link distillation}).
 * @throws the signal's reason when it stops.
 */
export async function keepAnswers(split: Split, options: KeepOptions): Promise<Split> {
  const { teacher, values, machine, inputShapes, normalize, augment, folder, signal } = options;
  const network = loadNetwork(teacher, { machine, inputShapes });
  try {
    const batch = Math.min(BATCH, split.length);
    const program = network.inference({ batch, outputs: values });
    const stores = values.map((name) => {
      const shape = program.outputs.get(name)!;
      const store = folder === undefined ? inMemory(split.length * sizeOf(shape)) : inFile(folder);
      return { name, shape, store, size: sizeOf(shape) };
    });
    let done = 0;
    for await (const { inputs, count } of batches(split, { batch, normalize, augment })) {
      signal?.throwIfAborted();
      const answers = await program.run(inputs, count);
      for (const { name, store, size } of stores)
        store.write(done * size, answers[name].subarray(0, count * size));
      done += count;
    }
    const answered = stores.map(
      ({ name, shape, store, size }): Numbers => ({
        ...{ kind: 'numbers', name: arrayOfAnswers(name), shape },
        at: (index) => ({ data: store.read(index * size, size) }),
        // They follow from the samples and the teacher, which runs keep by themselves.
        digest: async () => 'answers',
      }),
    );
    return { ...split, targets: [...(split.targets ?? []), ...answered] };
  } finally {
    network.close();
  }
}

/** Float32 numbers by their place. */
interface Store {
  write(at: number, data: Float32Array): void;
  read(at: number, count: number): Float32Array;
}

function inMemory(count: number): Store {
  const all = new Float32Array(count);
  return { write: (at, data) => all.set(data, at), read: (at, length) => all.subarray(at, at + length) };
}

/** Closes files of stores that nobody has any more. */
const closing = new FinalizationRegistry<number>((file) => closeSync(file));

/** A file that has no name any more: it is gone when it is closed, at the latest with the process. */
function inFile(folder: string): Store {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, randomUUID());
  const file = openSync(path, 'wx+');
  rmSync(path);
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    new Uint8Array(buffer, byteOffset, byteLength);
  const store: Store = {
    write(at, data) {
      for (let done = 0; done < data.byteLength; )
        done += writeSync(file, bytes(data), done, data.byteLength - done, 4 * at + done);
    },
    read(at, count) {
      const data = new Float32Array(count);
      for (let done = 0; done < data.byteLength; ) {
        const read = readSync(file, bytes(data), done, data.byteLength - done, 4 * at + done);
        if (read === 0) throw new Error('The teacher’s answers on disk are cut short.');
        done += read;
      }
      return data;
    },
  };
  closing.register(store, file);
  return store;
}
