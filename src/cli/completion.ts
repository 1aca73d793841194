/** What a shell may offer while a command line is written, found in the definitions of the commands. */
import { Command, type Option } from 'commander';
import { zoo } from '../nn/index.js';
import { listMethods } from '../runs/index.js';
import { settingsBehind } from './define.js';
import { type CommandName, commandNames, type Loaders, summaries } from './summaries.js';

/** What may stand in one place. */
export interface Offer {
  words: readonly string[];
  /** Names of files and folders, too. */
  paths: boolean;
}

export interface OfferedFlag {
  /** `--batch` */
  flag: string;
  about: string;
  /** Of its text; absent for a switch. */
  offer?: Offer;
}

export interface OfferedCommand {
  name: string;
  summary: string;
  /** Of its argument. */
  offer: Offer;
  flags: readonly OfferedFlag[];
}

/** Arguments of flags that name files. */
const PATHS = ['FILE', 'DIR', 'MODEL', 'DATA'];

/** What may stand for an argument, by its name. */
const operands: Readonly<Record<string, () => Offer>> = {
  MODEL: () => ({ words: Object.keys(zoo), paths: true }),
  METHOD: () => ({ words: listMethods().map(({ name }) => name), paths: false }),
  SHELL: () => ({ words: ['bash', 'zsh', 'fish'], paths: false }),
};

/** Every command with what may stand in it. */
export async function offers(signal: AbortSignal, loaders: Loaders): Promise<OfferedCommand[]> {
  const all: OfferedCommand[] = [];
  for (const name of commandNames) {
    const root = new Command();
    (await loaders[name]())(root, signal, loaders);
    const [command] = root.commands;
    const [operand] = command.registeredArguments;
    const offer = operands[operand?.name()]?.() ?? { words: [], paths: true };
    const flags = command.options.filter(({ hidden, long }) => long && !hidden);
    all.push({
      name,
      summary: summaries[name],
      offer,
      flags: flags.map((option) => flagOffered(name, option)),
    });
  }
  return all;
}

function flagOffered(command: CommandName, option: Option): OfferedFlag {
  const [, argument] = /[<[](.*)[>\]]/.exec(option.flags) ?? [];
  const flag = { flag: option.long!, about: option.description };
  if (argument === undefined || option.optional) return flag;
  const words = settingsBehind(command)[option.attributeName()]?.words ?? [];
  return { ...flag, offer: { words, paths: argument.split('|').some((word) => PATHS.includes(word)) } };
}
