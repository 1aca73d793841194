/**
 * Runs on the files that are about to be committed what `npm test` runs on all: the style, the compiler, and the tests that lie
 * beside them. The hook in .githooks calls it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkStyle } from './style.mjs';
import { inWords, runTests } from './tests.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const git = spawnSync('git', ['diff', '--cached', '--name-only', '--diff-filter=ACMR', '-z'], {
  encoding: 'utf8',
});
const changed = git.stdout.split('\0').filter(Boolean);

/** The compiled tests of a source file: its own, and those of a file that is named after it. */
const testsOf = (file) => {
  const name = /^src\/(.*?)(?:\.test)?\.ts$/.exec(file)?.[1];
  const test = name && `dist/${name}.test.js`;
  return test && existsSync(test) ? [test] : [];
};

function stop(sentence) {
  process.stderr.write(`espalier: ${sentence}\n`);
  process.exit(1);
}

if (!checkStyle({ files: changed })) stop('the style is not right: run `npm run format`.');
if (changed.some((file) => file.startsWith('src/'))) {
  const { status } = spawnSync(process.execPath, ['scripts/setup.mjs'], { stdio: 'inherit' });
  if (status !== 0) stop('it does not compile: see above.');
  const counts = await runTests([...new Set(changed.flatMap(testsOf))]);
  if (counts.failed > 0) stop(`tests beside the changed files: ${inWords(counts)}.`);
}
