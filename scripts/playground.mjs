/**
 * Builds the playground (docs/playground.md) and serves it on this machine.
 *
 *     npm run playground [-- --port 8080] [-- --plain]
 *
 * Without --plain the page is isolated from others by two headers, which gives it shared memory and so threads.
 */
import { spawnSync } from 'node:child_process';
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build/playground');

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};
const HEADERS = {
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/** The file of the page at an address; undefined where there is none. */
function fileAt(url) {
  const { pathname } = new URL(url, 'http://here');
  const name = pathname === '/' ? 'index.html' : pathname.slice(1);
  if (!/^(onnxruntime\/)?[\w.-]+$/.test(name)) return undefined;
  const path = join(folder, name);
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? path : undefined;
}

/** Serves what was built. @param options.isolated default true; `options.port`: default any that is free. */
export async function servePlayground({ isolated = true, port = 0 } = {}) {
  const server = createServer(({ url }, response) => {
    const path = fileAt(url);
    const type = (path && TYPES[extname(path)]) ?? 'application/octet-stream';
    response.writeHead(path ? 200 : 404, {
      ...HEADERS,
      ...(isolated ? ISOLATED : {}),
      'content-type': path ? type : 'text/plain',
    });
    if (path) pipeline(createReadStream(path), response, () => {});
    else response.end('not there');
  });
  await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

async function main() {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '8080' }, plain: { type: 'boolean', default: false } },
  });
  for (const script of ['setup', 'build-browser', 'build-playground']) {
    const { status } = spawnSync(process.execPath, [join(root, `scripts/${script}.mjs`)], {
      stdio: 'inherit',
    });
    if (status !== 0) process.exit(1);
  }
  const { address } = await servePlayground({ isolated: !values.plain, port: Number(values.port) }).catch(
    ({ code, message }) => {
      const why = code === 'EADDRINUSE' ? 'something else listens there; give another --port' : message;
      process.stderr.write(`espalier: Cannot listen on port ${values.port}: ${why}.\n`);
      process.exit(1);
    },
  );
  console.log(`${address}  (the files are in build/playground; Ctrl-C ends it)`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
