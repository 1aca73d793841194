/** The commands by name, each with the one line that the help says of it, in the order of the help. */
import type { Command } from 'commander';

export const summaries = {
  slim: 'make a trained model smaller and faster, with settings chosen for it',
  inspect: 'show the layers, size and sparsity of a model, what can be pruned, and why the rest cannot',
  train: 'train a network',
  prune: 'remove weights or whole channels from a network, while training it or one-shot',
  methods: 'list the pruning methods, or show one with its settings',
  sensitivity: 'measure the accuracy when each group of channels is thinned, one at a time',
  masks: 'compare which channels two runs kept',
  eval: 'measure accuracy and loss on the test samples',
  bench: 'compare the latency of models side by side, in every runtime that is installed',
  profile: 'show where the time of a model goes, by kernel and by layer',
  explain: 'show how a model is computed: its core graph, what is fused, and the steps of its program',
  pack: 'write a pruned model as a small file for espalier/runtime',
  vocabulary: 'remove unused tokens from the vocabulary of a language model',
  data: 'check a data set, list the data sets in the cache, or unpack a downloaded one into it',
  resume: 'continue a run that was stopped or killed',
  study: 'compare settings over several seeds; the same command continues a study that was stopped',
  table: 'export the results of a study as CSV, LaTeX or Parquet, or query them in SQL',
  worker: 'carry out queued runs of studies on this machine',
  watch: 'show runs in a live web page, to compare, start, stop and resume them',
  completion: 'print a completion script for bash, zsh or fish',
} as const;

export type CommandName = keyof typeof summaries;

export const commandNames = Object.keys(summaries) as CommandName[];

/** Adds a command to the program; `signal` stops what can be resumed. `all` loads any command's own. */
export type AddCommand = (program: Command, signal: AbortSignal, all: Loaders) => void;

export type Loaders = Readonly<Record<CommandName, () => Promise<AddCommand>>>;
