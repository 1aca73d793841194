/** Scripts by which shells complete espalier's command lines. */
import type { Offer, OfferedCommand } from './completion.js';

/** A text between single quotes, for bash and zsh. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Words as one quoted list. */
const list = (words: readonly string[]): string => quoted(words.join(' '));

const indented = (lines: readonly string[], by: number): string =>
  lines.map((line) => `${' '.repeat(by)}${line}`).join('\n');

/** Words by shell pattern: `--a|--b) …`. A word of several flags with the same offer is written once. */
function flagsByOffer({ flags }: OfferedCommand): [flags: string[], offer: Offer][] {
  const groups = new Map<string, [string[], Offer]>();
  for (const { flag, offer } of flags) {
    if (!offer) continue;
    const key = JSON.stringify(offer);
    const group = groups.get(key) ?? [[], offer];
    group[0].push(flag);
    groups.set(key, group);
  }
  return [...groups.values()];
}

const bashOffer = ({ words, paths }: Offer): string => `words=${list(words)} paths=${paths ? 1 : 0}`;

/** For bash: `source <(espalier completion bash)`. */
export function bashScript(commands: readonly OfferedCommand[]): string {
  const cases = commands.map((command) => {
    const values = flagsByOffer(command).map(
      ([flags, offer]) => `${flags.join('|')}) ${bashOffer(offer)}; flags= ;;`,
    );
    return [
      `${command.name})`,
      `  ${bashOffer(command.offer)}`,
      `  flags=${list(command.flags.map(({ flag }) => flag))}`,
      ...(values.length ? ['  case "$previous" in', ...values.map((line) => `    ${line}`), '  esac'] : []),
      '  ;;',
    ];
  });
  return `# Completion of espalier for bash: source <(espalier completion bash)
_espalier() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" words="" flags="" paths=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ "\${COMP_WORDS[i]}" != -* ]]; then command="\${COMP_WORDS[i]}"; break; fi
  done
  # bash takes cifar10:DIR for three words.
  if [[ "$previous" == ":" ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
  case "$command" in
    "") words=${list(commands.map(({ name }) => name))} flags='--help --version' ;;
${indented(cases.flat(), 4)}
  esac
  if [[ "$current" == -* && -n "$flags" ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
    return
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if ((paths)); then
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -F _espalier espalier
`;
}

/** A description in an argument of zsh's _arguments. */
const zshAbout = (text: string): string => text.replace(/[[\]\\:]/g, '\\$&');

function zshOffer({ words, paths }: Offer): string {
  const named = words.length ? `compadd -- ${words.map(quoted).join(' ')}` : '';
  const files = paths ? '_files' : '';
  const both = [named, files].filter(Boolean).join('; ');
  return both ? `{ ${both} }` : ' ';
}

/** For zsh: `source <(espalier completion zsh)`, or a file `_espalier` on the fpath. */
export function zshScript(commands: readonly OfferedCommand[]): string {
  const cases = commands.map(({ name, flags, offer }) => {
    const specs = flags.map(({ flag, about, offer }) =>
      quoted(`${flag}[${zshAbout(about)}]${offer ? `:value:${zshOffer(offer)}` : ''}`),
    );
    return [
      `${name})`,
      '  _arguments \\',
      ...[...specs, quoted(`*:what:${zshOffer(offer)}`)].map((spec) => `    ${spec} \\`),
      '    && return 0',
      '  ;;',
    ];
  });
  const names = commands.map(({ name, summary }) => quoted(`${name}:${zshAbout(summary)}`));
  return `#compdef espalier
# Completion of espalier for zsh: source <(espalier completion zsh)
_espalier() {
  local -a commands=(
${indented(names, 4)}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command="\${words[2]}"
  shift words
  ((CURRENT--))
  case "$command" in
${indented(cases.flat(), 4)}
  esac
}
if [[ "\${funcstack[1]}" == _espalier ]]; then _espalier "$@"; else compdef _espalier espalier; fi
`;
}

/** A text between single quotes, for fish. */
const fishQuoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

/** For fish: `espalier completion fish | source`. */
export function fishScript(commands: readonly OfferedCommand[]): string {
  const lines = commands.flatMap(({ name, summary, flags, offer }) => {
    const own = `complete -c espalier -n '__fish_seen_subcommand_from ${name}'`;
    const files = ({ paths }: Offer) => (paths ? ' -F' : ' -f');
    const words = (offer: Offer) => (offer.words.length ? ` -a ${fishQuoted(offer.words.join(' '))}` : '');
    return [
      `complete -c espalier -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(summary)}`,
      `${own}${files(offer)}${words(offer)}`,
      ...flags.map(({ flag, about, offer }) => {
        const long = `${own} -l ${flag.slice(2)} -d ${fishQuoted(about)}`;
        return offer ? `${long} -r${files(offer)}${words(offer)}` : long;
      }),
    ];
  });
  return ['# Completion of espalier for fish: espalier completion fish | source', ...lines, ''].join('\n');
}

export const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
