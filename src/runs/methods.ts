/** What methods there are, and what each does unless told otherwise: for people who choose one. */
import type { PaperSource } from '../base/index.js';
import { leftToLength, usual } from '../channels/index.js';
import { methodDefaults, settingsFor } from './recipe.js';
import {
  learntMethod,
  type MethodKind,
  methodOf,
  methodsOfKind,
  structuredMethod,
  titleOfMethod,
  unknownMethod,
} from './registry.js';
import { flagOf } from './settings.js';

export interface MethodEntry {
  name: string;
  kind: MethodKind;
  /** One line: what it is and whose. */
  summary: string;
}

export interface MethodSetting {
  /** `--select-ratio` */
  flag: string;
  /** What it is about, as in the help of `prune`. */
  about: string;
  value: unknown;
}

export interface MethodDetails extends MethodEntry {
  /** Where it comes from; absent where it is nobody's. */
  source?: PaperSource;
  settings: MethodSetting[];
}

const entries = (kind: MethodKind, methods: readonly { name: string; summary: string }[]): MethodEntry[] =>
  methods.map(({ name, summary }) => ({ name, kind, summary }));

/** Every pruning method that there is. */
export const listMethods = (): MethodEntry[] => [
  ...entries('weights', methodsOfKind('weights')),
  ...entries('learnt masks', methodsOfKind('learnt masks')),
  ...entries('channels', methodsOfKind('channels')),
];

/**
 * A method, and the values of its settings in a run of 10 epochs unless told otherwise.
 * @throws UserError when there is no method of that name.
 */
export function describeMethod(name: string): MethodDetails {
  const method = listMethods().find((entry) => entry.name === titleOfMethod(name));
  if (!method) return unknownMethod(name);
  const target = method.kind === 'channels' ? { macs: 0.5 } : { sparsity: 0.9 };
  const defaults = methodDefaults({ method: name, ...target }, { lr: 0.05, epochs: 10 });
  const all = settingsFor('prune');
  const left = leftToLengthOf(name).map((key) => [key, 'by the length of the run'] as const);
  const settings = [...Object.entries(defaults), ...left]
    .filter(([key, value]) => key in all && value !== undefined)
    .map(([key, value]) => ({ flag: flagOf(key), about: all[key].about, value }));
  const { source } = methodOf(name)!.method;
  return { ...method, ...(source && { source }), settings };
}

/** The settings of a method that are left to the length of its trainings. */
function leftToLengthOf(name: string): readonly string[] {
  const structured = structuredMethod(name);
  if (structured) return leftToLength({ ...usual, ...structured.defaults });
  return learntMethod(name)?.leftToLength ?? [];
}
