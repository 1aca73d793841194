/** Runs in a store: who owns them, what stands there at every moment, and what comes back; on a small server that checks every signature. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { appendTo, Claimed, LostClaim, writeAtomically } from '../../../base/index.js';
import { fetchRun, readManifest } from './fetch.js';
import { gathering } from './gather.js';
import { leaseRun } from './lease.js';
import { mirror } from './mirror.js';
import { openStore } from './probe.js';
import { type Manifest, manifestIn, manifestKey, type Store, textOf } from './types.js';

const { openS3Server } = await import(new URL('../../../../scripts/s3-server.mjs', import.meta.url).href);
const root = mkdtempSync(join(tmpdir(), 'espalier-storage-'));
const place = { url: 's3://bucket/ä b/+', study: 'mine', run: 'gmp/0.9/seed-1' };
const server = await openS3Server();
let store: Store;
before(async () => {
  store = await openStore(place.url, { env: server.env, patience: () => 60_000 });
});
beforeEach(() => server.objects.clear());
after(async () => {
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

/** A folder for this test. */
function folder(name: string): string {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Every file in a folder, with what it holds. */
const contents = (path: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(path.length + 1), readFileSync(file, 'utf8')])
      .sort(),
  );

const manifest = async (): Promise<Manifest> => (await readManifest(store, place))!;

/** Has another machine hold the run, as it says itself. */
const heldElsewhere = (about: object = {}) =>
  store.write(
    manifestKey(place),
    textOf({
      files: {},
      holder: { pid: 7, host: 'elsewhere', machine: 'another', token: 'x', beat: 0, ...about },
    }),
  );

test('keys of any letters come back from lists of several pages', async () => {
  const keys = Array.from({ length: 7 }, (_, i) => `k/${i} (ü)*'!+&<`);
  for (const key of keys) await store.write(key, textOf(key));
  assert.deepEqual([...(await store.list('k/')).keys()], keys);
  assert.deepEqual(Buffer.from((await store.read(keys[3]))!.bytes), Buffer.from(textOf(keys[3])));
  await store.remove(keys[3]);
  assert.equal(await store.read(keys[3]), undefined);
});

test('a store that heeds no conditions, or cannot be used, is refused in a sentence', async () => {
  const heedless = await openS3Server({ quirk: 'heedless' });
  const open = (url: string, env: object) => openStore(url, { env: { ...env }, patience: () => 0 });
  await assert.rejects(
    open(place.url, heedless.env),
    /^UserError: The storage .* writes in spite of If-None-Match/,
  );
  await assert.rejects(
    open('s3://other/x', server.env),
    /answers 404 NoSuchBucket \(For a test\): check the/,
  );
  await assert.rejects(
    open(place.url, { ...server.env, AWS_SECRET_ACCESS_KEY: 'x' }),
    /answers 403 SignatureDoesNotMatch/,
  );
  await assert.rejects(open(place.url, {}), /needs keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/);
  await assert.rejects(open('s3:///x', server.env), /is not the address of a store: give s3:\/\/BUCKET/);
  await heedless.stop();
  await assert.rejects(
    open(place.url, heedless.env),
    /^UserError: There is no answer from the storage .*ECONNREFUSED/,
  );
});

test('etags are compared with quotation marks or without, as the server does', async (t) => {
  const bare = await openS3Server({ quirk: 'bare' });
  t.after(bare.stop);
  await openStore(place.url, { env: bare.env });
});

test('of many at once one gets a run', async () => {
  const leases = await Promise.allSettled(Array.from({ length: 8 }, () => leaseRun(store, place)));
  const got = leases.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  assert.equal(got.length, 1);
  for (const one of leases) if (one.status === 'rejected') assert.ok(one.reason instanceof Claimed);
  await got[0].release();
  assert.deepEqual(await manifest(), { files: {} });
  await (await leaseRun(store, place)).release();
});

test('a run of another machine is taken once its holder has not been heard of for long', async () => {
  await heldElsewhere();
  let beat = 0;
  const pulse = setInterval(() => heldElsewhere({ beat: ++beat }), 30);
  await assert.rejects(
    leaseRun(store, place, { patience: 5000 }),
    /^UserError: Process 7 on elsewhere is working on gmp\/0\.9\/seed-1 of mine in s3:.*; wait for it\.$/,
  );
  clearInterval(pulse);
  await wait(50);
  await (await leaseRun(store, place, { patience: 500 })).release();
});

test('who has a run shows that it is at work', async () => {
  const lease = await leaseRun(store, place, { beat: 10 });
  while (((await manifest()).holder?.beat ?? 0) < 3) await wait(10);
  await lease.release();
  assert.equal((await manifest()).holder, undefined);
});

test('who has lost a run writes nothing more, neither there nor in its folder', async () => {
  const path = folder('lost');
  let told = 0;
  const lease = await leaseRun(store, place, { onLost: () => told++ });
  const copy = mirror(store, lease, place, path);
  await writeAtomically(join(path, 'file'), 'before');
  while (!(await manifest()).files.file) await wait(10);
  await heldElsewhere();
  const theirs = await manifest();
  await writeAtomically(join(path, 'file'), 'after');
  while (!told) await wait(10);
  await assert.rejects(writeAtomically(join(path, 'file'), 'later'), LostClaim);
  await assert.rejects(copy.end(), LostClaim);
  await lease.release();
  assert.deepEqual(await manifest(), theirs);
  assert.deepEqual(contents(path), { file: 'after' });
  assert.equal(told, 1);
  await writeAtomically(join(path, 'file'), 'by itself');
});

test('an answer that was lost on its way is no lost run', async () => {
  const path = folder('answers');
  let asked = 0;
  server.answer = (request: string) => {
    if (!request.startsWith('PUT')) return undefined;
    asked++;
    return asked % 3 === 1 ? 'lose' : asked % 3 === 2 ? 'refuse' : undefined;
  };
  const lease = await leaseRun(store, place);
  const copy = mirror(store, lease, place, path);
  for (const text of 'abc') {
    await writeAtomically(join(path, 'file'), text);
    await wait(20);
  }
  await copy.end();
  await lease.release();
  server.answer = () => undefined;
  assert.ok(asked > 6, `${asked}`);
  const back = folder('answers-back');
  await fetchRun(store, place, back, await manifest());
  assert.deepEqual(contents(back), { file: 'c' });
});

test('what stands in the store is the folder at one moment, and comes back as it was', async () => {
  const [path, back] = [folder('run'), folder('back')];
  mkdirSync(join(path, 'checkpoint'));
  const lease = await leaseRun(store, place);
  writeFileSync(join(path, 'run.lock'), 'mine');
  const moments: Promise<string[]>[] = [];
  server.answer = (request: string) => {
    if (!request.includes('/runs/')) return undefined;
    // What the manifest that is there now names must be there now.
    const found = server.objects.get(`ä b/+/${manifestKey(place)}`);
    const { files } = manifestIn({ bytes: found.body } as never);
    const read = (name: string): string =>
      files[name]
        ? server.objects.get(`ä b/+/mine/files/${place.run}/${name}/${files[name].id}`).body.toString()
        : '';
    moments.push(
      Promise.resolve([read('first'), read('checkpoint/second'), String(read('lines').length / 2)]),
    );
    return undefined;
  };
  const copy = mirror(store, lease, place, path);
  for (let i = 0; i < 60; i++) {
    await writeAtomically(join(path, 'first'), String(i));
    await writeAtomically(join(path, 'checkpoint', 'second'), String(i));
    await appendTo(join(path, 'lines'), '-\n');
    await wait(25);
  }
  rmSync(join(path, 'checkpoint', 'second'));
  await copy.end();
  await lease.release();
  server.answer = () => undefined;
  const seen = await Promise.all(moments);
  assert.ok(new Set(seen.map(String)).size > 2, 'several moments were copied');
  for (const [first, second, lines] of seen.slice(0, -1)) {
    const [a, b, c] = [first, second, lines].map((text) => (text === '' ? -1 : Number(text)));
    assert.ok(a === b || a === b + 1, `${first} ${second}`);
    assert.ok(c === b || c === b + 1, `${second} ${lines}`);
  }

  // Objects that no manifest names are gone.
  const objects = [...server.objects.keys()].filter((key) => key.includes('/files/'));
  assert.equal(objects.length, 2, objects.join());
  mkdirSync(join(back, 'checkpoint'));
  writeFileSync(join(back, 'checkpoint', 'stray'), 'of a run before');
  writeFileSync(join(back, 'run.lock'), 'theirs');
  await fetchRun(store, place, back, await manifest());
  rmSync(join(path, 'run.lock'));
  rmSync(join(back, 'run.lock'));
  assert.deepEqual(contents(back), contents(path));
  // What is there already is not fetched again.
  utimesSync(join(back, 'first'), 1, 1);
  const asked: string[] = [];
  server.answer = (request: string) => void asked.push(request);
  await fetchRun(store, place, back, await manifest());
  server.answer = () => undefined;
  assert.equal(asked.filter((one) => one.includes('/files/')).length, 0);
});

test('a store that is away is caught up with, and the run does not wait for it', async () => {
  const path = folder('away');
  const lease = await leaseRun(store, place);
  const copy = mirror(store, lease, place, path);
  await server.stop();
  for (let i = 0; i < 5; i++) await writeAtomically(join(path, 'file'), String(i));
  const ending = copy.end();
  await wait(300);
  await server.start();
  await ending;
  await lease.release();
  const back = folder('away-back');
  await fetchRun(store, place, back, await manifest());
  assert.deepEqual(contents(back), { file: '4' });
});

test('a store that refuses to go on stops the run with its words', async () => {
  const path = folder('refused');
  let told = 0;
  const lease = await leaseRun(store, place, { onLost: () => told++ });
  const copy = mirror(store, lease, place, path);
  server.forbid = true;
  await writeAtomically(join(path, 'file'), 'x');
  while (!told) await wait(10);
  await assert.rejects(writeAtomically(join(path, 'file'), 'y'), /answers 403 AccessDenied/);
  await assert.rejects(copy.end(), /answers 403 AccessDenied/);
  server.forbid = false;
  await lease.release();
});

test('a manifest cannot write outside the folder of its run, and damaged files are noticed', async () => {
  const path = folder('hostile');
  for (const name of ['../out', 'a/../../out', '/out', 'a\\out'])
    await assert.rejects(
      fetchRun(store, place, path, { files: { [name]: { id: 'x', sha256: '', size: 0 } } }),
      /which would not lie in the run's folder/,
    );
  const file = { id: 'x', sha256: '0'.repeat(64), size: 3 };
  await store.write(`mine/files/${place.run}/file/x`, textOf('damaged'));
  await assert.rejects(
    fetchRun(store, place, path, { files: { file } }),
    /file of gmp\/0\.9\/seed-1 is damaged/,
  );
  assert.deepEqual(
    readdirSync(root).filter((name) => name === 'out'),
    [],
  );
});

test('a study fetches what nobody is at work on, and leaves what is finished here or in use', async () => {
  const study = folder('elsewhere/mine');
  const runs = ['a', 'b', 'c', 'd'].map((run) => ({ path: join(study, run) }));
  const gather = gathering({ ...store, address: place.url }, study, runs as never);
  for (const run of ['a', 'b', 'c']) {
    const path = folder(`worker/${run}`);
    const own = { ...place, run };
    const lease = await leaseRun(store, own);
    const copy = mirror(store, lease, own, path);
    await writeAtomically(join(path, 'metrics.jsonl'), run);
    await copy.end();
    if (run !== 'b') await lease.release();
  }
  mkdirSync(join(study, 'c'));
  writeFileSync(join(study, 'c', 'summary.json'), '{}');
  await gather();
  assert.deepEqual(contents(study), { 'a/metrics.jsonl': 'a', 'c/summary.json': '{}' });
  assert.ok(!existsSync(join(study, 'b')));
});
