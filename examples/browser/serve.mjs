/**
 * Serves the page beside this file, with a model to run: a pruned .onnx, packed, or without one a ResNet-20 of the zoo, untrained,
 * with 95 % of its weights at 0.
 *
 *     npm run build
 *     node examples/browser/serve.mjs [MODEL.onnx] [--port 8080] [--plain]
 *
 * Without --plain the page is isolated from others by two headers, which gives it shared memory and so threads.
 */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
const ISOLATED = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where the page's parts lie: folders by the beginning of their addresses. */
const FOLDERS = {
  '/espalier/': folder('../../dist/browser/'),
  '/onnxruntime/': folder('../../node_modules/onnxruntime-web/dist/'),
  '/': folder('./'),
};

/** What the untrained network says of itself: it takes photos, but knows nothing of what is in them. */
const CARD = {
  classes: Array.from({ length: 10 }, (_, i) => `class ${i} of a network that is not trained`),
  ...{ mean: [0.5], std: [0.25], scale: 255, colors: 'RGB', resize: 'crop' },
};

/** The path that a request asks for, undefined where its address is none. */
function pathOf(url) {
  try {
    const path = normalize(decodeURIComponent(new URL(url, 'http://here').pathname));
    return path.startsWith('/') ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The file that stands at a path, undefined where none does, or none can. */
function fileAt(path) {
  const [prefix, root] = Object.entries(FOLDERS).find(([start]) => path.startsWith(start));
  const file = join(root, path === '/' ? 'index.html' : path.slice(prefix.length));
  try {
    return statSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A server on this machine for the page, and for `files`, bytes by address.
 * @param options.isolated with the two headers; default true. `options.port`: default any that is free.
 */
export async function serve(files, { isolated = true, port = 0 } = {}) {
  const server = createServer(({ url }, response) => {
    const answer = (status, type, body) => {
      const headers = { 'Content-Type': type, 'Cache-Control': 'no-store', ...(isolated ? ISOLATED : {}) };
      response.writeHead(status, headers);
      if (body?.pipe) pipeline(body, response, () => {});
      else response.end(body);
    };
    const path = pathOf(url);
    if (path === undefined) return answer(400, 'text/plain', 'malformed address');
    if (Object.hasOwn(files, path)) return answer(200, 'application/octet-stream', files[path]);
    const file = fileAt(path);
    if (!file) return answer(404, 'text/plain', 'not there');
    answer(200, TYPES[extname(file)] ?? 'application/octet-stream', createReadStream(file));
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: '8080' }, plain: { type: 'boolean', default: false } },
  });
  const { withCard } = await import('../../dist/data/index.js');
  const { buildNetwork } = await import('../../dist/nn/index.js');
  const { readModel, serializeModel } = await import('../../dist/onnx/index.js');
  const { pack } = await import('../../dist/runtime/index.js');
  const { pruned } = await import('../../bench/pruned.mjs');
  const [path] = positionals;
  const graph = path
    ? await readModel(path)
    : withCard(pruned(buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 1 }), 0.95), CARD);
  const files = { '/model.onnx': serializeModel(graph), '/model.espk': await pack(graph) };
  const { address } = await serve(files, { isolated: !values.plain, port: Number(values.port) });
  console.log(`${path ?? 'ResNet-20, 95 % of its weights 0,'} is served: open ${address}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
