/** methods: what there is to prune with. */
import type { Command } from 'commander';
import {
  describeMethod,
  listMethods,
  type MethodDetails,
  type MethodEntry,
  openMethod,
} from '../../runs/index.js';
import { define } from '../define.js';
import { flowing, left, table } from '../table.js';

export function addMethods(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'methods',
    argument: '[METHOD]',
    about: 'name of a method, to show its settings',
    recipes: false,
    examples: ['methods', 'methods fggp'],
    async run({ argument: [name] }, face) {
      if (name) {
        await openMethod(name);
        const method = describeMethod(name);
        face.result(method, detailsOf(method));
      } else {
        const methods = listMethods();
        face.result(methods, tableOf(methods));
      }
    },
  });
}

const removes = { weights: 'single weights', 'learnt masks': 'single weights, learnt', channels: 'channels' };

function tableOf(methods: readonly MethodEntry[]): string {
  const rows = methods.map(({ name, kind, summary }) => [name, removes[kind], summary]);
  const titles = [left('method'), left('removes'), flowing('what it is')];
  return `${table(titles, rows)}\n\nespalier methods METHOD shows the settings of a method.`;
}

function detailsOf({ name, kind, summary, source, settings }: MethodDetails): string {
  const rows = settings.map(({ flag, value, about }) => [flag, String(value), about]);
  const example = kind === 'channels' ? '--macs 0.5' : '--sparsity 0.9';
  return [
    `${name}: ${summary}. It removes ${removes[kind]}.`,
    ...(source ? [`Source: ${[source.paper, source.section].filter(Boolean).join(', ')}.`] : []),
    table([left('setting'), left('default'), flowing('what it is')], rows),
    `espalier prune MODEL --method ${name} ${example} --data DATA --out RUN`,
  ].join('\n\n');
}
