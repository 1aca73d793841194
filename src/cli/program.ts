/** The command line: what is asked for, done, and told in an exit status. */
import { Command, CommanderError } from 'commander';
import { UserError } from '../base/errors.js';
import { UsageError } from '../runs/index.js';
import { addBench } from './commands/bench.js';
import { addData } from './commands/data.js';
import { addEval } from './commands/eval.js';
import { addInspect } from './commands/inspect.js';
import { addPrune, addResume, addTrain } from './commands/run.js';
import { Stopped } from './face.js';
import { version } from './version.js';

const FAILED = 1;
const MISUSED = 2;
const STOPPED = 130;

const ABOUT = `Train and prune neural networks: an .onnx goes in, a smaller one comes out.

MODEL is an .onnx file or a network of the zoo (resnet20, vgg19, …). DATA is digits, cifar10[:DIR], cifar100[:DIR],
mnist[:DIR], fashion-mnist[:DIR], images:DIR (a folder per class) or npz:FILE.`;

/** Runs the command line and gives its exit status. `signal` stops what can be resumed. */
export async function runProgram(words: readonly string[], signal: AbortSignal): Promise<number> {
  try {
    await program(signal).parseAsync([...words], { from: 'user' });
    return 0;
  } catch (error) {
    return tell(error, signal);
  }
}

function program(signal: AbortSignal): Command {
  const root = new Command('espalier')
    .description(ABOUT)
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
    .configureHelp({
      optionTerm: (option) => {
        const switchable =
          option.isBoolean() && !['json', 'quiet', 'version', 'help'].includes(option.name());
        return switchable ? option.flags.replace('--', '--[no-]') : option.flags;
      },
    })
    .addHelpText(
      'after',
      '\nHelp on a command: espalier COMMAND --help\n\nExit status: 0 done, 1 failed, 2 called wrongly.',
    );
  for (const add of [addInspect, addTrain, addPrune, addEval, addBench, addData, addResume])
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

/** Says on standard error what went wrong, in a sentence. */
function tell(error: unknown, signal: AbortSignal): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : MISUSED;
  const say = (sentence: string, status: number) => {
    process.stderr.write(`espalier: ${sentence}\n`);
    return status;
  };
  if (error instanceof Stopped) return say(error.message, STOPPED);
  if (signal.aborted && error === signal.reason) return say('Stopped.', STOPPED);
  if (error instanceof UsageError) return say(error.message, MISUSED);
  if (error instanceof UserError) return say(error.message, FAILED);
  const { name, message, stack } = error as Error;
  if (process.env.ESPALIER_DEBUG === '1') return say(stack ?? message, FAILED);
  return say(
    `this is a defect of espalier: ${name}: ${message.split('\n')[0]}; set ESPALIER_DEBUG=1 to see where, and please report it.`,
    FAILED,
  );
}
