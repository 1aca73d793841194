/** The commands. The code of one is loaded when it is called, so that help and version come at once. */
import type { Loaders } from '../summaries.js';

export const loaders: Loaders = {
  slim: async () => (await import('./slim.js')).addSlim,
  inspect: async () => (await import('./inspect.js')).addInspect,
  train: async () => (await import('./run.js')).addTrain,
  prune: async () => (await import('./run.js')).addPrune,
  methods: async () => (await import('./methods.js')).addMethods,
  sensitivity: async () => (await import('./sensitivity.js')).addSensitivity,
  masks: async () => (await import('./masks.js')).addMasks,
  eval: async () => (await import('./eval.js')).addEval,
  bench: async () => (await import('./bench.js')).addBench,
  profile: async () => (await import('./profile.js')).addProfile,
  explain: async () => (await import('./explain.js')).addExplain,
  pack: async () => (await import('./pack.js')).addPack,
  vocabulary: async () => (await import('./vocabulary.js')).addVocabulary,
  data: async () => (await import('./data.js')).addData,
  resume: async () => (await import('./run.js')).addResume,
  study: async () => (await import('./study.js')).addStudy,
  table: async () => (await import('./table.js')).addTable,
  worker: async () => (await import('./worker.js')).addWorker,
  watch: async () => (await import('./watch.js')).addWatch,
  completion: async () => (await import('./completion.js')).addCompletion,
};
