/** The walks of CONTRIBUTING.md, carried out in a copy of the sources as they stand there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { blocksOf, root } from './docs.test.fixture.js';

const copy = mkdtempSync(join(tmpdir(), 'espalier-walks-'));
after(() => rmSync(copy, { recursive: true, force: true }));

/** Does what a block says: after a line `// FILE` stands a new file, after `// FILE, after: LINE` what goes below that line. */
function carryOut(code: string): void {
  const parts = code.split(/^\/\/ (src\/\S+\.ts)(?:, after: (.*))?$/m).slice(1);
  assert.ok(parts.length >= 3, 'a walk changes nothing');
  for (let i = 0; i < parts.length; i += 3) {
    const [file, line, text] = parts.slice(i, i + 3);
    const path = join(copy, file);
    if (line === undefined) {
      assert.ok(!existsSync(path), `${file} is there already`);
      writeFileSync(path, text.trimStart());
      continue;
    }
    const lines = readFileSync(path, 'utf8').split('\n');
    const at = lines.indexOf(line);
    assert.ok(at >= 0, `${file} has no line "${line}"`);
    lines.splice(at + 1, 0, text.replace(/^\n|\n$/g, ''));
    writeFileSync(path, lines.join('\n'));
  }
}

/** Runs Node in the copy. */
function run(...args: string[]): string {
  // Tests that run inside of tests report to these and print nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: copy, env, encoding: 'utf8' });
  assert.equal(status, 0, `node ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

const espalier = (...args: string[]): string => run('dist/cli/main.js', ...args);

before(() => {
  for (const path of ['src', 'package.json', 'tsconfig.json', 'build', 'assets'])
    if (existsSync(join(root, path))) cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const walks = blocksOf('CONTRIBUTING.md').filter(({ language }) => language === 'ts');
  assert.equal(walks.length, 4);
  for (const { code } of walks) carryOut(code);
  run('node_modules/typescript/bin/tsc');
});

test('an operator that was added agrees with onnxruntime, and has a gradient', () => {
  for (const tests of ['cases', 'gradients']) {
    const flags = ['--test', '--test-reporter=tap', '--test-name-pattern=Cosh'];
    const said = run(...flags, `dist/graph/ops/${tests}.test.js`);
    assert.match(said, /^\s*ok \d+ - .*Cosh(?!.*# SKIP)/m);
  }
});

test('a method that was added is listed, and prunes', () => {
  assert.match(espalier('methods'), /erk-magnitude/);
  const flags = ['--sparsity', '0.8', '--data', 'digits', '--epochs', '1', '--width', '0.5', '--json'];
  const said = espalier('prune', 'resnet8', '--method', 'erk-magnitude', ...flags, '--out', 'run');
  assert.ok(Math.abs(JSON.parse(said).sparsity.after - 0.8) < 1e-3, said);
});

test('an importance and a score that were added are values of their flags', () => {
  const run = (...flags: string[]) =>
    JSON.parse(espalier('prune', 'resnet8', '--width', '0.5', '--data', 'none', '--json', ...flags));
  const channels = [
    '--method',
    'l1-filters',
    '--importance',
    'peak-norm',
    '--macs',
    '0.6',
    '--out',
    'channels',
  ];
  const { macs } = run(...channels);
  assert.ok(macs.after <= 0.6 * macs.before, JSON.stringify(macs));
  const { sparsity } = run(
    '--method',
    'magnitude',
    '--score',
    'cubed-magnitude',
    '--sparsity',
    '0.5',
    '--out',
    'weights',
  );
  assert.ok(Math.abs(sparsity.after - 0.5) < 1e-3, JSON.stringify(sparsity));
});

test('a command that was added has help, and runs', () => {
  assert.match(espalier('--help'), /zeros .*count the weights of a model that are zero/);
  assert.match(espalier('zeros', '--help'), /--width/);
  const { params, zeros } = JSON.parse(espalier('zeros', 'resnet8', '--json'));
  assert.ok(params > 70_000 && zeros < params, `${zeros} of ${params}`);
});
