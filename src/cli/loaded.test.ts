/** What is loaded to show the version and the help: little, whatever the package grows to. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('./main.js', import.meta.url));
const root = new URL('..', import.meta.url).href;

/** Tells on standard error every module that is loaded. */
const HOOKS = `export async function load(url, context, next) {
  process._rawDebug('loads ' + url);
  return next(url, context);
}`;
const REGISTER = `import { register } from 'node:module';
register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(HOOKS)}`)});`;

/** The package's modules that are loaded for a command line. */
function loadedFor(...words: string[]): string[] {
  const told = `data:text/javascript,${encodeURIComponent(REGISTER)}`;
  const script = `${JSON.stringify(process.execPath)} --import ${JSON.stringify(told)} ${JSON.stringify(main)} ${words.join(' ')} 2>&1 >/dev/null`;
  const lines = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => (line.startsWith(`loads ${root}`) ? [line.slice(6 + root.length)] : []));
}

const skip = process.platform === 'win32' && 'it needs /bin/sh';

test('the version is told without anything else', { skip }, () => {
  assert.deepEqual(loadedFor('--version'), ['cli/main.js', 'base/version.js']);
});

test('help loads the command line and what it is told by', { skip }, () => {
  const loaded = loadedFor('--help');
  assert.ok(loaded.includes('cli/program.js'), 'modules are seen');
  const [own, others] = [/^cli\/[\w-]+\.js$/, /^base\/(told|errors|text|version)\.js$/];
  assert.deepEqual(
    loaded.filter((name) => !own.test(name) && !others.test(name)),
    ['cli/commands/index.js'],
  );
  assert.ok(loaded.length <= 15, `${loaded.length} modules: ${loaded.join(', ')}`);
});

test('a command loads the commands that it is made of, and no other', { skip }, () => {
  const commands = loadedFor('methods', '--help').filter((name) => name.startsWith('cli/commands/'));
  assert.deepEqual(commands, ['cli/commands/index.js', 'cli/commands/methods.js']);
});
