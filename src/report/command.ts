/** The command line that carries out a recipe again. */
import { flagOf, type Recipe, resolveRecipe } from '../runs/index.js';

/** What every command says, whether or not it is the default, in this order. */
const ALWAYS = ['data', 'method', 'sparsity', 'macs', 'params', 'bytes', 'latency', 'channels'];

/** What makes a recipe, but is no flag. */
const APART = new Set(['version', 'command', 'model']);

type Values = Readonly<Record<string, unknown>>;

/** The shortest list of flags that gives this recipe; where none does, a command that reads the recipe's file. */
export function repeatCommand(recipe: Recipe, out = 'again'): string {
  const { command, model } = recipe;
  const flags = flagsFor(recipe as Values & Recipe);
  const words = flags ? [quoted(model), ...flags] : ['--recipe recipe.json'];
  return ['espalier', command, ...words, `--out ${out}`].join(' ');
}

function flagsFor(recipe: Values & Recipe): string[] | undefined {
  const place = (name: string) => (ALWAYS.includes(name) ? ALWAYS.indexOf(name) : ALWAYS.length);
  const settings = Object.entries(recipe)
    .filter(([name]) => !APART.has(name))
    .sort(([a], [b]) => place(a) - place(b));
  const least = Object.fromEntries(settings.filter(([name]) => ALWAYS.includes(name)));
  const resolved = resolvedOf(recipe, least) ?? {};
  const told = settings.filter(([name, value]) => name in least || !same(resolved[name], value));
  const again = resolvedOf(recipe, Object.fromEntries(told));
  const complete =
    again && [...settings, ...Object.entries(again)].every(([name]) => same(again[name], recipe[name]));
  return complete ? told.map(([name, value]) => flagFor(name, value)) : undefined;
}

/** The recipe that such settings make; undefined where they make none. */
function resolvedOf({ command, model, version }: Recipe, given: Values): Values | undefined {
  try {
    return resolveRecipe(command, { model, ...given }, version) as unknown as Values;
  } catch {
    return undefined;
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function flagFor(name: string, value: unknown): string {
  const flag = flagOf(name);
  if (typeof value === 'boolean') return value ? flag : flag.replace('--', '--no-');
  return `${flag} ${quoted(Array.isArray(value) ? value.join(',') : String(value))}`;
}

/** A word as a shell takes it. */
const quoted = (word: string): string =>
  /^[\w./:,@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
