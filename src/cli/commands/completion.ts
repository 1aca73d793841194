/** completion: a script by which a shell completes command lines. */
import type { Command } from 'commander';
import { fail } from '../../base/index.js';
import { offers } from '../completion.js';
import { scripts } from '../completion-scripts.js';
import { define } from '../define.js';
import type { Loaders } from '../summaries.js';

export function addCompletion(program: Command, signal: AbortSignal, all: Loaders): void {
  define(program, signal, {
    name: 'completion',
    argument: '[SHELL]',
    about: 'bash, zsh or fish',
    recipes: false,
    examples: [
      'completion bash > ~/.local/share/bash-completion/completions/espalier',
      'completion fish | source',
    ],
    async run({ argument: [shell] }, face) {
      const names = Object.keys(scripts);
      if (!names.includes(shell))
        fail(`Name the shell, as in espalier completion bash; there are ${names.join(', ')}.`);
      const script = scripts[shell as keyof typeof scripts](await offers(signal, all));
      face.result({ shell, script }, script.trimEnd());
    },
  });
}
