/**
 * Bundles espalier/runtime for browsers: dist/browser/runtime.js, a module without imports from elsewhere, and beside it the
 * kernels, a module for each kind of memory and instruction set, of which a page fetches one. Kernels are deflated and
 * written in base64, so that any bundler and any static host can carry them.
 *
 *     node scripts/build-browser.mjs          after tsc
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const outdir = `${root}dist/browser`;
const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: 'es2022',
  platform: 'browser',
  logLevel: 'warning',
};

const worker = await build({
  ...common,
  entryPoints: ['dist/engine/wasm/web-worker.js'],
  format: 'iife',
  write: false,
});

const files = {
  plain: 'inference-plain',
  'plain-relaxed': 'inference-plain-relaxed',
  shared: 'inference',
  'shared-relaxed': 'inference-relaxed',
};

/** The bundle's entry, which is nowhere a file. */
const entry = `
  import { loadWith } from './dist/runtime/browser.js';
  export { classify, pack, unpack } from './dist/runtime/browser.js';
  const kernels = { ${Object.keys(files).map((name) => `'${name}': () => import('./kernels-${name}.js')`)} };
  export const load = loadWith({
    worker: ${JSON.stringify(worker.outputFiles[0].text)},
    async kernels(memory, relaxed) {
      const { deflated } = await kernels[relaxed ? memory + '-relaxed' : memory]();
      const bytes = Uint8Array.from(atob(deflated), (c) => c.charCodeAt(0));
      const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
      return new Uint8Array(await new Response(inflated).arrayBuffer());
    },
  });`;

for (const name of existsSync(outdir) ? readdirSync(outdir) : [])
  if (name.endsWith('.js')) rmSync(`${outdir}/${name}`);
await build({
  ...common,
  stdin: { contents: entry, resolveDir: root },
  // What only Node has stands in modules that the runtime does not use, and goes with them.
  external: ['./kernels-*', 'node:*'],
  format: 'esm',
  outfile: `${outdir}/runtime.js`,
});
for (const [name, file] of Object.entries(files)) {
  const bytes = readFileSync(`${root}src/engine/wasm/${file}.wasm`);
  const deflated = deflateRawSync(bytes, { level: 9 }).toString('base64');
  writeFileSync(`${outdir}/kernels-${name}.js`, `export const deflated = '${deflated}';\n`);
}
