/** The command line: its commands, its help and its complaints. */
import { Command } from 'commander';
import { version, visibleLines } from '../base/told.js';
import { loaders } from './commands/index.js';
import { painted } from './style.js';
import { commandNames, summaries } from './summaries.js';

const ABOUT = [
  'Train and prune neural networks: an .onnx goes in, a smaller one comes out.',
  'MODEL is an .onnx or packed file, the folder of a run, or a network of the zoo (resnet20, vgg19, …).',
  'DATA is digits, cifar10[:DIR], cifar100[:DIR], mnist[:DIR], fashion-mnist[:DIR], images:DIR (a folder per class) or npz:FILE (NumPy arrays: x and y, or one with the name of each input, and y).',
].join('\n\n');

/** Carries out a command line, given without the program's name. `signal` stops what can be resumed. */
export async function runProgram(words: readonly string[], signal: AbortSignal): Promise<void> {
  const called = inFull(words);
  const root = await programFor(called, signal);
  await root.parseAsync(called, { from: 'user' });
}

/** `help bench` is `bench --help`. */
const inFull = ([first, name, ...rest]: readonly string[]): string[] => {
  if (first === 'help' && name !== undefined) return [name, '--help', ...rest];
  return [first, name, ...rest].filter((word) => word !== undefined);
};

/** The program with the command that is called, if any; of the others there are only the lines that the help says. */
async function programFor(words: readonly string[], signal: AbortSignal): Promise<Command> {
  const called = words.find((word) => !word.startsWith('-'));
  const root = new Command('espalier')
    .description(ABOUT)
    .version(version)
    .exitOverride()
    .configureHelp({
      styleTitle: (text) => painted('bold', text),
      styleSubcommandTerm: (text) => painted('cyan', text),
    })
    .configureOutput({ outputError: (text, write) => write(visibleLines(oneLine(text, called))) })
    .addHelpText('after', '\nHelp on a command: espalier COMMAND --help\n\nExit status: 0 done, 1 failed.');
  // A method of a user's own, which openMethod tells by its name, may have settings, and so flags, that no other has.
  const named = words.findIndex((word) => /^--method(=|$)/.test(word));
  const method = named < 0 ? undefined : (words[named].split('=')[1] ?? words[named + 1]);
  if (method) await (await import('../runs/index.js')).openMethod(method);
  for (const name of commandNames)
    if (name === called) (await loaders[name]())(root, signal, loaders);
    else root.command(name).summary(summaries[name]);
  return root;
}

/** commander's complaint about a command, or about there being no such, as one sentence. */
const oneLine = (text: string, called = ''): string =>
  `espalier: ${text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, ' (did you mean $1?)')
    .replace(/\.?$/, '')}; see espalier ${called in loaders ? `${called} ` : ''}--help.\n`;
