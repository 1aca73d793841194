/** The command line that carries out a recipe again. */
import { flagOf, type Recipe, resolveRecipe } from '../runs/index.js';

/** What every command says, whether or not it is the default, in this order. */
const ALWAYS = ['data', 'method', 'sparsity', 'macs', 'params', 'bytes', 'latency', 'channels'];

/** What else is said: a command that leaves these out chooses them by the model and the data (docs/defaults.md). */
const CHOSEN = ['epochs', 'batch', 'augment', 'lr', 'warmup', 'roundTo', 'teacher'];

/** What may name files: as the recipe writes them, relative to its folder, or made absolute. */
const PATHS = ['data', 'teacher', 'mask'];

/** What makes a recipe, but is no flag. */
const APART = ['version', 'command', 'model', 'log', 'because'];

type Values = Readonly<Record<string, unknown>>;

/** A short list of flags that gives this recipe; where none does, a command that reads the recipe's file. */
export function repeatCommand(recipe: Recipe, out = 'again'): string {
  const { command, model } = recipe;
  const flags = flagsFor(recipe);
  const words = flags ? [quoted(model), ...flags] : ['--recipe recipe.json'];
  return ['espalier', command, ...words, `--out ${out}`].join(' ');
}

function flagsFor(recipe: Recipe): string[] | undefined {
  const order = [...ALWAYS, ...CHOSEN, ...PATHS];
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const settings = settingsIn(recipe).sort(([a], [b]) => place(a) - place(b));
  let told = settings;
  if (!gives(told, recipe)) return undefined;
  for (const setting of settings) {
    const less = told.filter((one) => one !== setting);
    if (!order.includes(setting[0]) && gives(less, recipe)) told = less;
  }
  return told.map(([name, value]) => flagFor(name, value));
}

const settingsIn = (recipe: object): [string, unknown][] =>
  Object.entries(recipe).filter(([name]) => !APART.includes(name));

/** Whether such settings make the recipe. */
function gives(settings: readonly [string, unknown][], recipe: Recipe): boolean {
  const { command, model, version } = recipe;
  try {
    const made = resolveRecipe(command, { model, ...Object.fromEntries(settings) }, version);
    return same(Object.fromEntries(settingsIn(made)), Object.fromEntries(settingsIn(recipe)));
  } catch {
    return false;
  }
}

const same = (a: Values, b: Values): boolean =>
  [...Object.keys(a), ...Object.keys(b)].every((name) =>
    PATHS.includes(name) ? name in a === name in b : JSON.stringify(a[name]) === JSON.stringify(b[name]),
  );

function flagFor(name: string, value: unknown): string {
  const flag = flagOf(name);
  if (typeof value === 'boolean') return value ? flag : flag.replace('--', '--no-');
  return `${flag} ${quoted(Array.isArray(value) ? value.join(',') : String(value))}`;
}

/** A word as a shell takes it. */
export const quoted = (word: string): string =>
  /^[\w./:,@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
