/** Commands made from the tables of settings: a flag for each, a recipe beneath them, the same words in every help. */

import { type Command, Option } from 'commander';
import {
  checkSettings,
  flagOf,
  type Given,
  openMethod,
  readRecipe,
  rescaleRecipe,
  type Settings,
  settingsFor,
  type settingsOf,
} from '../runs/index.js';
import { type Face, openFace } from './face.js';
import { addHelp, type Topic } from './help.js';
import { summaries } from './summaries.js';

type Name = keyof typeof settingsOf;

export interface Definition<N extends Name> {
  name: N;
  /** As commander writes it: '[MODEL]', '[MODEL...]', '[RUN]'. */
  argument: string;
  /** What the help says of the argument. */
  about: string;
  /** Settings under headings, for the help; those left out come under 'Options'. */
  groups?: Readonly<Record<string, Settings>>;
  /** What the flag --out, where it is understood, is about; and what it names, default a folder. */
  out?: string;
  outArgument?: 'DIR' | 'FILE';
  /** Settings that the short help shows; default all of them. */
  common?: readonly (keyof (typeof settingsOf)[N])[];
  /** The flag --recipe is understood; default true. */
  recipes?: boolean;
  examples: readonly string[];
  /** `given`: flags over recipe, checked. */
  run(input: { given: Given<N>; argument: string[]; out?: string }, face: Face): Promise<void>;
}

/** The settings that stand behind a command's flags. */
export const settingsBehind = (name: Name): Settings => settingsFor(name);

/** Adds a command to the program. */
export function define<N extends Name>(
  program: Command,
  signal: AbortSignal,
  definition: Definition<N>,
): void {
  const { name, argument, about, groups = {}, recipes = true, examples, run } = definition;
  const { out, outArgument = 'DIR', common } = definition;
  const summary = summaries[name];
  const command = program
    .command(name)
    .summary(summary)
    .description(`${summary[0].toUpperCase()}${summary.slice(1)}.`);
  command.argument(argument, about);
  if (out) command.addOption(new Option(`--out <${outArgument}>`, out));
  const settings = settingsBehind(name);
  const heading = (key: string) => Object.keys(groups).find((title) => key in groups[title]);
  for (const [key, setting] of Object.entries(settings)) {
    const { argument: text, parse, about: line, synonyms = [] } = setting;
    const flag = flagOf(key);
    const option = new Option(parse ? `${flag} <${text}>` : flag, line);
    if (parse) option.argParser(parse);
    command.addOption(option.helpGroup(heading(key) ?? 'Options:'));
    if (!parse) command.addOption(new Option(flag.replace('--', '--no-')).hideHelp());
    for (const synonym of synonyms) command.addOption(synonymOf(option, synonym));
  }
  if (recipes)
    command.option('--recipe <FILE>', 'settings from a YAML or JSON file, or a module; flags override them');
  command
    .option('--json', 'print the result as one JSON object on standard output')
    .option('--quiet', 'show no progress');
  const showHelp = addHelp(command, common as readonly string[] | undefined);
  command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((example) => `  $ espalier ${example}`).join('\n')}`,
  );
  command.action(async (words: string | string[] | undefined, flags: Record<string, unknown>) => {
    const {
      recipe,
      json,
      quiet,
      out: folder,
      help,
      ...own
    } = flags as Record<string, unknown> & { recipe?: string; help?: Topic };
    if (help) return showHelp(help);
    const beneath = recipe === undefined ? {} : rescaleRecipe(await readRecipe(recipe), own.epochs);
    await openMethod((own as { method?: unknown }).method ?? (beneath as { method?: unknown }).method);
    const given = checkSettings(name, { ...beneath, ...own, ...reasonsOf(beneath, own) }) as Given<N>;
    const face = openFace({ json: json as boolean, quiet: quiet as boolean }, signal);
    await run({ given, argument: [words ?? []].flat(), out: folder as string | undefined }, face);
  });
}

/** Why a recipe has its values, but for those that flags override. */
function reasonsOf({ because }: { because?: object }, flags: object): object {
  if (!because) return {};
  return { because: Object.fromEntries(Object.entries(because).filter(([name]) => !(name in flags))) };
}

/** The same option under another name, which the help does not show. */
function synonymOf(option: Option, name: string): Option {
  const synonym = new Option(option.flags.replace(/^--\S+/, name)).hideHelp();
  synonym.parseArg = option.parseArg;
  synonym.attributeName = () => option.attributeName();
  return synonym;
}
