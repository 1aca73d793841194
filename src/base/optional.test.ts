import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importOptional } from './optional.js';

const absent: string = 'no-package-of-this-name';

test('a package that is not installed is named, with what it is for and how to get it', async () => {
  await assert.rejects(
    importOptional(absent, () => import(absent), 'Decoding pictures'),
    {
      name: 'UserError',
      message: `Decoding pictures needs the package ${absent}, which is not installed here: npm install ${absent}.`,
    },
  );
});

test('a package that is there but broken says why', async () => {
  const load = () => Promise.reject(new Error('no binary for this machine\nat …'));
  await assert.rejects(importOptional('x', load, 'Drawing'), {
    message:
      'Drawing needs the package x, which does not load here (no binary for this machine): npm install x.',
  });
});

test('a package that is there is what it is', async () => {
  const { basename } = await importOptional('node:path', () => import('node:path'), 'Naming');
  assert.equal(basename('a/b'), 'b');
});
