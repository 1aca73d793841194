/** Completion as shells do it: the scripts are sourced by the shells themselves, where these are installed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { shell } from './shell.test.fixture.js';

const { at, root, espalier } = shell('completion');

/** Writes the script for a shell; undefined, and the test skipped, where it is not installed. */
async function scriptFor(name: string, t: TestContext): Promise<string | undefined> {
  if (spawnSync(name, ['-c', 'true']).error) {
    t.skip(`${name} is not installed`);
    return undefined;
  }
  const { status, out } = await espalier(`completion ${name}`);
  assert.equal(status, 0);
  writeFileSync(at(name), out);
  return at(name);
}

function told(name: string, words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(name, words, { cwd: root, encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('bash completes commands, methods, networks, flags, their choices and files', async (t) => {
  const script = await scriptFor('bash', t);
  if (!script) return;
  mkdirSync(at('runs'));
  const complete = (line: string): string[] => {
    const words = line.split(' ').map((word) => `'${word}'`);
    const code = `source '${script}'; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _espalier; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return told('bash', ['-c', code]).trim().split('\n').sort();
  };
  assert.deepEqual(complete('espalier pr'), ['profile', 'prune']);
  assert.deepEqual(complete('espalier prune --method lot'), ['lottery']);
  assert.deepEqual(complete('espalier methods fgg'), ['fggp']);
  assert.deepEqual(complete('espalier prune resnet5'), ['resnet50', 'resnet56']);
  assert.deepEqual(complete('espalier prune --select-'), ['--select-anneal', '--select-ratio']);
  assert.deepEqual(complete('espalier train --optimizer '), ['adam', 'adamw', 'sgd']);
  assert.deepEqual(complete('espalier train --data cifar'), ['cifar10', 'cifar100']);
  assert.deepEqual(complete('espalier train resnet20 --out ru'), ['runs']);
  assert.deepEqual(complete('espalier train --epochs '), [''], 'a number cannot be guessed');
  assert.deepEqual(complete('espalier train --score'), [''], 'train has no such flag');
});

test('fish completes the same', async (t) => {
  const script = await scriptFor('fish', t);
  if (!script) return;
  const complete = (line: string) => {
    const lines = told('fish', ['-c', `source '${script}'; complete -C '${line}'`])
      .trim()
      .split('\n');
    return lines.map((text) => text.split('\t')[0]).sort();
  };
  assert.deepEqual(complete('espalier pr'), ['profile', 'prune']);
  assert.deepEqual(complete('espalier prune --method lot'), ['lottery']);
  assert.deepEqual(complete('espalier train --optimizer '), ['adam', 'adamw', 'sgd']);
  assert.deepEqual(complete('espalier prune --select-'), ['--select-anneal', '--select-ratio']);
});

test('zsh completes the same', async (t) => {
  const script = await scriptFor('zsh', t);
  if (!script) return;
  // A terminal that zsh itself opens; it is read until the answer has come.
  const code = `
    zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'autoload -Uz compinit; compinit -D -u; source ${script}; print rea""dy'
    zpty -r z heard '*ready*' || exit 1
    zpty -w -n z $'espalier prune --method lotte\\t'
    zpty -r z heard '*lottery*' || exit 1
    print completed`;
  assert.match(told('zsh', ['-f', '-c', code]), /completed/);
});

test('a shell that is not known is refused', async () => {
  const { status, err } = await espalier('completion tcsh');
  assert.equal(status, 1);
  assert.match(
    err,
    /^espalier: Name the shell, as in espalier completion bash; there are bash, zsh, fish\.\n$/,
  );
});
