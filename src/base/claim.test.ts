import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Claimed, claim } from './claim.js';
import { appendTo, writeAtomically } from './files.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-claim-'));
after(() => rmSync(root, { recursive: true, force: true }));

const path = join(root, 'run.lock');
const holder = () => JSON.parse(readFileSync(path, 'utf8'));
const left = (about: object) =>
  writeFileSync(path, JSON.stringify({ pid: 1, host: hostname(), token: 'another', ...about }));

/** The number of a process that was. */
const gone = () => spawnSync(process.execPath, ['-e', '']).pid;

test('one has it until it gives it back', async () => {
  const release = await claim(path, 'this run');
  assert.equal(holder().pid, process.pid);
  await assert.rejects(claim(path, 'this run'), {
    name: 'UserError',
    message: `Process ${process.pid} is working on this run; wait for it, or delete ${path} if it is something else.`,
  });
  await release();
  assert.deepEqual(readdirSync(root), []);
  await (await claim(path, 'this run'))();
});

test('of many at once one gets it', async () => {
  const claims = await Promise.allSettled(Array.from({ length: 20 }, () => claim(path, 'it')));
  const got = claims.filter(({ status }) => status === 'fulfilled');
  assert.equal(got.length, 1);
  await (got[0] as PromiseFulfilledResult<() => Promise<void>>).value();
});

test('what a process left that is gone is taken over, by one of many', async () => {
  for (const about of [{ pid: gone() }, { pid: process.pid }, { pid: process.ppid, born: 'long ago' }]) {
    left(about);
    if ('born' in about && !existsSync('/proc')) continue;
    const claims = await Promise.allSettled(Array.from({ length: 10 }, () => claim(path, 'it')));
    const got = claims.filter(({ status }) => status === 'fulfilled');
    assert.equal(got.length, 1);
    await (got[0] as PromiseFulfilledResult<() => Promise<void>>).value();
    assert.deepEqual(readdirSync(root), []);
  }
});

test('of many who take it over again and again never two have it', async () => {
  for (let round = 0; round < 200; round++) {
    left({ pid: process.pid });
    const claims = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => wait(i % 3).then(() => claim(path, 'it'))),
    );
    const got = claims.filter(({ status }) => status === 'fulfilled');
    assert.equal(got.length, 1);
    await (got[0] as PromiseFulfilledResult<() => Promise<void>>).value();
  }
});

test('one who went while taking it over does not keep others from it', async () => {
  left({ pid: gone() });
  writeFileSync(`${path}.turn`, JSON.stringify({ pid: gone(), host: hostname(), token: 'a third' }));
  await (await claim(path, 'it'))();
  assert.deepEqual(readdirSync(root), []);
});

test('a process that is there keeps it', async () => {
  left({ pid: process.ppid });
  await assert.rejects(claim(path, 'it'), /^UserError: Process \d+ is working on it/);
  rmSync(path);
});

test('one on another machine keeps it as long as it renews it', async () => {
  left({ pid: 7, host: 'elsewhere' });
  const pulse = setInterval(() => utimesSync(path, new Date(), new Date()), 20);
  await assert.rejects(
    claim(path, 'it', { patience: 2000 }),
    /Process 7 on elsewhere is working on it; wait .* if it is gone\./,
  );
  clearInterval(pulse);
  await (await claim(path, 'it', { patience: 200 }))();
  assert.deepEqual(readdirSync(root), []);
});

test('who has it renews it', async () => {
  const release = await claim(path, 'it', { beat: 10 });
  const { mtimeMs } = statSync(path);
  while (statSync(path).mtimeMs === mtimeMs) await wait(10);
  await release();
});

test('a file that says nothing counts once it is old', async () => {
  writeFileSync(path, '');
  utimesSync(path, 1e9, 1e9);
  const release = await claim(path, 'it');
  await release();
});

test('a claim of another container with the same name is not that of a process here', async () => {
  left({ pid: process.pid, machine: 'another' });
  const pulse = setInterval(() => utimesSync(path, new Date(), new Date()), 20);
  await assert.rejects(claim(path, 'it', { patience: 2000 }), Claimed);
  clearInterval(pulse);
  rmSync(path);
});

test('one that has not been renewed for long is taken at once, whatever the clock of this machine says', async () => {
  left({ pid: 7, host: 'elsewhere' });
  utimesSync(path, new Date(Date.now() - 40_000), new Date(Date.now() - 40_000));
  await (await claim(path, 'it', { patience: 30_000 }))();
});

test("who has lost it writes nothing more there, nor renews what is another's", async () => {
  const release = await claim(path, 'this run', { beat: 10 });
  const file = join(root, 'deep', 'file');
  mkdirSync(join(root, 'deep'));
  await writeAtomically(file, 'before');
  left({ host: 'elsewhere' });
  utimesSync(path, 1e9, 1e9);
  const lost = {
    name: 'UserError',
    message: /^Another process has taken over this run, so this one leaves it alone\.$/,
  };
  await assert.rejects(writeAtomically(file, 'after'), lost);
  await assert.rejects(appendTo(file, 'after'), lost);
  await wait(50);
  assert.equal(statSync(path).mtimeMs, 1e12);
  assert.equal(readFileSync(file, 'utf8'), 'before');
  await release();
  await writeAtomically(file, 'by itself');
  assert.deepEqual(readdirSync(join(root, 'deep')), ['file']);
  rmSync(join(root, 'deep'), { recursive: true });
  rmSync(path);
});

test('who lost it does not take it from another', async () => {
  const release = await claim(path, 'it');
  left({});
  await release();
  assert.equal(holder().token, 'another');
  rmSync(path);
});
