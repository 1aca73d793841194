/** The commands by name. The code of one is loaded when it is called, so that help and version come at once. */
import type { Command } from 'commander';

/** Adds a command to the program; `signal` stops what can be resumed. */
export type AddCommand = (program: Command, signal: AbortSignal) => void;

export interface CommandEntry {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  load(): Promise<AddCommand>;
}

const entries = [
  {
    name: 'inspect',
    summary: 'show the layers, size and sparsity of a model, what can be pruned, and why the rest cannot',
    load: async () => (await import('./inspect.js')).addInspect,
  },
  {
    name: 'train',
    summary: 'train a network',
    load: async () => (await import('./run.js')).addTrain,
  },
  {
    name: 'prune',
    summary: 'remove weights or whole channels from a network, while training it or one-shot',
    load: async () => (await import('./run.js')).addPrune,
  },
  {
    name: 'methods',
    summary: 'list the pruning methods, or show one with its settings',
    load: async () => (await import('./methods.js')).addMethods,
  },
  {
    name: 'sensitivity',
    summary: 'measure the accuracy when each group of channels is thinned, one at a time',
    load: async () => (await import('./sensitivity.js')).addSensitivity,
  },
  {
    name: 'masks',
    summary: 'compare which channels two runs kept',
    load: async () => (await import('./masks.js')).addMasks,
  },
  {
    name: 'eval',
    summary: 'measure accuracy and loss on the test samples',
    load: async () => (await import('./eval.js')).addEval,
  },
  {
    name: 'bench',
    summary: 'compare the latency of models side by side, in every runtime that is installed',
    load: async () => (await import('./bench.js')).addBench,
  },
  {
    name: 'profile',
    summary: 'show where the time of a model goes, by kernel and by layer',
    load: async () => (await import('./profile.js')).addProfile,
  },
  {
    name: 'pack',
    summary: 'write a pruned model as a small file for espalier/runtime',
    load: async () => (await import('./pack.js')).addPack,
  },
  {
    name: 'data',
    summary:
      'verify a downloaded data set and unpack it into the cache, or list the data sets that are there',
    load: async () => (await import('./data.js')).addData,
  },
  {
    name: 'resume',
    summary: 'continue a run that was stopped or killed',
    load: async () => (await import('./run.js')).addResume,
  },
  {
    name: 'study',
    summary: 'compare settings over several seeds; the same command continues a study that was stopped',
    load: async () => (await import('./study.js')).addStudy,
  },
] as const satisfies readonly CommandEntry[];

export type CommandName = (typeof entries)[number]['name'];

/** In the order of the help. */
export const commands: readonly CommandEntry[] = entries;

/** The one line that the help says of a command. */
export const summaryOf = (name: CommandName): string => entries.find((entry) => entry.name === name)!.summary;
