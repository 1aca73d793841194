/**
 * How the library is bundled for pages: what it uses of Node it gets from src/web/node, and where a page has another way to the same
 * (machines, pictures, onnxruntime, files that ship with the package), from src/web. A Node module that src/web/node has not, and that is still
 * needed after all that is unused has gone, fails the build.
 */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const dist = join(root, 'dist');

export const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  target: 'es2022',
  platform: 'browser',
  format: 'esm',
  logLevel: 'warning',
};

/** Bundles a page's own script and style, and the worker that lays out drawings of networks; its document lies beside them. */
export async function bundlePage(page, outdir) {
  await build({
    ...common,
    platform: undefined,
    entryPoints: {
      main: join(page, 'main.tsx'),
      style: join(page, 'style.css'),
      'layout-worker': 'src/watch/page/layout-worker.ts',
    },
    external: ['node:*'],
    outdir,
  });
  cpSync(join(page, 'index.html'), join(outdir, 'index.html'));
}

/** Modules of the library, and those that stand in for them in a page. */
const INSTEAD = {
  'base/version.js': 'web/version.js',
  'data/picture.js': 'web/picture.js',
  'data/shipped.js': 'web/shipped.js',
  'engine/open.js': 'web/open.js',
  'runs/onnxruntime-modules.js': 'web/onnxruntime.js',
};

/** The names that the library imports of each module of Node. */
function importedNames() {
  const names = new Map();
  for (const file of readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.js')))
    for (const [, list, module] of readFileSync(join(dist, file), 'utf8').matchAll(
      /import \{([^}]*)\} from 'node:([\w/]+)'/g,
    )) {
      const own = list.split(',').map((name) => name.trim().split(' as ')[0]);
      names.set(module, new Set([...(names.get(module) ?? []), ...own]));
    }
  return names;
}

/** A module of Node as pages have it; the names that they lack are left to Node, so that only what uses them is refused. */
async function nodeModule(name, imported) {
  const own = join(dist, 'web/node', `${name.replace('/', '-')}.js`);
  const there = existsSync(own) ? Object.keys(await import(own)) : [];
  const missing = [...(imported.get(name) ?? [])].filter((one) => one && !there.includes(one));
  return [
    ...(there.length > 0 ? [`export * from '${own}';`] : []),
    ...(missing.length > 0 ? [`export { ${missing} } from 'node:${name}';`] : []),
  ].join('\n');
}

/** The names that a compiled module declares and exports. */
const exportedNames = (file) =>
  [...readFileSync(file, 'utf8').matchAll(/^export (?:async )?(?:function\*?|const|let|class) (\w+)/gm)].map(
    ([, name]) => name,
  );

/** A module that stands in for one of the library's; what it lacks is the library's own, which is refused if it is used and needs Node. */
function standIn(name) {
  const [own, original] = [join(dist, INSTEAD[name]), join(dist, name)];
  const there = exportedNames(own);
  const missing = exportedNames(original).filter((one) => !there.includes(one));
  return [
    `export * from '${own}';`,
    ...(missing.length > 0 ? [`export { ${missing} } from '${original}';`] : []),
  ].join('\n');
}

const about = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** Packages that are asked for where they are needed: whoever needs them is not in a page. */
const peers = new RegExp(`^(${Object.keys(about.peerDependencies).join('|')})(/|$)`);

const host = {
  name: 'page-host',
  setup({ onLoad, onResolve, resolve }) {
    const imported = importedNames();
    onResolve({ filter: /^node:path$/ }, ({ resolveDir }) =>
      resolve('pathe', { resolveDir, kind: 'import-statement' }),
    );
    onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
      namespace === 'node'
        ? { path, external: true, sideEffects: false }
        : { path: path.slice('node:'.length), namespace: 'node', sideEffects: false },
    );
    onLoad({ filter: /./, namespace: 'node' }, async ({ path }) => ({
      contents: await nodeModule(path, imported),
      resolveDir: root,
    }));
    onResolve({ filter: peers }, ({ path }) => ({ path, namespace: 'absent', sideEffects: false }));
    onLoad({ filter: /./, namespace: 'absent' }, ({ path }) => ({
      contents: `throw new Error('${path} is not for browsers');`,
    }));
    // Parts of linkedom for servers.
    onResolve({ filter: /^(perf_hooks|canvas)$/ }, ({ path }) => ({
      ...{ path, external: true, sideEffects: false },
    }));
    onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, importer }) => {
      if (!importer.startsWith(dist) || importer.startsWith(join(dist, 'web'))) return undefined;
      const name = relative(dist, join(resolveDir, path));
      return INSTEAD[name] && { path: name, namespace: 'instead', sideEffects: false };
    });
    onLoad({ filter: /./, namespace: 'instead' }, ({ path }) => ({
      contents: standIn(path),
      resolveDir: root,
    }));
  },
};

/** The source of a thread's worker. */
export async function threadSource() {
  const entryPoints = ['dist/engine/wasm/web-worker.js'];
  const { outputFiles } = await build({ ...common, entryPoints, format: 'iife', write: false });
  return outputFiles[0].text;
}

/** Kernels by their memory and instruction set: those of inference, and all of them. */
const kernelsOf = (name) => ({
  plain: `${name}-plain`,
  'plain-relaxed': `${name}-plain-relaxed`,
  shared: name,
  'shared-relaxed': `${name}-relaxed`,
});

const prefixed = (prefix, kernels) =>
  Object.fromEntries(Object.entries(kernels).map(([kind, file]) => [`${prefix}${kind}`, file]));

/** Modules beside the bundles that hold kernels, and the files of kernels that they hold. */
export const inference = prefixed('kernels-', kernelsOf('inference'));
export const training = prefixed('kernels-training-', kernelsOf('espalier'));
/** What lies beside the bundles. */
export const beside = ['./kernels-*', './shipped-digits.js'];

/** How a bundle gets at what lies deflated beside it. */
export const inflating = `
  async function inflated({ deflated }) {
    const bytes = Uint8Array.from(atob(deflated), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }`;

/** What a bundle brings along of the engine. */
export const embedded = (thread, kernels) => `{
  worker: ${JSON.stringify(thread)},
  training: ${kernels === training},
  async kernels(memory, relaxed) {
    const modules = { ${Object.keys(kernels).map((name) => `'${name}': () => import('./${name}.js')`)} };
    const start = '${kernels === training ? 'kernels-training-' : 'kernels-'}';
    return inflated(await modules[start + memory + (relaxed ? '-relaxed' : '')]());
  },
}`;

/**
 * Bundles modules that use the library, each a text from the root of the checkout, with all that the library needs in a page.
 * @throws Error where a bundle asks for a module that pages have not.
 */
export async function bundleForPages({ entries, outdir, external = [], plain = {} }) {
  const thread = await threadSource();
  const preparing = `
    import { bring } from './dist/web/open.js';
    import { bringFiles } from './dist/web/shipped.js';
    ${inflating}
    bring(${embedded(thread, training)});
    bringFiles(async () => inflated(await import('./shipped-digits.js')));`;
  const texts = {
    name: 'texts',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^text:/ }, ({ path }) => ({
        path: path.slice('text:'.length),
        namespace: 'text',
      }));
      onLoad({ filter: /./, namespace: 'text' }, ({ path }) => ({
        contents: `${preparing}\n${entries[path]}`,
        resolveDir: root,
      }));
    },
  };
  const named = Object.fromEntries(Object.keys(entries).map((name) => [name, `text:${name}`]));
  const { metafile } = await build({
    ...common,
    entryPoints: { ...named, ...plain },
    plugins: [texts, host],
    external: [...beside, ...external],
    inject: ['dist/web/node/process.js'],
    define: { ESPALIER_VERSION: JSON.stringify(about.version) },
    splitting: true,
    chunkNames: 'shared-[hash]',
    metafile: true,
    outdir,
  });
  const asked = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.filter(({ external: out, kind }) => out && kind !== 'require-call').map(({ path }) => path),
  );
  const missing = [...new Set(asked)].filter((path) => !path.startsWith('./'));
  if (missing.length > 0) throw new Error(`The bundle for pages asks for ${missing.join(', ')}`);
}
