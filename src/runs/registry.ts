/**
 * The pruning methods that there are: those of the package, and those of users' own files, which a recipe names by their paths.
 */
import { basename, extname, resolve } from 'node:path';
import {
  fail,
  flagOf,
  guardedParts,
  isUserFile,
  loadUserFile,
  meant,
  type PaperSource,
  type Settings,
} from '../base/index.js';
import {
  structuredMethod as asStructured,
  type StructuredMethod,
  structuredMethods,
} from '../channels/index.js';
import {
  gradual,
  gradualSettings,
  type LearntMethod,
  learntMethods,
  type Method,
  methods as masking,
} from '../sparsity/index.js';

/** What a method removes: single weights, by rules or by masks that it learns, or whole channels. */
export type MethodKind = 'weights' | 'learnt masks' | 'channels';

/** A method of one's own: as the axes on which it differs from others, or in full. */
export type MethodDefinition =
  | (OfKind<'weights'> & Parameters<typeof gradual>[0])
  | (OfKind<'weights'> &
      Pick<Method, 'name' | 'summary' | 'plan' | 'start' | 'needsGradient' | 'update'> &
      Partial<Method>)
  | (OfKind<'learnt masks'> & Pick<LearntMethod, 'name' | 'summary' | 'prepare'> & Partial<LearntMethod>)
  | (OfKind<'channels'> & Parameters<typeof asStructured>[0]);

interface OfKind<Kind extends MethodKind> {
  /** What the method removes or learns: single weights by a score, masks by gradient, or whole channels. */
  kind: Kind;
}

/**
 * A method of one's own, for `--method ./mine.mjs`, whose default export it is, or for {@link addMethod}. It gives the definition
 * back; the compiler sees whether it is one.
 */
export const defineMethod = <Definition extends MethodDefinition>(definition: Definition): Definition =>
  definition;

type Known =
  | { kind: 'weights'; method: Method }
  | { kind: 'learnt masks'; method: LearntMethod }
  | { kind: 'channels'; method: StructuredMethod };

const known = new Map<string, Known>([
  ...masking.map((method): [string, Known] => [method.name, { kind: 'weights', method }]),
  ...learntMethods.map((method): [string, Known] => [method.name, { kind: 'learnt masks', method }]),
  ...structuredMethods.map((method): [string, Known] => [method.name, { kind: 'channels', method }]),
]);

/** Methods of files, by their absolute paths, with the definitions that they were made of. */
const files = new Map<string, { name: string; definition: unknown }>();

/** How a method is called, also one of a file that has not been loaded here. */
export const titleOfMethod = (method: string): string =>
  files.get(resolve(method))?.name ?? (isUserFile(method) ? basename(method, extname(method)) : method);

/** The method of that name, or of that file. */
export function methodOf(method: unknown): Known | undefined {
  if (typeof method !== 'string') return undefined;
  return known.get(isUserFile(method) ? (files.get(resolve(method))?.name ?? '') : method);
}

/** All of a kind, those of the package first. */
export const methodsOfKind = <K extends MethodKind>(kind: K): Extract<Known, { kind: K }>['method'][] =>
  [...known.values()].flatMap((entry) => (entry.kind === kind ? [entry.method] : [])) as never;

/** The method that masks single weights of that name; undefined where it is of another kind. */
export function maskingMethod(name: unknown): Method | undefined {
  const found = methodOf(name);
  return found?.kind === 'weights' ? found.method : undefined;
}

export function learntMethod(name: unknown): LearntMethod | undefined {
  const found = methodOf(name);
  return found?.kind === 'learnt masks' ? found.method : undefined;
}

export function structuredMethod(name: unknown): StructuredMethod | undefined {
  const found = methodOf(name);
  return found?.kind === 'channels' ? found.method : undefined;
}

/** Settings that only methods of users have. */
export const ownSettings = (): Settings =>
  Object.assign(
    {},
    ...[...known.values()].map(({ method }) => ('settings' in method ? method.settings : {})),
  );

/** @throws UserError that lists the methods there are. */
export function unknownMethod(name: string): never {
  if (isUserFile(name)) fail(`The method ${name} has not been loaded: call openMethod first.`);
  const names = [...known.keys()];
  return fail(
    `There is no pruning method ${JSON.stringify(name)}${meant(name, names)}; there are ${names.join(', ')}. A method of your own is named by its file, such as ${flagOf('method')} ./mine.mjs.`,
  );
}

/**
 * Adds a method of one's own under its name.
 * @throws UserError when it is not one, or there is one of its name.
 */
export function addMethod(definition: MethodDefinition): void {
  const made = methodFrom(definition, 'The method');
  const { name } = made.method;
  if (known.has(name)) fail(`There is a pruning method ${name} already: give yours another name.`);
  known.set(name, made);
}

/**
 * Loads the file of a method, the default export of which defines it; does nothing for a name, or a file that is loaded already.
 * @throws UserError when it cannot be loaded or defines no method.
 */
export async function openMethod(method: unknown): Promise<void> {
  if (typeof method !== 'string' || !isUserFile(method)) return;
  const path = resolve(method);
  if (files.has(path)) return;
  const definition = (await loadUserFile(path, 'method')) as MethodDefinition;
  const made = methodFrom(definition, `The default export of ${path}`);
  const { name } = made.method;
  const other = [...files.values()].find((file) => file.name === name);
  if (known.has(name) && other?.definition !== definition)
    fail(`The method of ${path} has the name of another one, ${name}: give it another name.`);
  known.set(name, made);
  files.set(path, { name, definition });
}

/** @throws UserError where it is not one. */
function methodFrom(definition: MethodDefinition, what: string): Known {
  const { kind, name, summary, source } = Object(definition) as Partial<MethodDefinition>;
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name))
    fail(`${what} is not a method: it needs a name of letters, digits and '-', such as name: 'mine'.`);
  if (typeof summary !== 'string') fail(`${what} needs a summary, one line that says what ${name} is.`);
  if (source !== undefined && !isSource(source))
    fail(
      `${what} must say its source as texts: source: { paper: '…', section: '…' }, of which section may be left out.`,
    );
  switch (kind) {
    case 'weights':
      return {
        kind,
        method: 'plan' in definition ? maskingFrom(definition as Method, what) : gradual(definition as never),
      };
    case 'learnt masks':
      if (typeof (definition as LearntMethod).prepare !== 'function')
        fail(`${what} needs a function prepare, which rewrites the model.`);
      return { kind, method: withSettings(guardedParts(`The method ${name}`, definition as LearntMethod)) };
    case 'channels':
      return { kind, method: asStructured(definition as never) };
    default:
      return fail(
        `${what} must say what ${name} removes: kind: 'weights', 'learnt masks' or 'channels', not ${JSON.stringify(kind)}.`,
      );
  }
}

function isSource(source: unknown): source is PaperSource {
  const { paper, section } = Object(source) as Partial<PaperSource>;
  return typeof paper === 'string' && (section === undefined || typeof section === 'string');
}

function maskingFrom(method: Method, what: string): Method {
  for (const part of ['plan', 'start', 'needsGradient', 'update'] as const)
    if (typeof method[part] !== 'function') fail(`${what} needs a function ${part}.`);
  return withSettings(guardedParts(`The method ${method.name}`, method));
}

/** The method with its target, and the defaults of its settings. */
function withSettings<M extends Method | LearntMethod>(method: M): M {
  const settings: Settings = { sparsity: gradualSettings.sparsity, ...method.settings };
  const defaults = Object.entries(settings).filter(([, { fallback }]) => fallback !== undefined);
  return {
    ...method,
    settings,
    defaults: {
      ...Object.fromEntries(defaults.map(([key, { fallback }]) => [key, fallback])),
      ...method.defaults,
    },
  };
}
