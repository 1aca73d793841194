/** The command line: its commands, its help and its complaints. */
import { Command } from 'commander';
import { visibleLines } from '../base/text.js';
import { addBench } from './commands/bench.js';
import { addData } from './commands/data.js';
import { addEval } from './commands/eval.js';
import { addInspect } from './commands/inspect.js';
import { addMasks } from './commands/masks.js';
import { addMethods } from './commands/methods.js';
import { addPack } from './commands/pack.js';
import { addProfile } from './commands/profile.js';
import { addPrune, addResume, addTrain } from './commands/run.js';
import { addSensitivity } from './commands/sensitivity.js';
import { addStudy } from './commands/study.js';
import { version } from './version.js';

const ABOUT = [
  'Train and prune neural networks: an .onnx goes in, a smaller one comes out.',
  'MODEL is an .onnx or packed file, the folder of a run, or a network of the zoo (resnet20, vgg19, …).',
  'DATA is digits, cifar10[:DIR], cifar100[:DIR], mnist[:DIR], fashion-mnist[:DIR], images:DIR (a folder per class) or npz:FILE (NumPy arrays: x and y, or one with the name of each input, and y).',
].join('\n\n');

/** The command line. `signal` stops what can be resumed. */
export function program(signal: AbortSignal): Command {
  const root = new Command('espalier')
    .description(ABOUT)
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(visibleLines(oneLine(text))) })
    .addHelpText('after', '\nHelp on a command: espalier COMMAND --help\n\nExit status: 0 done, 1 failed.');
  for (const add of [
    addInspect,
    addTrain,
    addPrune,
    addMethods,
    addSensitivity,
    addMasks,
    addEval,
    addBench,
    addProfile,
    addPack,
    addData,
    addResume,
    addStudy,
  ])
    add(root, signal);
  return root;
}

/** commander's complaint as one sentence. */
const oneLine = (text: string): string =>
  `espalier: ${text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, ' (did you mean $1?)')
    .replace(/\.?$/, '')}; see espalier --help.\n`;
