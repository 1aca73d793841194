/** The server of the browser example: it outlives requests of any kind, and gives away nothing but its page. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';

const { serve } = await import(new URL('../../examples/browser/serve.mjs', import.meta.url).href);

/** The status that a request is answered with, as it is sent. */
const statusOf = (address: string, request: string): Promise<number> =>
  new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(address).port), '127.0.0.1', () => socket.write(request));
    socket.setEncoding('utf8').on('data', (text) => {
      answer += text;
    });
    socket.on('end', () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])));
    socket.on('error', reject);
  });

test('malformed requests are answered, and the next one is served', async (t) => {
  const { address, close } = await serve({ '/model.espk': new Uint8Array(3) });
  t.after(close);
  const get = (path: string) =>
    statusOf(address, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  for (const [path, status] of [
    ['/%', 400],
    ['/%%', 400],
    ['/%ff', 400],
    ['//', 400],
    ['http://[', 400],
    ['nowhere:else', 400],
    ['/%00', 404],
    [`/${'x'.repeat(5000)}`, 404],
    ['/serve.mjs/below', 404],
    ['/nowhere.js', 404],
    ['/constructor', 404],
    ['/../../package.json', 404],
    ['/%2e%2e/%2e%2e/package.json', 404],
    ['/espalier/..%2f..%2fpackage.json', 404],
    ['/espalier', 404],
    ['/', 200],
    ['/page.js', 200],
    ['/photo.js', 200],
    ['/model.espk', 200],
  ] as const)
    assert.equal(await get(path), status, path);
  assert.equal(await statusOf(address, 'nonsense\r\n\r\n'), 400);
  assert.equal(await get('/'), 200);
});
