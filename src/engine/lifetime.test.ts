/** Handles after their end, and while they are in use. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../base/index.js';
import { closable } from './lifetime.js';

/** A handle that writes down what is done with it; `work` is under way until it is let go. */
function recorded() {
  const calls: string[] = [];
  let letGo = () => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const handle = {
    size: 3,
    now: () => calls.push('now'),
    work: () => gate.then(() => calls.push('worked')),
    close: () => void calls.push('close'),
  };
  return { calls, letGo, handle: closable(handle, 'handle', () => calls.push('ended')) };
}

test('a closed handle refuses to work, and closing it again does nothing', () => {
  const { calls, handle } = recorded();
  handle.now();
  handle.close();
  handle.close();
  assert.deepEqual(calls, ['now', 'close', 'ended']);
  assert.equal(handle.size, 3);
  assert.throws(
    () => handle.now(),
    (error) => error instanceof UserError && /handle is closed/.test(error.message),
  );
});

test('what is under way is ended first', async () => {
  const { calls, letGo, handle } = recorded();
  const work = handle.work();
  handle.close();
  assert.throws(() => handle.now(), UserError);
  assert.deepEqual(calls, []);
  letGo();
  await work;
  assert.deepEqual(calls, ['worked', 'close', 'ended']);
});
