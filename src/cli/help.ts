/**
 * Help in three sizes: `--help` shows the flags that most people use, `--help all` every flag, `--help lr` one flag.
 */
import { type Command, Help, Option } from 'commander';
import { fail } from '../base/told.js';
import { write } from './out.js';
import { painted } from './style.js';

/** What a flag's help is about: everything, a flag's name, or (true) the usual. */
export type Topic = string | true;

const ALL = 'all';

/** Flags that every command has, and that need no heading of their own. */
const ALWAYS = ['out', 'recipe', 'json', 'quiet', 'help'];

/**
 * Gives a command its `--help [TOPIC]`. Returns what prints the help.
 * @param common names of the settings that the short help shows; all where there are none.
 */
export function addHelp(command: Command, common: readonly string[] | undefined): (topic: Topic) => void {
  const usual = new Set([...(common ?? []), ...ALWAYS]);
  let everything = common === undefined;
  const more = common ? `; --help ${ALL} shows every flag, --help FLAG one of them` : '';
  command.helpOption(false);
  command.addOption(new Option('-h, --help [TOPIC]', `show this help${more}`));
  command.configureHelp({
    optionTerm: termOf,
    styleTitle: (text) => painted('bold', text),
    styleOptionTerm: (text) => painted('cyan', text),
    visibleOptions(of) {
      const options = Help.prototype.visibleOptions.call(this, of);
      return everything ? options : options.filter((option) => usual.has(option.attributeName()));
    },
  });
  return (topic) => {
    if (topic !== true && topic !== ALL) return explain(command, topic);
    everything ||= topic === ALL;
    command.outputHelp();
  };
}

/** `--[no-]augment`: a switch of a setting can be turned off, too. */
const termOf = (option: Option): string =>
  option.isBoolean() && !ALWAYS.includes(option.attributeName())
    ? option.flags.replace('--', '--[no-]')
    : option.flags;

/** Prints what one flag is, in full. @throws UserError where the command has no such flag. */
function explain(command: Command, topic: string): void {
  const name = topic.replace(/^-+/, '');
  const option = command.options.find(({ long }) => long === `--${name}`);
  if (!option) {
    const where = `espalier ${command.name()}`;
    fail(`${where} has no flag --${name}; ${where} --help ${ALL} lists them all.`);
  }
  write(process.stdout, `${termOf(option)}\n  ${option.description}`);
}
