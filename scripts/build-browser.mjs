/**
 * Bundles espalier for browsers into dist/browser: espalier/runtime (runtime.js) and the whole library (espalier.js, page.js), modules without
 * imports from elsewhere; beside them the kernels, a module for each kind of memory and instruction set, of which a page fetches one. Kernels and data
 * are deflated and written in base64, so that any bundler and any static host can carry them.
 *
 *     node scripts/build-browser.mjs          after tsc
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';
import {
  beside,
  bundleForPages,
  common,
  dist,
  embedded,
  inference,
  inflating,
  root,
  threadSource,
  training,
} from './page-host.mjs';

const outdir = join(dist, 'browser');
for (const name of existsSync(outdir) ? readdirSync(outdir) : [])
  if (name.endsWith('.js')) rmSync(join(outdir, name));

/** The bundle's entry, which is nowhere a file. */
const runtime = `
  import { loadWith } from './dist/runtime/browser.js';
  export { classify, pack, unpack } from './dist/runtime/browser.js';
  ${inflating}
  export const load = loadWith(${embedded(await threadSource(), inference)});`;
await build({
  ...common,
  stdin: { contents: runtime, resolveDir: root },
  // What only Node has stands in modules that the runtime does not use, and goes with them.
  external: [...beside, 'node:*'],
  outfile: join(outdir, 'runtime.js'),
});
await bundleForPages({
  entries: { espalier: `export * from './dist/index.js';` },
  plain: { page: 'dist/web/index.js' },
  outdir,
});

function writeDeflated(name, bytes) {
  const deflated = deflateRawSync(bytes, { level: 9 }).toString('base64');
  writeFileSync(join(outdir, `${name}.js`), `export const deflated = '${deflated}';\n`);
}
for (const [name, file] of Object.entries({ ...inference, ...training }))
  writeDeflated(name, readFileSync(join(root, `src/engine/wasm/${file}.wasm`)));
writeDeflated('shipped-digits', readFileSync(join(root, 'assets/digits/digits.csv.gz')));
