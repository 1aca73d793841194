/**
 * Bundles the page of `espalier watch` into dist/browser/watch: a document, a style sheet, a script, and a worker that lays out
 * large networks.
 *
 *     node scripts/build-watch.mjs
 */
import { cpSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = `${root}dist/browser/watch`;

await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'src/watch/page/main.tsx',
    style: 'src/watch/page/style.css',
    'layout-worker': 'src/watch/page/layout-worker.ts',
  },
  bundle: true,
  external: ['node:*'],
  minify: true,
  target: 'es2022',
  format: 'esm',
  logLevel: 'warning',
  outdir,
});
cpSync(`${root}src/watch/page/index.html`, `${outdir}/index.html`);
