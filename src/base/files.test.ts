import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fail, UserError } from './errors.js';
import { makeFolder, reason, writeAtomically } from './files.js';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'espalier-files-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('a file is written, and written over, whole', async (t) => {
  const path = join(await folder(t), 'a');
  await writeAtomically(path, 'one');
  await writeAtomically(path, Uint8Array.of(116, 119, 111));
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.deepEqual(await readdir(join(path, '..')), ['a'], 'nothing is left beside it');
});

test('what cannot be written is one sentence, and leaves nothing', async (t) => {
  const home = await folder(t);
  const sentence = (words: RegExp) => (error: unknown) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, words);
    return true;
  };
  const missing = join(home, 'none', 'a');
  await assert.rejects(
    writeAtomically(missing, ''),
    sentence(/^Cannot write .*none.*: no such file or folder; check/),
  );
  await mkdir(join(home, 'taken'));
  await assert.rejects(writeAtomically(join(home, 'taken'), 'x'), sentence(/it is a folder/));
  assert.deepEqual(await readdir(home), ['taken']);
  if (process.getuid?.() === 0) return;
  await chmod(home, 0o500);
  await assert.rejects(writeAtomically(join(home, 'b'), ''), sentence(/permission denied/));
  await chmod(home, 0o700);
});

test('reasons are plain words; unknown ones speak for themselves', () => {
  assert.equal(reason({ code: 'ENOSPC', message: 'ENOSPC: …' }), 'the disk is full');
  assert.equal(reason({ code: 'EWEIRD', message: 'odd' }), 'odd');
});

test('fail throws a sentence for a person', () => {
  assert.throws(
    () => fail('No.'),
    (error) => error instanceof UserError && error.name === 'UserError' && error.message === 'No.',
  );
});

test('a folder is made with those above it, and what stands in its way is said', async (t) => {
  const home = await folder(t);
  await makeFolder(join(home, 'a', 'b', 'c'));
  await makeFolder(join(home, 'a', 'b'));
  await writeAtomically(join(home, 'a', 'b', 'c', 'file'), '');
  await assert.rejects(makeFolder(join(home, 'a', 'b', 'c', 'file')), { code: 'EEXIST' });
  await assert.rejects(makeFolder(join(home, 'a', 'b', 'c', 'file', 'd')), { code: 'ENOTDIR' });
  if (process.platform === 'linux') await assert.rejects(makeFolder('/proc/none/such'), { code: 'ENOENT' });
});
