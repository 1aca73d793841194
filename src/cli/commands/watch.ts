/** watch: a live page of runs. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { writeAtomically } from '../../base/index.js';
import { savePage, watch } from '../../watch/index.js';
import { define } from '../define.js';

const main = fileURLToPath(new URL('../main.js', import.meta.url));

export function addWatch(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'watch',
    argument: '[DIR...]',
    about: 'folders with runs, at any depth (default: runs)',
    recipes: false,
    examples: [
      'watch',
      'watch runs/fggp-ablation',
      'watch runs --host 0.0.0.0 --port 8080',
      'watch runs --save runs.html',
    ],
    async run({ given, argument }, face) {
      const folders = argument.length > 0 ? argument : ['runs'];
      if (given.save) {
        await writeAtomically(given.save, await savePage(folders));
        return face.result({ file: given.save }, given.save);
      }
      const server = await watch({ folders, main, host: given.host, port: given.port });
      const runs = server.count() === 1 ? '1 run' : `${server.count()} runs`;
      face.result({ address: server.address }, `${server.address}  (${runs}; Ctrl-C ends it)`);
      if (!signal.aborted) await once(signal, 'abort');
      await server.close();
    },
  });
}
