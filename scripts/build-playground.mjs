/**
 * Builds the playground into build/playground: static files for any host. Where that sends the headers by which a page is isolated
 * (docs/playground.md), the page has threads.
 *
 *     node scripts/build-playground.mjs       after tsc and build-browser.mjs
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleForPages, bundlePage, dist, root } from './page-host.mjs';

const outdir = join(root, 'build/playground');
const page = join(root, 'src/playground/page');
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });

await bundlePage(page, outdir);
await bundleForPages({
  entries: { worker: `import { serve } from './dist/playground/worker.js'; serve();` },
  outdir,
  external: ['./runtime.js', './onnxruntime/*'],
});
const beside = /^(runtime|kernels-.*|shipped-.*)\.js$/;
for (const name of readdirSync(join(dist, 'browser')).filter((file) => beside.test(file)))
  cpSync(join(dist, 'browser', name), join(outdir, name));

// Without it the page says that exports are not checked, and times espalier alone.
const onnxruntime = join(root, 'node_modules/onnxruntime-web/dist');
if (existsSync(onnxruntime))
  for (const name of ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'])
    cpSync(join(onnxruntime, name), join(outdir, 'onnxruntime', name));
